"""All thresholds at once: does the candidate exceed some latency more often than the baseline?

The mean over thresholds of the sequential McNemar test (research notes, 1.3, H2), exact against "at
no threshold more often". Thresholds are fixed before the first judged pair: 6 % apart around the
baseline's past p95, so that any part of the distribution is seen, and units do not matter.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.bets import Floats, Integers
from analysis.blocks import counts_at
from analysis.latency_arms import Arms
from analysis.paired import EVEN_STAKES

STEP = 1.06
BELOW, ABOVE = 64, 36
"""Thresholds below the past p95, down to its fortieth part, and from it on, up to 7.7 times."""
NUMBER = BELOW + ABOVE


def grid(past_p95_ms: float) -> Floats:
    """The thresholds in milliseconds, ascending."""
    return np.asarray(past_p95_ms * STEP ** np.arange(-BELOW, ABOVE))


@dataclass(frozen=True, slots=True)
class ThresholdBets:
    """Every bet of every threshold with the same weight; kinds are b of each, then c of each."""

    def log_e(self, counts: Sequence[float] | Floats) -> float:
        """Log wealth of the mixture at these counts."""
        return float(self.path(np.asarray(counts, dtype=np.float64)[:, None])[0])

    def path(self, counts: Floats) -> Floats:
        """Log wealth of the mixture at each look."""
        b, c = (half[:, None] for half in np.split(counts, 2))
        won, lost = np.log1p(EVEN_STAKES)[:, None], np.log1p(-EVEN_STAKES)[:, None]
        wealth = (b * won + c * lost).reshape(-1, counts.shape[1])
        peak = wealth.max(axis=0)
        return np.asarray(peak + np.log(np.exp(wealth - peak).mean(axis=0)))


def discordant_at(arms: Arms, thresholds: Floats, looks: Integers, start: int) -> Floats:
    """Counts of b, then of c, for each threshold at each look since `start`."""
    return crossed(arms.candidate, arms.baseline, thresholds, looks, start)


def crossed(own: Floats, other: Floats, thresholds: Floats, looks: Integers, start: int) -> Floats:
    """The same for any two values of each pair: over a threshold on one side alone."""
    candidate = np.searchsorted(thresholds, own, side="left")
    baseline = np.searchsorted(thresholds, other, side="left")
    over_candidate, over_baseline, over_both = (
        _over(counts_at(passed, len(thresholds) + 1, looks, start))
        for passed in (candidate, baseline, np.minimum(candidate, baseline))
    )
    return np.concatenate([over_candidate - over_both, over_baseline - over_both])


def _over(passed: Floats) -> Floats:
    """Pairs over each threshold, from pairs by how many thresholds they passed."""
    return passed[::-1].cumsum(axis=0)[::-1][1:]
