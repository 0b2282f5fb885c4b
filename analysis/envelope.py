"""What was learned of two hosts with one version, and whether it can be relied on."""

from dataclasses import dataclass
from math import exp

MINUTE = 60
LONG, SHORT = 3 * 3_600, 3_600
TIMES = 5
"""Autocorrelation times that a window must hold, and that a block of shifts of hours is long."""
CLIP = 1.0
"""Log ratios are held to this, so that a wider drift is not measured."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What an A/A window says of the hosts; times in seconds, ratios as logarithms.

    `window` is the longest run of minutes with two pairs or more that follow each other; `rms` is
    the root mean square of the log ratio over blocks of `block`, about zero; `minute_rms` that of
    the minutes, `rho` their correlation, `tau` their autocorrelation time.
    """

    until_us: int
    window: float
    block: float
    rms: float
    minute_rms: float
    rho: float
    tau: float

    @property
    def factor(self) -> float:
        """Root mean squares that the envelope is wide: one more where the window is short."""
        return 3.0 if self.window >= LONG else 4.0

    @property
    def envelope(self) -> float:
        """By which ratio, less 1, the hosts alone may differ."""
        return exp(self.factor * self.rms) - 1

    @property
    def trouble(self) -> str:
        """Why it cannot be relied on; empty where it can."""
        if self.window < SHORT:
            return f"calibrated by {self.window / 60:.3g} unbroken min of requests, under an hour"
        if self.window < TIMES * self.tau:
            return (
                f"calibrated by {self.window / 3600:.3g} unbroken h of requests, under {TIMES} "
                f"autocorrelation times of {self.tau / 60:.3g} min"
            )
        if not self.rms or not self.minute_rms:
            return "latencies of the hosts never differ, so that nobody measured them"
        if self.factor * self.rms >= CLIP:
            return "the hosts drift by more than a factor of 2.72, beyond what is measured"
        return ""
