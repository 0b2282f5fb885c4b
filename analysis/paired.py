"""A paired difference D = bad(candidate) - bad(baseline) against a tolerance or a margin.

Kinds of pairs: b (only the candidate bad), c (only the baseline bad), the rest. A bet multiplies
1 + s lambda (D - delta), s = +1 for harm and -1 for safety; at delta = 0 this is the sequential
McNemar test and concordant pairs cost nothing. Grids: research notes, 1.2.

Where each request is answered by one side alone, sent to the candidate by chance in the share s, a
bad one counts 1/s on the candidate and -1/(1 - s) on the baseline: its mean is the difference of
the two rates, however they move (Horvitz and Thompson 1952). At delta = 0 this is the two-count
test (Lindon and Malek 2022), one-sided, as a mixture of bets.
"""

from dataclasses import dataclass
from math import log

import numpy as np

from analysis.bets import Bets, Evidence, Flags, Floats, even
from analysis.rates import TO_THE_LAST_BIT, last_true, lasts_true

STAKES = np.array([0.015, 0.05, 0.14, 0.28, 0.5, 0.75, 0.95])
"""Against a margin: from many pairs that differ by chance (.015) to hardly any that do (.95)."""
LOG_WEIGHTS = np.log(np.array([0.5, 1, 1, 1, 1, 1, 1]) / 6.5)
"""Half for the first, which few records need: a whole one costs the others 1.4 bounds at .01 %."""
EVEN_SHARES = np.array([0.52, 0.55, 0.6, 0.67, 0.75, 0.85, 0.97])
EVEN_STAKES = 2 * EVEN_SHARES - 1
QUANTILE_SHARES = np.array([0.525, 0.57, 0.635, 0.74, 0.93])
"""For harm over a quantile: 5 to 20 % slower is a share of .61 to .84, so that fewer will do."""
FINE_STAKES = np.geomspace(0.001, 0.98, 24)


@dataclass(frozen=True, slots=True)
class Payoff:
    """What D gains by a request that is bad on the candidate alone, and loses by the other kind."""

    own: float
    other: float

    @property
    def mirrored(self) -> "Payoff":
        """The sides swapped."""
        return Payoff(self.other, self.own)

    @property
    def even_stakes(self) -> Floats:
        """Stakes at delta = 0: odds of the candidate's share of the events, times those of none."""
        if self == PAIRED:
            return EVEN_STAKES
        neutral = self.other / (self.own + self.other)
        odds = EVEN_SHARES / (1 - EVEN_SHARES) * neutral / (1 - neutral)
        return np.asarray((odds / (1 + odds) / neutral - 1) / self.own)


PAIRED = Payoff(1.0, 1.0)


def split_payoff(share: float) -> Payoff:
    """Of requests that go to the candidate by chance, in this share of all."""
    return Payoff(1 / share, 1 / (1 - share))


def harm_bets(tolerance: float, payoff: Payoff = PAIRED) -> Bets:
    """Bets against "on average the difference is at most the tolerance"."""
    if tolerance == 0:
        return even(_gains(payoff.even_stakes, 0.0, payoff))
    return Bets(_gains(STAKES / (payoff.other + tolerance), tolerance, payoff), LOG_WEIGHTS)


def quantile_bets() -> Bets:
    """Bets against "no more often over a past quantile than the baseline": `harm_bets` of 0."""
    return even(_gains(2 * QUANTILE_SHARES - 1, 0.0, PAIRED))


def safety_bets(margin: float, payoff: Payoff = PAIRED) -> Bets:
    """Bets against "on average the difference is at least the margin": the mirror image of harm."""
    swapped = payoff.mirrored
    if margin == 0:
        return even(_mirrored(_gains(swapped.even_stakes, 0.0, swapped)))
    stakes = STAKES / (swapped.other + max(-margin, 0.0))
    return Bets(_mirrored(_gains(stakes, -margin, swapped)), LOG_WEIGHTS)


def _gains(stakes: Floats, delta: float | Floats, payoff: Payoff) -> Floats:
    return np.stack(
        [
            np.log1p(stakes * (payoff.own - delta)),
            np.log1p(-stakes * (payoff.other + delta)),
            np.log1p(-stakes * delta),
        ]
    )


def _mirrored(gains: Floats) -> Floats:
    return gains[[1, 0, 2]]


def interval(
    least: tuple[int, int], most: tuple[int, int], n: int, level: float, payoff: Payoff = PAIRED
) -> tuple[float, float]:
    """Confidence sequence for the mean difference: one-sided bets inverted at half the level.

    The counts (b, c) may be known only to lie between two ends, by their difference.
    """
    ends = (np.array([[b], [c], [n - b - c]], dtype=np.float64) for b, c in (least, most))
    low, high = (
        side(counts, level / 2, payoff)[0] for side, counts in zip((lows, highs), ends, strict=True)
    )
    return float(low), float(high)


def highs(
    counts: Floats, level: float, payoff: Payoff = PAIRED, halvings: int = TO_THE_LAST_BIT
) -> Floats:
    """The mirror image of `lows`."""
    return -lows(counts[[1, 0, 2]], level, payoff.mirrored, halvings)


def lows(
    counts: Floats, level: float, payoff: Payoff = PAIRED, halvings: int = TO_THE_LAST_BIT
) -> Floats:
    """The largest delta that the harm bets reject, at each of the columns of counts.

    Bets that could lose all are left out and keep their weight, so that fewer never gain from it.
    """

    fine = FINE_STAKES / payoff.other

    def rejected(delta: Floats) -> Flags:
        usable = fine * (payoff.other + delta[:, None]) < 1
        stakes = np.where(usable, fine, 0.0)
        wealth = np.einsum("kl,kls->ls", counts, _gains(stakes, delta[:, None], payoff))
        wealth[~usable] = -np.inf
        return np.asarray(np.logaddexp.reduce(wealth, axis=1) >= log(len(FINE_STAKES) / level))

    low = np.full(counts.shape[1], -1.0)
    found = lasts_true(rejected, low, -low, halvings)
    return np.where(rejected(low), found, low)


def smallest_harm(
    bets: Evidence, c: int, n: int, threshold: float, payoff: Payoff = PAIRED
) -> float | None:
    """The smallest mean difference that would have proven harm, with c as seen."""

    def missed(difference: float) -> bool:
        b = (c * payoff.other + n * difference) / payoff.own
        return bets.log_e((b, c, n - b - c)) < threshold

    most = ((n - c) * payoff.own - c * payoff.other) / n if n else 0.0
    most = min(most, 1.0)
    if most <= 0 or missed(most):
        return None
    return last_true(missed, 0.0, most)
