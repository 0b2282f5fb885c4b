"""Looks between which pairs are counted: what is too dear to look at after each pair of many.

The schedule is fixed before the first pair and counts pairs alone, which is all that any e-process
asks of it. Between two looks stands what the last one saw: a gate is at most one look late.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from analysis.bets import Evidence, Flags, Floats, Integers, Kinds, Trace, followed

EARLY = tuple((every, 32 * every) for every in (4, 8, 16, 32, 64, 128, 256, 512))
"""Pairs between two looks, until so many pairs: from 64 on at most a sixteenth of those so far."""
EVERY = 1_024
"""Pairs between two looks after that."""
SELDOM = 65_536
MANY = 10_000_000
"""Pairs from which on a look is taken only after every 65,536."""
BATCH = 131_072
"""Rows of a file that are counted at once."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Pairs of each kind by each look (kinds x looks) and by the end; rows that had come by it."""

    looks: Integers
    at_looks: Floats
    at_end: Floats

    def combined(self, one: Callable[[Floats], Floats]) -> "Counts":
        """One count of several ways to tell the kind of a pair: ways x kinds x looks before."""
        return Counts(self.looks, one(self.at_looks), one(self.at_end[:, :, None])[:, 0])


def schedule_words(pairs: int, what: str) -> str:
    """When a record of so many `what` was looked at, as a verdict says it."""
    if pairs > MANY:
        return f"after every {SELDOM:,} {what}"
    (often, _), (_, last) = EARLY[0], EARLY[-1]
    return f"after every {often} {what} at first, every {EVERY:,} from {last:,} on"


def looks_of(pairs: int, start: int = 0) -> Integers:
    """How many pairs of the record had come at each look, judged from the pair `start` on."""
    if pairs > MANY:
        return np.arange(start + SELDOM, pairs + 1, SELDOM, dtype=np.int64)
    judged, begin, looks = pairs - start, 0, []
    for every, end in (*EARLY, (EVERY, judged)):
        looks.append(np.arange(begin + every, min(end, judged) + 1, every, dtype=np.int64))
        begin = end
    return start + np.concatenate(looks)


def counts_at(kinds: Kinds, number: int, looks: Integers, start: int = 0) -> Floats:
    """Pairs of each kind since `start` by each look, from the kind of every pair: kinds x looks."""
    return np.asarray(by_look(kinds, number, looks, start).T, dtype=np.float64, order="C")


def by_look(kinds: Kinds, number: int, looks: Integers, start: int = 0) -> Integers:
    """The same as whole numbers, a row for each look: in the order in which they are counted."""
    if not len(looks):
        return np.zeros((0, number), dtype=np.int64)
    block = np.arange(0, len(looks) * number, number).repeat(np.diff(looks, prepend=start))
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
