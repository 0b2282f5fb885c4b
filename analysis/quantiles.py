"""Quantiles of latency: the frozen p95 of a past window, and time-uniform intervals."""

from dataclasses import dataclass
from math import ceil, log

import numpy as np

from analysis.bets import Floats, Integers, Kinds
from analysis.rates import log_beta

P95 = 0.95
P99 = 0.99
BINS = 1 << 15
"""Bins of all latencies there are."""
# Prior weight of the mixture, in observations: tightest from some hundreds to some ten thousands.
PRIOR = 100.0


@dataclass(frozen=True, slots=True)
class Quantile:
    """A quantile in milliseconds with its time-uniform interval; ends may be open (infinite)."""

    value: float
    low: float
    high: float


def order_statistic(values: Floats, share: float) -> float:
    """The smallest observed value with at least this share of the values at or below it."""
    rank = max(ceil(share * len(values)) - 1, 0)
    return float(np.partition(values, rank)[rank])


def quantile(ascending: Floats, share: float, level: float) -> Quantile | None:
    """A quantile and the observations between which it lies at all times, but for `level`.

    An end is open where the observations do not reach so far.
    """
    n = len(ascending)
    if n == 0:
        return None
    low, high = _ranks(n, share, level)
    ranks = [max(ceil(share * n) - 1, 0), max(low - 1, 0), min(high, n - 1)]
    value, least, most = ascending[ranks]
    return Quantile(
        float(value), float(least) if low > 0 else 0.0, float(most) if high < n else float("inf")
    )


def binned_quantile(counts: Integers, share: float, level: float) -> Quantile | None:
    """The same from how many values fell into each bin of `bins`: its ends are those of bins."""
    n = int(counts.sum())
    if n == 0:
        return None
    low, high = _ranks(n, share, level)
    ranks = np.array([max(ceil(share * n) - 1, 0), max(low - 1, 0), min(high, n - 1)])
    value, least, most = np.searchsorted(counts.cumsum(), ranks, side="right")
    return Quantile(
        edge(value), edge(least) if low > 0 else 0.0, edge(most + 1) if high < n else float("inf")
    )


def bins(ms: Floats) -> Kinds:
    """The bin of each latency, 1/128 of an octave wide; 0 is the lowest, infinity the highest.

    Taken from the bits of a float, so that it is the same on every machine.
    """
    with np.errstate(over="ignore"):
        near = np.asarray(ms).astype(np.float32)
    np.maximum(near, np.float32(1e-3), out=near)
    bits = near.view(np.int32)
    bits >>= 16
    return bits.astype(np.int16)


@dataclass(frozen=True, slots=True)
class Binned:
    """Milliseconds, and the bin of each: made once for all that ask for it."""

    ms: Floats
    place: Kinds


def binned(ms: Floats) -> Binned:
    """Values with their bins."""
    return Binned(ms, bins(ms))


def edge(place: int) -> float:
    """The least latency of a bin, in milliseconds."""
    return float((np.array([place], dtype=np.int32) << 16).view(np.float32)[0])


def _ranks(n: int, share: float, level: float) -> tuple[int, int]:
    """Least and greatest count at or below the quantile that the beta-binomial mixture allows."""
    a, b = PRIOR * share, PRIOR * (1 - share)
    start = log_beta(a, b)

    def rejected(k: int) -> bool:
        mixed = log_beta(a + k, b + n - k) - start
        return mixed - k * log(share) - (n - k) * log(1 - share) >= log(1 / level)

    centre = round(share * n)
    low, high = (0, centre) if rejected(0) else (-1, 0)
    while high - low > 1 and low >= 0:
        middle = (low + high) // 2
        low, high = (middle, high) if rejected(middle) else (low, middle)
    least = high
    low, high = (centre, n) if rejected(n) else (n, n)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if rejected(middle) else (middle, high)
    return least, low
