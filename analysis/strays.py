"""Rows that came all at once, or far from all others, whatever the few at either end say.

One row with a wrong time makes a record of a moment, or of last year, look like one that goes on.
So the ends are those of the rows but a hundredth, at most a hundred of them.
"""

from dataclasses import dataclass

import numpy as np

from analysis.bets import Integers

DAY = 86_400
LONGEST_CLOSED = 7 * DAY
"""Seconds that a record may have begun before its first hundredth: no market is closed longer."""
PART = 10
"""Of the time in which the others came: where requests are few, a hundredth takes its time."""
MOST_STRAYS = 100
AT_ONCE = "all or nearly all rows arrived in the same second"


def ends_of(n: int) -> Integers:
    """The rows of which `Ends` holds the seconds: first and last, then further and further in."""
    if not n:
        return np.zeros(0, dtype=np.int64)
    bulk = n // 100
    few = min(bulk, MOST_STRAYS)
    return np.array([0, n - 1, few, n - 1 - few, bulk, n - 1 - bulk], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Ends:
    """How many rows a record has, and in which seconds those of `ends_of` arrived."""

    n: int
    seconds: Integers

    @property
    def fault(self) -> str:
        """Why they cannot be those of a service that was watched, in words; empty if they can."""
        if self.n < 2:
            return ""
        first, last, early, late, begin, end = self.seconds.tolist()
        if begin == end:
            return AT_ONCE
        few = min(self.n // 100, MOST_STRAYS)
        while_others = (late - early) / PART
        if last - late > max(DAY, while_others):
            return f"stale: {_rows(few)} came in the last {_days(last - late)}"
        if early - first > max(LONGEST_CLOSED, while_others):
            return f"{_rows(few)} came in the first {_days(early - first)}: was their clock right?"
        return ""


def _rows(few: int) -> str:
    return f"at most {few} row{'s' if few > 1 else ''}"


def _days(seconds: int) -> str:
    return f"{seconds / DAY:,.1f} days"


def ends_among(seconds: Integers, rows: Integers) -> Ends:
    """From how many rows came in each second that had any."""
    came = rows.cumsum()
    n = int(rows.sum())
    return Ends(n, seconds[np.searchsorted(came, ends_of(n), side="right")])
