"""Lines on a terminal, drawn over those that were there before."""

import os
import shutil
import sys
from collections.abc import Sequence

from flows.output import escaped


class Drawing:
    """The part of a terminal that is drawn again and again, from where the cursor stands."""

    def __init__(self) -> None:
        self._height = 0

    def show(self, shown: Sequence[str]) -> None:
        """Replace what was drawn; what the terminal has no room for is left out, and said so."""
        columns, rows = shutil.get_terminal_size()
        # A line that wraps, or one that scrolls away, would not be reached by going up again.
        fitted = [escaped(line)[:columns] for line in shown]
        if len(fitted) >= rows:
            left = len(fitted) - rows + 2
            fitted = [*fitted[: rows - 2], f"... {left} lines more than fit"[:columns]]
        up = f"\x1b[{self._height}A" if self._height else ""
        body = "".join(f"\x1b[2K{text}\n" for text in fitted)
        sys.stdout.write(f"{up}{body}\x1b[0J")
        sys.stdout.flush()
        self._height = len(fitted)


def width() -> int | None:
    """The columns of the terminal that standard output is; None where it is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def can_draw() -> bool:
    """Whether standard output is a terminal on which lines may be drawn over."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return sys.stdout.isatty() and not plain
