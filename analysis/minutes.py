"""Sustained shifts of latency on hosts that drift: minute means, and blocks of hours.

The minutes are believed to follow AR(1) with the calibrated width and correlation, and evidence is
the likelihood ratio of a shift on their innovations: *model-based*, not exact. The signs of blocks
of five autocorrelation times are a coin's where the hosts agree, whatever their distribution.
"""

from dataclasses import dataclass, replace

import numpy as np

from analysis import paired
from analysis.bets import Bets, Flags, Floats, Integers, Trace, even, followed
from analysis.drift import SCALE, Scores, moments
from analysis.envelope import MINUTE, TIMES, Calibration
from analysis.late import SECOND_US

WIDER = 1.25
"""Root mean squares that the null is wide: a window knows the width of a drift only so well."""
SHIFTS = np.array([0.5, 0.8, 1.2, 1.8, 2.7, 4.0])
"""Shifts of a bet, in widths of the null."""
FINE = 1_000
LEAST_BLOCKS = 8


@dataclass(frozen=True, slots=True)
class Sustained:
    """Evidence that a shift is over (harm) or under (safety) a limit, at the end of each minute."""

    end_us: Integers
    minutes: Trace
    blocks: Trace

    @property
    def above(self) -> Flags:
        """Where either of them is proven, by the minute."""
        return self.minutes.above | self.blocks.above


@dataclass(frozen=True, slots=True)
class Shifts:
    """Shifts beyond what is allowed, and shifts within what is safe, with both limits as ratios."""

    harm: Sustained
    safety: Sustained
    allowed: float
    margin: float


def sustained(
    scores: Scores, watermark_us: int, found: Calibration, limit: float, side: int, level: float
) -> Sustained:
    """A shift of the log ratio beyond `limit`: over it with `side` 1, under it with -1.

    Half of the level is for the minutes and half for the blocks.
    """
    minutes = scores.by(MINUTE)
    end_us = scores.origin_us + (minutes.second + 1) * MINUTE * SECOND_US
    kept = (end_us <= watermark_us) & (minutes.n >= 2)
    n, end_us = minutes.n[kept], end_us[kept]
    mean, spread = moments(n, minutes.total[kept], minutes.squares[kept])
    beyond = side * (mean / SCALE - limit)
    place, noise = minutes.second[kept], spread / n / SCALE**2
    counts = np.rint(FINE * _statistics(place, beyond, noise, found)).astype(np.float64)
    model = followed(_shift_bets(found), counts, level / 2)
    signs = _signs(place, beyond, found)
    coin = followed(paired.harm_bets(0.0), signs, level / 2)
    enough = signs[:2].sum(axis=0) >= LEAST_BLOCKS
    blocks = replace(coin, above=coin.above & enough)
    return Sustained(end_us, model, blocks)


def _width(found: Calibration) -> float:
    return max(WIDER * found.minute_rms, 1 / SCALE)


def _shift_bets(found: Calibration) -> Bets:
    """Log likelihood ratio of a shift: shift A - shift^2 B / 2, for the two statistics."""
    shifts = SHIFTS * _width(found)
    return even(np.stack([shifts, -(shifts**2) / 2]) / FINE)


def _statistics(place: Integers, beyond: Floats, noise: Floats, found: Calibration) -> Floats:
    """A and B by the end of each minute; a minute that is missing lets the correlation fade."""
    if not len(place):
        return np.zeros((2, 0))
    gap = np.diff(place, prepend=place[:1])
    faded = np.where(gap > 0, found.rho ** gap.astype(np.float64), 0.0)
    before = np.concatenate([np.zeros(1), beyond[:-1]])
    earlier = np.concatenate([np.zeros(1), noise[:-1]])
    innovation = beyond - faded * before
    width = _width(found)
    variance = width**2 * (1 - faded**2) + noise + faded**2 * earlier
    share = 1 - faded
    return np.stack([(share * innovation / variance).cumsum(), (share**2 / variance).cumsum()])


def _signs(place: Integers, beyond: Floats, found: Calibration) -> Floats:
    """Blocks over the limit, under it, and minutes since, by the end of each minute."""
    length = max(1, round(TIMES * found.tau / MINUTE))
    block = place // length
    first = np.flatnonzero(np.diff(block, prepend=-1)) if len(block) else block
    sums = np.add.reduceat(beyond, first) if len(first) else np.zeros(0)
    over, under = np.zeros(len(place)), np.zeros(len(place))
    # A block speaks when the next begins; the last one has not ended.
    over[first[1:]], under[first[1:]] = sums[:-1] > 0, sums[:-1] < 0
    return np.stack([over.cumsum(), under.cumsum(), np.zeros(len(place))])


def outside(found: Calibration) -> float:
    """The chance that a block of a normal drift leaves the envelope, by the calibrated width."""
    from scipy.special import ndtr

    return float(2 * (1 - ndtr(found.factor)))
