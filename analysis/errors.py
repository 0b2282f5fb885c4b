"""The one error of this room: input that cannot be judged, with what would be right."""

from pathlib import Path

NO_ROWS = "a pair table has one row per mirrored request"
"""What would be right where there are none."""


class BadInput(ValueError):
    """Pairs or a policy that cannot be judged; `hint` says what would be right."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[type["BadInput"], tuple[str, str]]:
        """Both texts go along where a worker's error is sent to whoever asked."""
        return BadInput, (self.message, self.hint)


def missing(path: Path) -> BadInput:
    """Where there is no file and no folder."""
    return BadInput(f"{path} does not exist", "give a Parquet or JSONL file, or a folder")
