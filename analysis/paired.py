"""A paired difference D = bad(candidate) - bad(baseline) against a tolerance or a margin.

Kinds of pairs: b (only the candidate bad), c (only the baseline bad), the rest. A bet multiplies
1 + s lambda (D - delta), s = +1 for harm and -1 for safety; at delta = 0 this is the sequential
McNemar test and concordant pairs cost nothing. Grids: research notes, 1.2.
"""

from math import log

import numpy as np

from analysis.bets import Bets, Evidence, Floats, even
from analysis.rates import last_true

STAKES = np.array([0.03, 0.1, 0.22, 0.4, 0.65, 0.95])
EVEN_STAKES = 2 * np.array([0.52, 0.55, 0.6, 0.67, 0.75, 0.85, 0.97]) - 1
FINE_STAKES = np.geomspace(0.001, 0.98, 24)


def harm_bets(tolerance: float) -> Bets:
    """Bets against "on average the difference is at most the tolerance"."""
    if tolerance == 0:
        return even(_gains(EVEN_STAKES, 0.0))
    return even(_gains(STAKES / (1 + tolerance), tolerance))


def safety_bets(margin: float) -> Bets:
    """Bets against "on average the difference is at least the margin": the mirror image of harm."""
    if margin == 0:
        return even(_mirrored(_gains(EVEN_STAKES, 0.0)))
    return even(_mirrored(_gains(STAKES / (1 + max(-margin, 0.0)), -margin)))


def _gains(stakes: Floats, delta: float) -> Floats:
    return np.stack(
        [
            np.log1p(stakes * (1 - delta)),
            np.log1p(-stakes * (1 + delta)),
            np.log1p(-stakes * delta),
        ]
    )


def _mirrored(gains: Floats) -> Floats:
    return gains[[1, 0, 2]]


def interval(b: int, c: int, n: int, level: float) -> tuple[float, float]:
    """Confidence sequence for the mean difference: one-sided bets inverted at half the level."""
    return _low(b, c, n, level / 2), -_low(c, b, n, level / 2)


def _low(b: int, c: int, n: int, level: float) -> float:
    """The largest delta that the harm bets reject; bets that could lose all are left out."""

    def rejected(delta: float) -> bool:
        stakes = FINE_STAKES[FINE_STAKES * (1 + delta) < 1]
        if not len(stakes):
            return False
        # Bets left out keep their weight, so that fewer bets never gain from it.
        weights = np.full(len(stakes), -log(len(FINE_STAKES)))
        return Bets(_gains(stakes, delta), weights).log_e((b, c, n - b - c)) >= log(1 / level)

    if not rejected(-1.0):
        return -1.0
    return last_true(rejected, -1.0, 1.0)


def smallest_harm(bets: Evidence, c: int, n: int, threshold: float) -> float | None:
    """The smallest mean difference that would have proven harm, with c as seen."""

    def missed(difference: float) -> bool:
        b = c + n * difference
        return bets.log_e((b, c, n - b - c)) < threshold

    most = (n - 2 * c) / n if n else 0.0
    if most <= 0 or missed(most):
        return None
    return last_true(missed, 0.0, most)
