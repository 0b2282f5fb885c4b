"""A paired difference D = bad(candidate) - bad(baseline) against a tolerance or a margin.

Kinds of pairs: b (only the candidate bad), c (only the baseline bad), the rest. A bet multiplies
1 + s lambda (D - delta), s = +1 for harm and -1 for safety; at delta = 0 this is the sequential
McNemar test and concordant pairs cost nothing. Grids: research notes, 1.2.
"""

from math import log

import numpy as np

from analysis.bets import Bets, Evidence, Flags, Floats, even
from analysis.rates import last_true, lasts_true

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


def _gains(stakes: Floats, delta: float | Floats) -> Floats:
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
    counts = np.array([[b], [c], [n - b - c]], dtype=np.float64)
    return float(lows(counts, level / 2)[0]), float(highs(counts, level / 2)[0])


def highs(counts: Floats, level: float) -> Floats:
    """The mirror image of `lows`."""
    return -lows(counts[[1, 0, 2]], level)


def lows(counts: Floats, level: float) -> Floats:
    """The largest delta that the harm bets reject, at each of the columns of counts.

    Bets that could lose all are left out and keep their weight, so that fewer never gain from it.
    """

    def rejected(delta: Floats) -> Flags:
        usable = FINE_STAKES * (1 + delta[:, None]) < 1
        stakes = np.where(usable, FINE_STAKES, 0.0)
        wealth = np.einsum("kl,kls->ls", counts, _gains(stakes, delta[:, None]))
        wealth[~usable] = -np.inf
        return np.asarray(np.logaddexp.reduce(wealth, axis=1) >= log(len(FINE_STAKES) / level))

    low = np.full(counts.shape[1], -1.0)
    found = lasts_true(rejected, low, -low)
    return np.where(rejected(low), found, low)


def smallest_harm(bets: Evidence, c: int, n: int, threshold: float) -> float | None:
    """The smallest mean difference that would have proven harm, with c as seen."""

    def missed(difference: float) -> bool:
        b = c + n * difference
        return bets.log_e((b, c, n - b - c)) < threshold

    most = (n - 2 * c) / n if n else 0.0
    if most <= 0 or missed(most):
        return None
    return last_true(missed, 0.0, most)
