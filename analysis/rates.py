"""A rate against a limit: bets for harm and safety, and the time-uniform interval.

Each bet is the likelihood ratio of a rate p against the limit p0, a supermartingale for every
predictable rate on the wrong side of p0. Kinds of pairs: bad, good. Grids: research notes, 1.1.
"""

from collections.abc import Callable
from math import lgamma, log

import numpy as np

from analysis.bets import Bets, Evidence, Flags, Floats, even

ODDS_RATIOS = np.array([1.05, 1.1, 1.2, 1.35, 1.6, 2.0, 3.0, 6.0])
RARE_RATIOS = np.array([1.15, 1.35, 1.7, 2.5, 5.0, 20.0, 100.0])
RARE = 0.005
TO_THE_LAST_BIT = 200
"""Halvings of an interval after which its ends lie beside each other, wherever they are."""


def harm_bets(limit: float) -> Bets:
    """Bets against "the rate is at most the limit"."""
    if limit <= RARE:
        return _ratio_bets(limit * RARE_RATIOS[limit * RARE_RATIOS < 1], limit)
    return _ratio_bets(_with_odds(limit, ODDS_RATIOS), limit)


def safety_bets(limit: float) -> Bets:
    """Bets against "the rate is at least the limit"."""
    if limit <= RARE:
        return _ratio_bets(limit / RARE_RATIOS, limit)
    return _ratio_bets(_with_odds(limit, 1 / ODDS_RATIOS), limit)


def _with_odds(limit: float, ratios: Floats) -> Floats:
    odds = ratios * limit / (1 - limit)
    return np.asarray(odds / (1 + odds))


def _ratio_bets(rates: Floats, limit: float) -> Bets:
    return even(np.stack([np.log(rates / limit), np.log((1 - rates) / (1 - limit))]))


def log_beta(a: float, b: float) -> float:
    """Log of the beta function."""
    return lgamma(a) + lgamma(b) - lgamma(a + b)


def interval(
    bad: int, n: int, level: float, halvings: int = TO_THE_LAST_BIT
) -> tuple[float, float]:
    """Robbins' beta-binomial confidence sequence for a rate, mixed over Beta(1/2, 1/2)."""
    low, high = _mixture_low(bad, n, level, halvings), _mixture_low(n - bad, n, level, halvings)
    return low, 1 - high


def interval_between(
    least: int, most: int, n: int, level: float, halvings: int = TO_THE_LAST_BIT
) -> tuple[float, float]:
    """The interval when some pairs are unknown: low as if those were good, high as if bad."""
    low = _mixture_low(least, n, level, halvings)
    return low, 1 - _mixture_low(n - most, n, level, halvings)


def _mixture_low(bad: int, n: int, level: float, halvings: int) -> float:
    if bad == 0:
        return 0.0
    mixed = log_beta(bad + 0.5, n - bad + 0.5) - log_beta(0.5, 0.5)

    def rejected(rate: float) -> bool:
        good = (n - bad) * log(1 - rate) if bad < n else 0.0
        return mixed - bad * log(rate) - good >= log(1 / level)

    return last_true(rejected, 1e-300, bad / n, halvings)


def last_true(
    holds: Callable[[float], bool], low: float, high: float, halvings: int = TO_THE_LAST_BIT
) -> float:
    """Where a condition that holds on the left ends, by bisection; `low` where it holds nowhere."""
    for _ in range(halvings):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if holds(middle):
            low = middle
        else:
            high = middle
    return low


def lasts_true(
    holds: Callable[[Floats], Flags], low: Floats, high: Floats, halvings: int
) -> Floats:
    """`last_true` of many conditions at once, each between its own ends."""
    for _ in range(halvings):
        middle = (low + high) / 2
        if ((middle == low) | (middle == high)).all():
            break
        held = holds(middle)
        low, high = np.where(held, middle, low), np.where(held, high, middle)
    return low


def smallest_harm(bets: Evidence, n: int, limit: float, threshold: float) -> float | None:
    """The smallest rate whose expected counts over n pairs would have proven harm."""

    def missed(rate: float) -> bool:
        return bets.log_e((n * rate, n * (1 - rate))) < threshold

    if n == 0 or missed(1.0):
        return None
    return last_true(missed, limit, 1.0)
