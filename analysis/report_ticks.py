"""Where an axis has its texts: round values, few of them."""

from math import ceil, floor, log10

ROUND = (1.0, 2.0, 2.5, 5.0, 10.0)


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
    """Powers of ten from low to high, with 2 and 5 between them where the axis is short."""
    first, last = floor(log10(low)), ceil(log10(high))
    between = (1.0, 2.0, 5.0) if log10(high / low) <= 2.5 else (1.0,)
    told = [float(f"{f * 10.0**power:.6g}") for power in range(first, last + 1) for f in between]
    return [value for value in told if low <= value <= high]
