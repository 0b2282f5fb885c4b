"""Where an axis begins and ends, and where it has its texts: round values, few of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

ROUND = (1.0, 2.0, 2.5, 5.0, 10.0)
MOST_POWER = 307
"""Of ten, of which five times are still a number."""
MOST_POWERS = 7


@dataclass(frozen=True, slots=True)
class Axis:
    """From `low` to `high` with texts at these values; without a value there is no axis line."""

    low: float
    high: float
    at: Sequence[float] = ()
    texts: Sequence[str] = ()
    name: str = ""


def plain_axis(low: float, high: float, name: str, room: float = 0.0) -> Axis:
    """With round values from low to high, and room at both ends, a share of the way."""
    at, wide = steps(low, high), room * (high - low)
    return Axis(low - wide, high + wide, at, tick_texts(at), name)


def log_axis(low: float, high: float, name: str, room: float = 0.0) -> Axis:
    """The same of logarithms to base ten, whose texts are the values themselves."""
    at, (begin, end) = log_steps(low, high), (log10(low), log10(high))
    wide = room * (end - begin)
    places, texts = [log10(value) for value in at], [f"{value:.4g}" for value in at]
    return Axis(begin - wide, end + wide, places, texts, name)


def ends(low: float, high: float) -> tuple[float, float]:
    """The ends of an axis, moved apart where all is one value: no axis is without a length."""
    largest = max(abs(low), abs(high))
    if high - low > 1e-9 * largest:
        return low, high
    room = 0.05 * (largest or 1.0)
    return low - room, high + room


def steps(low: float, high: float, most: int = 6) -> list[float]:
    """Round values from low to high, evenly apart: at most so many gaps; none where none fit."""
    if not high > low:
        return []
    least = (high - low) / most
    size = 10.0 ** floor(log10(least))
    step = next(size * factor for factor in ROUND if size * factor >= least * (1 - 1e-9))
    first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
    # From whole numbers, so that 3 x 0.1 is 0.3.
    return [float(f"{number * step:.12g}") for number in range(first, last + 1)]


def log_steps(low: float, high: float) -> list[float]:
    """Powers of ten from low to high, not too many; closer values where the axis is short."""
    first, last = floor(log10(low)), min(ceil(log10(high)), MOST_POWER)
    between = (1.0, 2.0, 5.0) if log10(high / low) <= 2.5 else (1.0,)
    every = -(-(last - first) // MOST_POWERS) or 1
    powers = range(first, last + 1, every)
    told = [float(f"{f * 10.0**power:.6g}") for power in powers for f in between]
    inside = [value for value in told if low <= value <= high]
    return inside if len(inside) > 1 else [v for v in steps(low, high, most=4) if v > 0]


def tick_texts(at: Sequence[float]) -> list[str]:
    """Values as texts with the decimals that tell them apart, or all with an exponent."""
    if len(at) < 2:
        return [f"{value:.4g}" for value in at]
    step, largest = at[1] - at[0], max(abs(value) for value in at)
    digits = max(0, -floor(log10(step) + 1e-9))
    if largest >= 1e7 or digits > 6:
        return [f"{value:.{1 + max(0, floor(log10(largest / step)))}e}" for value in at]
    # A step of 2.5 has one decimal more than one of 2.
    digits += round(step * 10**digits, 6) % 1 > 0
    return ["0" if value == 0 else f"{value:,.{digits}f}" for value in at]
