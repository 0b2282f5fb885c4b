"""Naive peeking: a classical test redone at every look, and p below .05 as soon as it happens.

Source: the practice that Johari, Pekelis and Walsh (arXiv 1512.04922) and Netflix ("Sequential A/B
testing keeps the world streaming", part 1) warn of. One-sided: the z test of two shares and
McNemar's after every pair or label, from the 25th event on as textbooks ask of the normal law, and
Mann-Whitney on latency every hundred pairs.
"""

from collections.abc import Callable

import numpy as np
from scipy.special import ndtri

from analysis.bets import Flags, Floats
from analysis.clock import Look
from rivals.evidence import Evidence
from rivals.ranks import binned_z
from rivals.ruling import ROLLBACK, Ruling, earliest, undecided

CRITICAL = float(ndtri(0.95))
EVENTS = 25


def shares_z(baseline: Flags, candidate: Flags) -> Floats:
    """The pooled z of two independent shares after every pair."""
    n = np.arange(1, len(candidate) + 1)
    bad, other = candidate.cumsum(), baseline.cumsum()
    pooled = (bad + other) / (2 * n)
    spread = np.sqrt(np.maximum(2 * pooled * (1 - pooled) / n, 1e-300))
    return np.where(bad + other >= EVENTS, (bad - other) / n / spread, 0.0)


def mcnemar_z(baseline: Flags, candidate: Flags) -> Floats:
    """McNemar's z after every pair: (b - c) / sqrt(b + c)."""
    b, c = (candidate & ~baseline).cumsum(), (baseline & ~candidate).cumsum()
    return np.where(b + c >= EVENTS, (b - c) / np.sqrt(np.maximum(b + c, 1)), 0.0)


def shares(seen: Evidence) -> Ruling:
    """The z test of errors and of wrong answers, as if the sides were independent."""
    return _both(seen, shares_z)


def mcnemar(seen: Evidence) -> Ruling:
    """McNemar's test of errors and of wrong answers."""
    return _both(seen, mcnemar_z)


def mann_whitney(seen: Evidence) -> Ruling:
    """Mann-Whitney's test of latency."""
    latencies = seen.latencies
    z = binned_z(latencies.baseline, latencies.candidate)
    return _first("latency", z, lambda index: seen.look(int(latencies.pair[index]) - 1))


def _both(seen: Evidence, statistic: Callable[[Flags, Flags], Floats]) -> Ruling:
    labels = seen.labels
    wrong = statistic(labels.baseline_wrong, labels.candidate_wrong)
    return earliest(
        [
            _first("errors", statistic(seen.baseline_error, seen.candidate_error), seen.look),
            _first("wrong answers", wrong, labels.look),
        ],
        "never significant, which certifies nothing",
    )


def _first(name: str, z: Floats, look: Callable[[int], Look]) -> Ruling:
    above = z > CRITICAL
    if not above.any():
        return undecided("never significant, which certifies nothing")
    index = int(above.argmax())
    return Ruling(ROLLBACK, look(index), f"{name}: z {z[index]:.2f}")
