"""Mann-Whitney's U: of two small samples, exactly or by the normal law, and of binned counts."""

from functools import lru_cache
from math import comb, sqrt

import numpy as np
from scipy.special import ndtr

from analysis.bets import Floats


def u_statistic(first: Floats, second: Floats) -> float:
    """How often a value of the first sample exceeds one of the second, ties counted half."""
    ordered = np.sort(second)
    below = np.searchsorted(ordered, first, side="left").sum()
    return float(below + np.searchsorted(ordered, first, side="right").sum()) / 2


def tie_variance(n: float, m: float, ties: Floats) -> float:
    """The variance of U under equality, with the sizes of the groups of equal values."""
    total = n + m
    correction = float((ties**3 - ties).sum()) / (total * (total - 1))
    return n * m / 12 * (total + 1 - correction)


def group_sizes(values: Floats) -> Floats:
    """How many values are equal to each other."""
    return np.unique(values, return_counts=True)[1].astype(np.float64)


def greater(first: Floats, second: Floats, exact_up_to: int) -> float:
    """The one-sided p-value that the first sample is larger.

    Exact up to so many values in each sample without ties, otherwise normal with correction for
    ties and continuity.
    """
    n, m = len(first), len(second)
    u = u_statistic(first, second)
    ties = group_sizes(np.concatenate([first, second]))
    if n <= exact_up_to and m <= exact_up_to and ties.max(initial=1) == 1:
        counts = _distribution(n, m)
        return sum(counts[round(u) :]) / comb(n + m, n)
    variance = tie_variance(n, m, ties)
    if variance <= 0:
        return 1.0
    return float(1 - ndtr((u - n * m / 2 - 0.5) / sqrt(variance)))


@lru_cache(maxsize=256)
def _distribution(n: int, m: int) -> tuple[int, ...]:
    """How many orders of n and m distinct values give each U: a Gaussian binomial coefficient."""
    counts = [1] + [0] * (n * m)
    for factor in range(1, n + 1):
        up = m + factor
        for u in range(n * m, up - 1, -1):
            counts[u] -= counts[u - up]
        for u in range(factor, n * m + 1):
            counts[u] += counts[u - factor]
    return tuple(counts)


def binned_z(baseline: Floats, candidate: Floats) -> Floats:
    """Z of Mann-Whitney per row of counts by bin, positive where the candidate is larger."""
    n, m = candidate.sum(axis=1), baseline.sum(axis=1)
    below = baseline.cumsum(axis=1) - baseline
    u = (candidate * (below + baseline / 2)).sum(axis=1)
    ties = baseline + candidate
    total = np.maximum(n + m, 2)
    correction = (ties**3 - ties).sum(axis=1) / (total * (total - 1))
    variance = n * m / 12 * (total + 1 - correction)
    return np.asarray((u - n * m / 2) / np.sqrt(np.maximum(variance, 1e-300)))
