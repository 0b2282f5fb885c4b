"""Reading files of JSON lines that somebody else keeps appending to."""

import os
from collections.abc import Mapping, Sequence
from io import FileIO
from pathlib import Path
from types import UnionType
from typing import TypeAlias

import orjson
import polars as pl

PolarsType: TypeAlias = type[pl.DataType]
FITTING: Mapping[PolarsType, type | UnionType] = {
    pl.String: str | int | float,
    pl.Float64: int | float,
    pl.Int64: int,
    pl.Boolean: bool,
}
"""JSON values that may stand in a column; a number in a text column keeps its digits."""


class Tail:
    """What was appended to one file since the last time, in whole lines.

    A half-written last line waits for its end. A file renamed away (rotation) is read to its end
    before the one that took its name.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: FileIO | None = None
        self._rest = b""

    def take(self, limit: int | None = None) -> bytes:
        """The new whole lines, possibly none; a file that does not exist yet has none.

        With a limit at most so many bytes are read, and the rest another time.
        """
        read = self._read(limit)
        content = self._rest + read
        if (limit is None or len(read) < limit) and self._replaced():
            # What came between the reading and the renaming lies at its end.
            last = self._read(None if limit is None else limit - len(read))
            content, read = content + last, read + last
            if limit is None or len(read) < limit:
                self.close()
                # Nothing can end the last line of a file that was renamed away.
                content = _ended(content) + self._read(None if limit is None else limit - len(read))
        cut = content.rfind(b"\n") + 1
        self._rest = content[cut:]
        return content[:cut]

    def close(self) -> None:
        """Give the descriptor back."""
        if self._file is not None:
            self._file.close()
            self._file = None

    @property
    def unread(self) -> int:
        """Bytes that were not read yet, of the file itself and of one renamed away."""
        there = self.path.stat().st_size if self.path.exists() else 0
        if self._file is None:
            return there
        left = os.fstat(self._file.fileno()).st_size - self._file.tell()
        return max(0, left) + (there if self._replaced() else 0)

    def _read(self, limit: int | None = None) -> bytes:
        if self._file is None:
            try:
                self._file = FileIO(self.path)
            except FileNotFoundError:
                return b""
        return self._file.read(-1 if limit is None else limit)

    def _replaced(self) -> bool:
        if self._file is None:
            return False
        mine = os.fstat(self._file.fileno())
        try:
            there = self.path.stat()
        except FileNotFoundError:
            return False
        return there.st_ino != mine.st_ino or there.st_size < self._file.tell()


def frame_of(
    lines: bytes, schema: Mapping[str, PolarsType], required: Sequence[str]
) -> tuple[pl.DataFrame, int]:
    """Whole JSON lines as a table, and how many of them were unusable and left out."""
    if not lines or lines.isspace():
        return pl.DataFrame(schema=schema), 0
    damaged = 0
    try:
        frame = pl.read_ndjson(lines, schema=schema)
    except pl.exceptions.PolarsError:
        every = [line for line in lines.splitlines() if line.strip()]
        usable = [line for line in every if _fits(line, schema)]
        damaged = len(every) - len(usable)
        frame = pl.DataFrame(schema=schema)
        if usable:
            frame = pl.read_ndjson(b"\n".join(usable), schema=schema)
    whole = frame.drop_nulls(required) if required else frame
    return whole, damaged + frame.height - whole.height


def _fits(line: bytes, schema: Mapping[str, PolarsType]) -> bool:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return isinstance(row, dict) and all(
        isinstance(row.get(name), FITTING[kind] | None) for name, kind in schema.items()
    )


def _ended(content: bytes) -> bytes:
    return content if not content or content.endswith(b"\n") else content + b"\n"
