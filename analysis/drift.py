"""The guard against drifting hosts: small latency differences count only while blocks agree.

Two hosts differ by some 10 % for minutes; the dispersion of the per-minute mean of the clipped log
latency ratio shows it. Scores are whole 1/4096 so that sums are exact.
"""

from dataclasses import dataclass

import numpy as np

from analysis.bets import Flags, Floats, Integers
from analysis.clock import Clock
from analysis.envelope import Calibration
from analysis.late import SECOND_US
from analysis.pairs import ANSWERED, Pairs
from analysis.policy import Drift

SCALE = 4096
SHORTEST_MS = 0.001
PART = 131_072


@dataclass(frozen=True, slots=True)
class Guard:
    """State after each complete block: its end, dispersion so far, what chance allows, passed.

    `distrust` says why a calibration cannot be relied on; nothing is then open.
    """

    kind: str
    end_us: Integers
    dispersion: Floats
    allowed: Floats
    needed: int
    passed: Flags
    distrust: str = ""

    def open_at(self, at_us: Integers) -> Flags:
        """Whether small differences count at these times; a block decides about what follows it."""
        if self.kind != "guard":
            return np.full(len(at_us), not self.distrust)
        ends = np.searchsorted(self.end_us, at_us, side="right")
        return np.concatenate([np.zeros(1, dtype=np.bool_), self.passed])[ends]

    def trouble(self) -> str:
        """Why the guard holds at its last block, in numbers; empty where it does not."""
        blocks = len(self.end_us)
        if self.kind != "guard":
            return self.distrust
        if blocks and self.passed[-1]:
            return ""
        if blocks < self.needed:
            return f"{blocks} of {self.needed} one-minute blocks that the drift guard needs"
        return (
            f"the hosts drift: dispersion {self.dispersion[-1]:.3g} between {blocks} one-minute "
            f"blocks, {self.allowed[-1]:.3g} by chance"
        )


@dataclass(frozen=True, slots=True)
class Guarded:
    """The looks of a clock and the ends of a guard's blocks among them.

    `rows` is how many of the clock's own each has seen, `allowed` where small differences count.
    """

    looks: Clock
    rows: Integers | slice
    allowed: Flags


def guarded_by(guard: Guard, clock: Clock) -> Guarded:
    """Made once for all gates that speak only while the guard is open."""
    looks, rows = clock.with_looks_at(guard.end_us)
    return Guarded(looks, rows, guard.open_at(looks.at_us))


@dataclass(frozen=True, slots=True)
class Scores:
    """Pairs with two latencies, their clipped log ratio in 1/4096 and its square, by the second.

    `second` counts from the second of the first arrival, at `origin_us`.
    """

    second: Integers
    n: Integers
    total: Integers
    squares: Integers
    origin_us: int

    def by(self, length: int) -> "Scores":
        """The same by blocks of so many seconds."""
        first = np.flatnonzero(np.diff(self.second // length, prepend=-1))
        if not len(first):
            return self
        n, total, squares = (
            np.add.reduceat(part, first) for part in (self.n, self.total, self.squares)
        )
        return Scores(self.second[first] // length, n, total, squares, self.origin_us)

    def within(self, begin: int, end: int, length: int) -> "Scores":
        """Those from one block of so many seconds up to another, by the places of `by`."""
        part = slice(*np.searchsorted(self.second, [begin * length, end * length]))
        return Scores(
            self.second[part], self.n[part], self.total[part], self.squares[part], self.origin_us
        )


def guard_of(scores: Scores, watermark_us: int, drift: Drift) -> Guard:
    """Evaluate the guard at the end of every complete block of arrival."""
    if drift.kind != "guard" or not len(scores.n):
        none = np.zeros(0)
        return Guard(
            drift.kind,
            none.astype(np.int64),
            none,
            none,
            drift.blocks,
            none > 0,
            _distrust(scores, drift.calibration),
        )
    blocks = scores.by(round(drift.block))
    end_us = scores.origin_us + (blocks.second + 1) * round(drift.block) * SECOND_US
    kept = (end_us <= watermark_us) & (blocks.n >= 2)
    n = blocks.n[kept]
    mean, spread = moments(n, blocks.total[kept], blocks.squares[kept])
    return guard_over(end_us[kept], n, mean, spread / n, drift)


def guard_over(
    end_us: Integers, n: Integers, mean: Floats, variance: Floats, drift: Drift
) -> Guard:
    """The guard from the mean of each complete block, its variance and the requests in it."""
    number = np.arange(1, len(end_us) + 1)
    rate = n.cumsum() / (number * drift.block)
    needed = np.where(rate < drift.sparse_rate, drift.sparse_blocks, drift.blocks)
    dispersion = _dispersion(mean, variance)
    allowed = chance(number - 1, drift.level)
    passed = (number >= needed) & (dispersion <= allowed)
    last = int(needed[-1]) if len(needed) else drift.blocks
    return Guard("guard", end_us, dispersion, allowed, last, passed)


def _distrust(scores: Scores, calibration: Calibration | None) -> str:
    if calibration is None:
        return ""
    if len(scores.n) and scores.origin_us < calibration.until_us // SECOND_US * SECOND_US:
        return "the hosts were calibrated after the record had begun"
    return calibration.trouble


def scores_of(pairs: Pairs) -> Scores:
    """Scores of the pairs with two latencies, from the whole second of the first arrival on.

    Part by part: sums are exact, and in between a row would take more memory than it does.
    """
    origin = int(pairs.arrived_us[0]) // SECOND_US * SECOND_US if len(pairs) else 0
    begins = range(0, len(pairs), PART) or (0,)
    parts = [_scores_in(pairs, slice(begin, begin + PART), origin) for begin in begins]
    second, n, total, squares = (
        np.concatenate(columns)
        for columns in zip(*((p.second, p.n, p.total, p.squares) for p in parts), strict=True)
    )
    return Scores(second, n, total, squares, origin).by(1)


def _scores_in(pairs: Pairs, part: slice, origin: int) -> Scores:
    candidate, baseline = pairs.candidate_latency_ms[part], pairs.baseline_latency_ms[part]
    usable = (pairs.outcome[part] == ANSWERED) & ~np.isnan(candidate) & ~np.isnan(baseline)
    candidate = np.maximum(candidate[usable], SHORTEST_MS)
    ratio = np.clip(np.log(candidate / np.maximum(baseline[usable], SHORTEST_MS)), -1, 1)
    score = np.rint(ratio * SCALE).astype(np.int64)
    second = (pairs.arrived_us[part][usable] - origin) // SECOND_US
    return Scores(second, np.ones_like(score), score, score * score, origin).by(1)


def moments(n: Integers, total: Integers, squares: Integers) -> tuple[Floats, Floats]:
    """Mean and variance of the scores in each block."""
    mean = total / n
    variance = (squares - total * mean) / np.maximum(n - 1, 1)
    # Rounding alone has a variance of 1/12; constant latencies must not divide by nothing.
    return mean, np.maximum(variance, 1 / 12)


def _dispersion(mean: Floats, variance: Floats) -> Floats:
    """Weighted sum of squares about the weighted mean, over the first 1, 2, ... blocks."""
    centred = mean - mean[:1].sum()
    weight = 1 / variance
    about = (weight * centred).cumsum() ** 2 / weight.cumsum()
    return np.asarray((weight * centred**2).cumsum() - about)


def chance(degrees: Integers, level: float) -> Floats:
    """Chi-square quantiles; none is needed for a single block."""
    from scipy.special import chdtri

    return np.asarray(np.where(degrees > 0, chdtri(np.maximum(degrees, 1), 1 - level), 0.0))
