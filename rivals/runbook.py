"""The runbook's own rules as points: a share above a number, for so many minutes in a row.

Source: the deployment runbook: roll back at errors above 5 % for 2 consecutive minutes, response
time 50 % up for 5 minutes, ML accuracy below 85 %; as written, so without a minimum of requests.
Response time is the p95 of a minute against the baseline's of the same minute, accuracy that of the
labels of a minute.
"""

from dataclasses import dataclass

import numpy as np

from analysis.bets import Flags, Integers
from rivals.evidence import Evidence
from rivals.ruling import PROMOTE, ROLLBACK, Ruling, undecided


@dataclass(frozen=True, slots=True)
class Runbook:
    """The three rules; the p95 ratio and the share of errors must last, accuracy need not."""

    max_errors: float = 0.05
    error_minutes: int = 2
    max_ratio: float = 1.5
    ratio_minutes: int = 5
    min_right: float = 0.85

    def __call__(self, seen: Evidence) -> Ruling:
        """The first minute at which any of them fires; a record without one is promoted."""
        minutes = seen.minutes
        candidate, baseline = minutes.candidate, minutes.baseline
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            slow = candidate.p95_ms / baseline.p95_ms > self.max_ratio
        fired = {
            "errors": in_a_row(candidate.error_share > self.max_errors, self.error_minutes),
            "response time": in_a_row(slow, self.ratio_minutes),
            "accuracy": np.flatnonzero(candidate.wrong_share > 1 - self.min_right),
        }
        first = [(int(found[0]), name) for name, found in fired.items() if len(found)]
        if first:
            index, name = min(first)
            return Ruling(ROLLBACK, minutes.look(index), name)
        if not len(minutes.end_us):
            return undecided("no minute has ended")
        return Ruling(PROMOTE, minutes.look(len(minutes.end_us) - 1), "no rule fired")


def in_a_row(above: Flags, wanted: int) -> Integers:
    """The ends of runs of so many."""
    so_far = np.concatenate([np.zeros(1, dtype=np.int64), above.cumsum()])
    return np.flatnonzero(so_far[wanted:] - so_far[:-wanted] == wanted) + wanted - 1


AS_WRITTEN = Runbook()
