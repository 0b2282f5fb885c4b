"""PipeCD's analysis stage: Mann-Whitney on the points of each interval, p at most 0.05 fails.

Source: pipe-cd/pipecd, pkg/app/piped/executor/analysis/metrics_analyzer.go (strategy
CANARY_BASELINE, deviation HIGH) and its mannwhitney package: exact up to 50 points without ties;
up to 25 with ties it is exact there, too, where this one takes the normal law. Each interval is
looked at by itself and no level is shared between looks. One point a minute, ten to an interval.
"""

from dataclasses import dataclass

import numpy as np

from analysis.bets import Floats
from rivals.evidence import Evidence, Windows
from rivals.ranks import greater, group_sizes
from rivals.ruling import PROMOTE, ROLLBACK, Ruling, undecided

ALPHA = 0.05
EXACT = 50


@dataclass(frozen=True, slots=True)
class PipeCD:
    """An analysis of all metrics in parallel, for as long as the record is."""

    points: int = 10
    failure_limit: int = 0

    def __call__(self, seen: Evidence) -> Ruling:
        """The first metric whose failed looks exceed the limit ends the stage."""
        minutes = seen.minutes
        looks = len(minutes.end_us) // self.points
        if not looks:
            return undecided(f"fewer than {self.points} minutes")
        found = [
            (index, name)
            for name, pair in metrics_of(minutes).items()
            if (index := self._failed(*pair, looks)) is not None
        ]
        if found:
            index, name = min(found)
            return Ruling(ROLLBACK, minutes.look((index + 1) * self.points - 1), name)
        return Ruling(PROMOTE, minutes.look(looks * self.points - 1), "no look failed")

    def _failed(self, baseline: Floats, candidate: Floats, looks: int) -> int | None:
        failures = 0
        for look in range(looks):
            span = slice(look * self.points, (look + 1) * self.points)
            failures += deviates(candidate[span], baseline[span])
            if failures > self.failure_limit:
                return look
        return None


def deviates(candidate: Floats, baseline: Floats) -> bool:
    """Whether a look fails: one side empty, or significantly higher; equal constants are an error.

    In the code that error counts as a failed look. A metric that is always 0 would then fail every
    rollout, so it passes here, as it does with a query that returns no series.
    """
    candidate, baseline = candidate[~np.isnan(candidate)], baseline[~np.isnan(baseline)]
    if not len(candidate) or not len(baseline):
        return len(candidate) != len(baseline)
    if len(group_sizes(np.concatenate([candidate, baseline]))) == 1:
        return False
    return greater(candidate, baseline, EXACT) <= ALPHA


def metrics_of(minutes: Windows) -> dict[str, tuple[Floats, Floats]]:
    """Baseline and candidate by the minute, higher is worse; accuracy only where labels are."""
    baseline, candidate = minutes.baseline, minutes.candidate
    metrics = {
        "errors": (baseline.error_share, candidate.error_share),
        "p95": (baseline.p95_ms, candidate.p95_ms),
    }
    if candidate.labels.any():
        metrics["wrong answers"] = (baseline.wrong_share, candidate.wrong_share)
    return metrics


DEFAULT = PipeCD()
