"""How long right and wrong answers hang together, as a policy knows it before anything is judged.

Targets that overlap, and requests that come in the order of a market, make errors come in runs:
labels that are counted one by one then count more evidence than is there.
"""

from dataclasses import dataclass
from math import ceil

from analysis.envelope import TIMES

LEAST_PAIRS = 100
"""Labelled pairs in a block, so that its share of errors is a share."""
FEWEST = 20
"""Blocks that a calibration must see."""


@dataclass(frozen=True, slots=True)
class Dependence:
    """What is believed of answers: `none`, `guard`, or `calibrated` with `tau`; in labelled pairs.

    `none`: one by one. `guard`: one by one once `blocks` blocks of `pairs` differ by no more than
    chance. `calibrated`: in blocks of five times `tau`, learned from `window` pairs until `until`.
    """

    kind: str
    reason: str = ""
    pairs: int = 250
    blocks: int = 5
    level: float = 0.999
    until_us: int = 0
    window: int = 0
    tau: float = 1.0

    @property
    def block(self) -> int | None:
        """Labelled pairs that are judged as one; None where each is judged by itself."""
        if self.kind != "calibrated" or self.tau <= 1:
            return None
        return max(ceil(TIMES * self.tau), LEAST_PAIRS)

    @property
    def trouble(self) -> str:
        """Why a calibration cannot be relied on; empty where it can."""
        needed = FEWEST * max(ceil(TIMES * self.tau), LEAST_PAIRS)
        if self.kind != "calibrated" or self.window >= needed:
            return ""
        return (
            f"the calibration of answers saw {self.window:,} labelled pairs, and an "
            f"autocorrelation time of {self.tau:.3g} needs {needed:,}"
        )
