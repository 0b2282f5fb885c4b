"""Flagger's loop: a tick each interval, a failed check holds the weight, enough of them end it.

Source: docs.flagger.app, usage/how-it-works and usage/metrics; fluxcd/flagger, pkg/controller/
scheduler.go. The numbers of the first example there: interval 1m, threshold 10, maxWeight 50,
stepWeight 2; request-success-rate of at least 99, request-duration (p99, cut to whole milliseconds)
of at most 500. Failed checks are never forgotten and need not follow each other; no data is a
failure. The share of right answers is a metric template of ours, from the first label on.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.bets import Flags
from rivals.evidence import Evidence, Windows
from rivals.ruling import PROMOTE, ROLLBACK, Ruling, undecided


@dataclass(frozen=True, slots=True)
class Flagger:
    """A canary analysis; `max_ratio` puts the p99 against the baseline's, else `max_ms` holds."""

    threshold: int = 10
    max_weight: int = 50
    step_weight: int = 2
    min_success: float = 99.0
    max_ms: float = 500.0
    max_ratio: float | None = None
    min_right: float = 85.0

    def __call__(self, seen: Evidence) -> Ruling:
        """Tick by tick over the whole minutes of the record."""
        minutes = seen.minutes
        if not len(minutes.end_us):
            return undecided("no minute has ended")
        tick, decision = ticks(self.passed(minutes), self.threshold, self._steps())
        if decision == ROLLBACK:
            return Ruling(ROLLBACK, minutes.look(tick), f"{self.threshold} failed checks")
        if decision == PROMOTE:
            return Ruling(PROMOTE, minutes.look(tick), f"weight {self.max_weight} reached")
        return undecided("the record ended before the last step")

    def _steps(self) -> int:
        return -(-self.max_weight // self.step_weight)

    def passed(self, minutes: Windows) -> Flags:
        """Which minutes pass every check; a comparison with NaN is a failure."""
        candidate = minutes.candidate
        p99 = np.floor(candidate.p99_ms)
        limit = self.max_ms if self.max_ratio is None else self.max_ratio * minutes.baseline.p99_ms
        passed = (100 * (1 - candidate.error_share) >= self.min_success) & (p99 <= limit)
        labelled = np.flatnonzero(candidate.labels)
        if len(labelled):
            right = 100 * (1 - candidate.wrong_share) >= self.min_right
            passed &= right | (np.arange(len(passed)) < labelled[0])
        return np.asarray(passed)


def ticks(passed: Sequence[bool] | Flags, threshold: int, steps: int) -> tuple[int, str | None]:
    """The tick (from 0) at which it ended and how; each looks at the threshold before it checks."""
    failed = weight = 0
    for tick, good in enumerate(passed):
        if failed >= threshold:
            return tick, ROLLBACK
        if good:
            weight += 1
        else:
            failed += 1
        if weight == steps:
            return tick, PROMOTE
    return len(passed) - 1, None


DOCUMENTED = Flagger()
RELATIVE = Flagger(threshold=5, step_weight=1, max_ratio=1.1)
