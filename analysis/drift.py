"""The guard against drifting hosts: small latency differences count only while blocks agree.

Two hosts differ by some 10 % for minutes; the dispersion of the per-minute mean of the clipped log
latency ratio shows it. Scores are whole 1/4096 so that sums are exact.
"""

from dataclasses import dataclass

import numpy as np

from analysis.bets import Flags, Floats, Integers
from analysis.pairs import ANSWERED, Pairs
from analysis.policy import Drift

SCALE = 4096
SHORTEST_MS = 0.001


@dataclass(frozen=True, slots=True)
class Guard:
    """State after each complete block: its end, dispersion so far, what chance allows, passed."""

    kind: str
    end_us: Integers
    dispersion: Floats
    allowed: Floats
    needed: int
    passed: Flags

    def open_at(self, at_us: Integers) -> Flags:
        """Whether small differences count at these times; a block decides about what follows it."""
        if self.kind == "none":
            return np.ones(len(at_us), dtype=np.bool_)
        ends = np.searchsorted(self.end_us, at_us, side="right")
        return np.concatenate([np.zeros(1, dtype=np.bool_), self.passed])[ends]

    def trouble(self) -> str:
        """Why the guard holds at its last block, in numbers; empty where it does not."""
        blocks = len(self.end_us)
        if self.kind == "none" or (blocks and self.passed[-1]):
            return ""
        if blocks < self.needed:
            return f"{blocks} of {self.needed} one-minute blocks that the drift guard needs"
        return (
            f"the hosts drift: dispersion {self.dispersion[-1]:.3g} between {blocks} one-minute "
            f"blocks, {self.allowed[-1]:.3g} by chance"
        )


def guard_of(pairs: Pairs, drift: Drift) -> Guard:
    """Evaluate the guard at the end of every complete block of arrival."""
    length = round(drift.block * 1_000_000)
    if drift.kind == "none" or not len(pairs):
        none = np.zeros(0)
        return Guard(drift.kind, none.astype(np.int64), none, none, drift.blocks, none > 0)
    origin = int(pairs.arrived_us[0]) // 1_000_000 * 1_000_000
    usable, scores = _scores(pairs)
    block = ((pairs.arrived_us - origin) // length)[usable]
    first = np.flatnonzero(np.diff(block, prepend=-1))
    n, mean, spread = _block_moments(scores, first, len(block))
    end_us = origin + (block[first] + 1) * length
    kept = (end_us <= pairs.watermark_us) & (n >= 2)
    end_us, n, mean, spread = end_us[kept], n[kept], mean[kept], spread[kept]
    number = np.arange(1, len(end_us) + 1)
    rate = n.cumsum() / (number * drift.block)
    needed = np.where(rate < drift.sparse_rate, drift.sparse_blocks, drift.blocks)
    dispersion = _dispersion(mean, spread / n)
    allowed = _chance(number - 1, drift.level)
    passed = (number >= needed) & (dispersion <= allowed)
    last = int(needed[-1]) if len(needed) else drift.blocks
    return Guard("guard", end_us, dispersion, allowed, last, passed)


def _scores(pairs: Pairs) -> tuple[Flags, Integers]:
    """Clipped log ratios of the pairs with two latencies, in 1/4096, and which pairs these are."""
    usable = (pairs.outcome == ANSWERED) & ~np.isnan(pairs.candidate_latency_ms)
    usable &= ~np.isnan(pairs.baseline_latency_ms)
    candidate = np.maximum(pairs.candidate_latency_ms[usable], SHORTEST_MS)
    baseline = np.maximum(pairs.baseline_latency_ms[usable], SHORTEST_MS)
    ratio = np.clip(np.log(candidate / baseline), -1, 1)
    return usable, np.rint(ratio * SCALE).astype(np.int64)


def _block_moments(scores: Integers, first: Integers, rows: int) -> tuple[Integers, Floats, Floats]:
    """Count, mean and variance of the scores in each block."""
    n = np.diff(first, append=rows)
    if not rows:
        return n, np.zeros(0), np.zeros(0)
    total = np.add.reduceat(scores, first)
    squares = np.add.reduceat(scores * scores, first)
    mean = total / n
    variance = (squares - total * mean) / np.maximum(n - 1, 1)
    # Rounding alone has a variance of 1/12; constant latencies must not divide by nothing.
    return n, mean, np.maximum(variance, 1 / 12)


def _dispersion(mean: Floats, variance: Floats) -> Floats:
    """Weighted sum of squares about the weighted mean, over the first 1, 2, ... blocks."""
    centred = mean - mean[:1].sum()
    weight = 1 / variance
    about = (weight * centred).cumsum() ** 2 / weight.cumsum()
    return np.asarray((weight * centred**2).cumsum() - about)


def _chance(degrees: Integers, level: float) -> Floats:
    """Chi-square quantiles; none is needed for a single block."""
    from scipy.special import chdtri

    return np.asarray(np.where(degrees > 0, chdtri(np.maximum(degrees, 1), 1 - level), 0.0))
