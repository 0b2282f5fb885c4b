"""Looks after every 1,024 pairs: what is too dear to look at after each pair is counted in blocks.

Between two looks stands what the last one saw, so that a gate is at most one look late.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from analysis.bets import Evidence, Flags, Floats, Integers, Kinds, Trace, followed

EVERY = 1_024
SELDOM = 65_536
MANY = 10_000_000
"""Pairs from which on a look is taken only after every 65,536."""
BATCH = 131_072
"""Rows of a file that are counted at once, among which no id may occur twice."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Pairs of each kind by each look (kinds x looks) and by the end; rows that had come by it."""

    looks: Integers
    at_looks: Floats
    at_end: Floats

    def combined(self, one: Callable[[Floats], Floats]) -> "Counts":
        """One count of several ways to tell the kind of a pair: ways x kinds x looks before."""
        return Counts(self.looks, one(self.at_looks), one(self.at_end[:, :, None])[:, 0])


def looks_of(pairs: int, start: int = 0) -> Integers:
    """How many pairs had come at each look, counted from the first pair of the record."""
    every = EVERY if pairs <= MANY else SELDOM
    return np.arange(start + every, pairs + 1, every, dtype=np.int64)


def counts_at(kinds: Kinds, number: int, looks: Integers, start: int = 0) -> Floats:
    """Pairs of each kind since `start` by each look, from the kind of every pair: kinds x looks."""
    return np.asarray(by_look(kinds, number, looks, start).T, dtype=np.float64, order="C")


def by_look(kinds: Kinds, number: int, looks: Integers, start: int = 0) -> Integers:
    """The same as whole numbers, a row for each look: in the order in which they are counted."""
    if not len(looks):
        return np.zeros((0, number), dtype=np.int64)
    block = np.arange(0, len(looks) * number, number).repeat(int(looks[0]) - start)
    block += kinds[start : int(looks[-1])]
    flat = np.bincount(block, minlength=len(looks) * number)
    counts = flat.reshape(len(looks), number)
    # Row by row: cumsum down the columns takes several times as long.
    for before, row in pairwise(counts):
        row += before
    return counts


def held(at_looks: Flags, looks: Integers, pairs: int) -> Flags:
    """For each pair what the last look saw; nothing before the first."""
    flags = np.zeros(pairs, dtype=np.bool_)
    if len(looks):
        flags[looks[0] - 1 :] = at_looks.repeat(np.diff(looks, append=pairs + 1))
    return flags


def follow_blocks(
    bets: Evidence, counts: Floats, looks: Integers, pairs: int, level: float
) -> Trace:
    """The e-process of a mixture over counts at looks; above its threshold from look to look."""
    trace = followed(bets, counts, level)
    drawn = replace(trace.drawn, looks=looks[trace.drawn.looks] - 1)
    return replace(trace, above=held(trace.above, looks, pairs), drawn=drawn)


def counted(kinds: Sequence[Kinds], number: int, start: int = 0) -> Counts:
    """Pairs of each kind since `start`, by each of these ways to tell the kind of every pair."""
    looks = looks_of(len(kinds[0]), start)
    at_looks = np.stack([counts_at(kind, number, looks, start) for kind in kinds])
    last = int(looks[-1]) if len(looks) else start
    rest = np.stack([np.bincount(kind[last:], minlength=number) for kind in kinds])
    return Counts(looks, at_looks, at_looks[:, :, -1:].sum(axis=-1) + rest)
