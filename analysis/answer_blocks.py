"""Answers whose errors come in runs: judged in blocks, or not before they were seen not to.

A block of five autocorrelation times of the champion's errors counts as one: its mean, held to
`WIDEST_PAIRED` or `WIDEST_RATE` about the claim, is a bounded payoff. Exact where the mean of a
block, given those before it, is no worse than the claim says (Waudby-Smith and Ramdas 2023).
"""

from dataclasses import dataclass, replace

import numpy as np

from analysis import payoffs
from analysis.bets import Flags, Floats, Integers, Kinds, Trace
from analysis.blocks import follow_blocks
from analysis.clock import Clock
from analysis.dependence import Dependence
from analysis.drift import chance
from analysis.findings import Estimate
from analysis.policy import JudgePolicy
from analysis.sample import Sample
from analysis.sides import (
    KNOWN,
    OTHER_HARM,
    OTHER_SAFETY,
    OWN_HARM,
    OWN_SAFETY,
    SURE,
    Sided,
)

WIDEST_PAIRED, WIDEST_RATE = 0.1, 0.5
"""A block counts at most so much beyond the claim: rarer and larger harm counts as this much."""
LEAST_BLOCKS = 8


@dataclass(frozen=True, slots=True)
class AnswerGuard:
    """After each complete block of labelled pairs: its end and whether errors were like chance's.

    `distrust` says why a calibration cannot be relied on; nothing is then open.
    """

    known: Dependence
    end_us: Integers
    passed: Flags
    dispersion: float
    allowed: float
    distrust: str

    def open_at(self, at_us: Integers) -> Flags:
        """Whether answers decide at these times."""
        if self.known.kind != "guard":
            return np.full(len(at_us), not self.distrust)
        ends = np.searchsorted(self.end_us, at_us, side="right")
        return np.concatenate([np.zeros(1, dtype=np.bool_), self.passed])[ends]

    def trouble(self) -> str:
        """Why answers decide nothing at the end, in numbers; empty where they may."""
        made = len(self.end_us)
        if self.known.kind != "guard":
            return self.distrust
        if made < self.known.blocks:
            return (
                f"{made} of {self.known.blocks} blocks of {self.known.pairs:,} labelled pairs "
                "that the guard of answers needs"
            )
        if self.passed[-1]:
            return ""
        return (
            f"the champion's errors come in runs: dispersion {self.dispersion:.3g} between {made} "
            f"blocks of {self.known.pairs:,} labelled pairs, {self.allowed:.3g} by chance"
        )


def answer_guard(sample: Sample, known: Dependence) -> AnswerGuard:
    """The guard over the champion's errors, as their labels came; known ones only."""
    labels, none = sample.labels, np.zeros(0, dtype=np.int64)
    if known.kind != "guard":
        return AnswerGuard(known, none, none > 0, 0.0, 0.0, _distrust(sample.arrival, known))
    seen = sample.answers().every(known.pairs)
    counts = np.diff(seen.at_looks, axis=1, prepend=0.0)
    n, wrong = (counts[kinds & KNOWN & SURE].sum(axis=0) for kinds in (KNOWN, OTHER_HARM))
    told = n > 0
    n, wrong, end_us = n[told], wrong[told], labels.at_us[seen.looks[told] - 1]
    dispersion, allowed = dispersion_of(wrong, n), chance(np.arange(len(n)), known.level)
    passed = (np.arange(1, len(n) + 1) >= known.blocks) & (dispersion <= allowed)
    last = (float(dispersion[-1]), float(allowed[-1])) if len(n) else (0.0, 0.0)
    return AnswerGuard(known, end_us, passed, *last, "")


def _distrust(arrival: Clock, known: Dependence) -> str:
    if known.kind == "calibrated" and len(arrival.at_us) and arrival.at_us[0] < known.until_us:
        return "the answers were calibrated after the record had begun"
    return known.trouble


def dispersion_of(wrong: Floats, n: Floats) -> Floats:
    """Pearson's chi-square of shares between the first 1, 2, ... blocks; 0 without any error."""
    total, errors = n.cumsum(), wrong.cumsum()
    rate = errors / np.maximum(total, 1)
    spread = (wrong**2 / np.maximum(n, 1)).cumsum() - errors * rate
    spread = np.where(errors * (total - errors) > 0, spread, 0.0)
    return np.asarray(spread / np.maximum(rate * (1 - rate), 1e-12))


@dataclass(frozen=True, slots=True)
class Claim:
    """What is claimed of bad answers: their share or the paired difference, harm or safety."""

    limit: float
    paired: bool
    harm: bool

    @property
    def widest(self) -> float:
        """How much a block counts beyond the limit at most."""
        return WIDEST_PAIRED if self.paired else WIDEST_RATE

    def values(self, counts: Floats) -> Floats:
        """The share of bad answers, or the difference of both shares, in each block."""
        own, other = (OWN_HARM, OTHER_HARM) if self.harm else (OWN_SAFETY, OTHER_SAFETY)
        bad = counts[own].sum(axis=0) - (counts[other].sum(axis=0) if self.paired else 0.0)
        return np.asarray(bad / counts.sum(axis=0))


def block_trace(sides: Sided, size: int, rows: int, claim: Claim, level: float) -> Trace:
    """The e-process of block means, looking at the end of each block of `size` pairs."""
    seen = sides.every(size)
    values = claim.values(np.diff(seen.at_looks, axis=1, prepend=0.0))
    step = payoffs.down if claim.harm else payoffs.up
    bets = payoffs.harm_bets(0.0) if claim.harm else payoffs.safety_bets(0.0)
    counts = _running(step((values - claim.limit) / claim.widest))
    trace = follow_blocks(bets, counts, seen.looks, rows, level)
    enough = np.zeros(rows, dtype=np.bool_)
    if len(seen.looks) >= LEAST_BLOCKS:
        enough[seen.looks[LEAST_BLOCKS - 1] - 1 :] = True
    return replace(trace, above=trace.above & enough)


def block_estimate(
    sides: Sided, size: int, estimate: Estimate, claim: Claim, level: float
) -> Estimate:
    """The same estimate with an interval that counts blocks; no end where a block was held."""
    seen = sides.every(size)
    counts = np.diff(seen.at_looks, axis=1, prepend=0.0)
    ends = []
    for harm, step in ((True, payoffs.down), (False, payoffs.up)):
        values = replace(claim, harm=harm).values(counts) - claim.limit
        running = _running(step(values / claim.widest))
        ends.append(running[:, -1] if running.shape[1] else np.zeros(payoffs.KINDS))
    low, high = payoffs.interval(ends[0], ends[1], level)
    least = -1.0 if claim.paired else 0.0
    return replace(
        estimate,
        low=max(claim.limit + claim.widest * low, least) if low > -1 else least,
        high=min(claim.limit + claim.widest * high, 1.0) if high < 1 else 1.0,
    )


def _running(kinds: Kinds) -> Floats:
    counts = np.zeros((payoffs.KINDS, len(kinds)))
    counts[kinds, np.arange(len(kinds))] = 1.0
    return counts.cumsum(axis=1)


def while_words(policy: JudgePolicy) -> str:
    """What the dependence of answers adds to when it was looked."""
    known = policy.dependence
    if known.block is not None:
        return f"; answers in blocks of {known.block:,} labelled pairs"
    if known.kind == "guard":
        return "; answers only while the champion's errors come as by chance"
    return ""


def blocks_words(policy: JudgePolicy, due: int) -> str:
    """What dependence leaves of the labels."""
    block = policy.dependence.block
    return "" if block is None else f", as {due // block:,} blocks of {block:,}"
