"""The mean of a bounded payoff Z in -1..1 against a tolerance or a margin.

A bet multiplies 1 + s lambda (Z - delta), s = +1 for harm and -1 for safety: exact for the mean,
whatever its distribution. Payoffs are counted in steps, rounded down where they claim harm and up
where they claim safety, so that rounding only ever loses evidence. Grid: research notes, 1.4.
"""

from math import log

import numpy as np

from analysis.bets import Bets, Floats, Integers, Kinds, even
from analysis.paired import FINE_STAKES
from analysis.rates import last_true

STAKES = np.array([0.02, 0.04, 0.08, 0.15, 0.3, 0.5, 0.75, 0.95])
STEPS = 256
"""Steps of a payoff between 0 and 1."""
KINDS = 2 * STEPS + 1
BOTH = 2 * KINDS
"""A kind for each step, for what lies between two, and for what is not known."""
VALUES = np.arange(-STEPS, STEPS + 1) / STEPS


def harm_bets(tolerance: float) -> Bets:
    """Bets against "the mean is at most the tolerance"; a kind for each step of the payoff."""
    return even(_gains(STAKES / (1 + tolerance), tolerance))


def safety_bets(margin: float) -> Bets:
    """Bets against "the mean is at least the margin": the mirror image of harm."""
    return even(_gains(STAKES / (1 + max(-margin, 0.0)), -margin)[::-1])


def _gains(stakes: Floats, delta: float) -> Floats:
    return np.asarray(np.log1p(stakes * (VALUES[:, None] - delta)))


def down(payoff: Floats) -> Kinds:
    """The step at or below each payoff, as a kind; what is not known is the least."""
    steps = payoff * STEPS
    np.floor(steps, out=steps)
    np.fmax(steps, -STEPS, out=steps)
    np.fmin(steps, STEPS, out=steps)
    return steps.astype(np.int16) + np.int16(STEPS)


def up(payoff: Floats) -> Kinds:
    """The step at or above each payoff, as a kind; what is not known is the most."""
    return np.int16(2 * STEPS) - down(-payoff)


def both_ways(payoff: Floats) -> Integers:
    """The step below and the step above as one of `BOTH` kinds, which `apart` takes apart.

    2k is step k itself, 2k + 1 lies between k and the next one; the last is not known.
    """
    steps = np.clip(payoff, -1, 1) * STEPS
    below = np.floor(steps)
    kinds = 2 * (below + STEPS) + (steps > below)
    return np.asarray(np.fmin(kinds, BOTH - 1), dtype=np.int64)


def apart(counts: Integers) -> tuple[Integers, Integers]:
    """Counts of the kinds of `down`, then of `up`, from those of `both_ways`, which come last."""
    exact, between, unknown = counts[..., 0::2], counts[..., 1:-1:2], counts[..., -1]
    lower, upper = exact.copy(), exact.copy()
    lower[..., :-1] += between
    lower[..., 0] += unknown
    upper[..., 1:] += between
    upper[..., -1] += unknown
    return lower, upper


def mean_of(counts: Floats) -> float | None:
    """The mean payoff of pairs counted by kind."""
    n = float(counts.sum())
    return float(counts @ VALUES) / n if n else None


def interval(lower: Floats, upper: Floats, level: float) -> tuple[float, float]:
    """Confidence sequence for the mean, from counts rounded down and counts rounded up."""
    return _low(lower, level / 2), -_low(upper[::-1], level / 2)


def _low(counts: Floats, level: float) -> float:
    """The largest mean that the harm bets reject; bets that could lose all are left out."""
    seen = counts > 0
    held, values = counts[seen], VALUES[seen]

    def rejected(delta: float) -> bool:
        stakes = FINE_STAKES[FINE_STAKES * (1 + delta) < 1]
        if not len(stakes):
            return False
        # Bets left out keep their weight, so that fewer bets never gain from it.
        weights = np.full(len(stakes), -log(len(FINE_STAKES)))
        gains = np.log1p(stakes * (values[:, None] - delta))
        return Bets(gains, weights).log_e(held) >= log(1 / level)

    if not rejected(-1.0):
        return -1.0
    return last_true(rejected, -1.0, 1.0)
