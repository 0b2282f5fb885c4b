"""All thresholds at once: does the candidate exceed some latency more often than the baseline?

The mean over thresholds of the sequential McNemar test (research notes, 1.3, H2), exact against "at
no threshold more often". Thresholds are fixed before the first judged pair: 6 % apart around the
baseline's past p95, so that any part of the distribution is seen, and units do not matter. So are
their weights, most of it where most latencies are; they were chosen on simulated ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.bets import Floats, Kinds
from analysis.paired import PAIRED, Payoff
from analysis.quantiles import BINS, Binned, bins

STEP = 1.06
BELOW, ABOVE = 64, 36
"""Thresholds below the past p95, down to its fortieth part, and from it on, up to 7.7 times."""
NUMBER = BELOW + ABOVE
FAST, BODY, TAIL = (33, 0.1), (35, 0.65), (32, 0.25)
"""How many thresholds in ascending order share which weight.

The body is from a sixth of the past p95 to a fifth above it.
"""
LEAST = 0.002
"""Below it bins no longer tell values apart."""


def grid(past_p95_ms: float) -> Floats:
    """The thresholds in milliseconds, ascending."""
    # A number of milliseconds that no latency has may be among them, and is then infinite.
    with np.errstate(over="ignore"):
        return np.asarray(past_p95_ms * STEP ** np.arange(-BELOW, ABOVE))


def _shared(*groups: tuple[int, float]) -> tuple[float, ...]:
    return tuple(weight / number for number, weight in groups for _ in range(number))


@dataclass(frozen=True, slots=True)
class ThresholdBets:
    """The bets of each threshold share its weight evenly; kinds are b of each, then c of each.

    Thresholds of no stated weights have the same.
    """

    payoff: Payoff = PAIRED
    weights: tuple[float, ...] = ()

    def log_e(self, counts: Sequence[float] | Floats) -> float:
        """Log wealth of the mixture at these counts."""
        return float(self.path(np.asarray(counts, dtype=np.float64)[:, None])[0])

    def path(self, counts: Floats) -> Floats:
        """Log wealth of the mixture at each look."""
        b, c = (half[:, None] for half in np.split(counts, 2))
        stakes = self.payoff.even_stakes[:, None]
        won, lost = np.log1p(stakes * self.payoff.own), np.log1p(-stakes * self.payoff.other)
        wealth = b * won + c * lost
        weights = self.weights or (1 / len(b),) * len(b)
        wealth += np.log(np.divide(weights, len(stakes)))[:, None, None]
        peak = wealth.max(axis=(0, 1))
        return np.asarray(peak + np.log(np.exp(wealth - peak).sum(axis=(0, 1))))


LATENCY_BETS = ThresholdBets(weights=_shared(FAST, BODY, TAIL))


def passed_both(own: Binned, other: Binned, thresholds: Floats) -> tuple[Kinds, ...]:
    """How many thresholds each value of the candidate, the baseline, and both of them passed."""
    candidate, baseline = (passed(values, thresholds) for values in (own, other))
    return candidate, baseline, np.minimum(candidate, baseline)


def passed(values: Binned, thresholds: Floats) -> Kinds:
    """How many of the ascending thresholds each value is over.

    By its bin where no two thresholds share one, which takes a fraction of the time of a search.
    """
    places = bins(thresholds)
    if not len(thresholds) or thresholds[0] <= LEAST or (np.diff(places) == 0).any():
        return np.searchsorted(thresholds, values.ms, side="left")
    ends = np.zeros(BINS, dtype=np.int16)
    ends[places] = 1
    # The thresholds below a bin, and as the last bit whether one lies in it.
    # By `take`: indexing makes wide numbers of narrow ones first.
    told = (2 * (ends.cumsum(dtype=np.int16) - ends) + ends).take(values.place)
    found = told >> 1
    # Of numbers it takes three times as long to find those that are not zero.
    within = np.flatnonzero((told & 1).astype(np.bool_))
    found[within] += values.ms[within] > thresholds[found[within]]
    return found


def over_one(passed: Floats) -> Floats:
    """Pairs over each threshold on one side alone, from how many passed so many thresholds.

    The first axis of `passed` is candidate, baseline, both; the second how many they passed.
    """
    over = passed[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:]
    return np.concatenate([over[0] - over[2], over[1] - over[2]])
