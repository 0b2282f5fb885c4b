"""Seconds and blocks of them that pairs in order of arrival fall into: what is counted in each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.bets import Floats, Integers, Kinds

FEW = 8
"""Stretches up to which counting each by itself takes less time than numbering their kinds."""
CELLS = int(np.iinfo(np.int16).max)
"""Pairs of kinds up to which one pass over both ways to tell takes less time than three."""


@dataclass(frozen=True, slots=True)
class Stretches:
    """Each with its id, its first row and how many rows it has."""

    ids: Integers
    first: Integers
    size: Integers

    def joined(self, length: int) -> "Stretches":
        """Blocks of so many seconds, from the seconds."""
        ids = self.ids // length
        first = _changes(ids)
        return Stretches(ids[first], self.first[first], np.add.reduceat(self.size, first))

    def of(self, kinds: Kinds, number: int) -> Integers:
        """Pairs of each kind in each stretch."""
        if len(self.ids) <= FEW:
            ends = self.first + self.size
            counts = [
                np.bincount(kinds[begin:end], minlength=number)
                for begin, end in zip(self.first, ends, strict=True)
            ]
            return np.stack(counts)
        flat = np.repeat(np.arange(len(self.ids)) * number, self.size)
        flat += kinds
        return np.bincount(flat, minlength=len(self.ids) * number).reshape(-1, number)

    def all_of(self, kinds: Sequence[Kinds], number: int) -> Integers:
        """The same for several ways to tell the kind, side by side."""
        return np.concatenate([self.of(kind, number) for kind in kinds], axis=1)

    def both_of(self, one: Kinds, other: Kinds, number: int) -> Integers:
        """Pairs of each kind of one way, of another, and of the lesser of both, side by side."""
        if len(self.ids) > FEW or number * number > CELLS:
            return self.all_of((one, other, np.minimum(one, other)), number)
        cells = self.of(one * np.int16(number) + other, number * number)
        cells = cells.reshape(-1, number, number)
        at_least = cells[:, ::-1, ::-1].cumsum(axis=1).cumsum(axis=2)[:, ::-1, ::-1]
        both = at_least.diagonal(axis1=1, axis2=2)
        lesser = both - np.pad(both[:, 1:], ((0, 0), (0, 1)))
        return np.concatenate([cells.sum(axis=2), cells.sum(axis=1), lesser], axis=1)

    def sums(self, values: Sequence[Floats]) -> Integers:
        """Sums of whole numbers in each stretch, side by side; floats hold them exactly."""
        columns = [np.add.reduceat(value, self.first) for value in values]
        return np.stack(columns, axis=1).astype(np.int64)


def stretches_of(ids: Integers) -> Stretches:
    """Those that rows with these ids, in ascending order, make up."""
    first = _changes(ids)
    return Stretches(ids[first], first, np.diff(first, append=len(ids)))


def _changes(ids: Integers) -> Integers:
    begins = np.ones(len(ids), dtype=np.bool_)
    begins[1:] = ids[1:] != ids[:-1]
    return np.flatnonzero(begins)


def from_block(counts: Integers, blocks: Stretches, begin: int) -> Integers:
    """The same counts, nothing in the blocks ahead of the first that is judged."""
    return np.where((blocks.ids >= begin)[:, None], counts, 0)


def told_by(counts: Integers, kinds: Kinds, number: int) -> Integers:
    """Counts of so many kinds, from counts of groups and the kind of each group."""
    return counts @ np.eye(number, dtype=np.int64)[kinds]
