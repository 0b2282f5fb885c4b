"""Which segments are harmed: one e-process each, their weights, and Holm's step down.

A segment that is found harmed hands its share of the level to the others (closed testing with
e-values, research notes, 2). Weights go by the order in which segments first came, because nobody
knows how many there will be: 2 share a half, 4 more a sixth, 8 more a twelfth, and so on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from analysis.bets import Integers, Kinds, Trace
from analysis.pairs import Pairs

MOST = 64
"""Segments that are judged; whatever comes up later is listed as not judged."""


@dataclass(frozen=True, slots=True)
class Segments:
    """Names with their weights, the place of each row's segment (-1: not judged), how many more."""

    names: tuple[str, ...]
    weights: tuple[float, ...]
    place: Kinds
    more: int


@dataclass(frozen=True, slots=True)
class Coded:
    """Names in the order in which they first came, and the place of each row's name among them.

    A row without a segment has the place after the last.
    """

    names: tuple[str, ...]
    code: Kinds


def coded(pairs: Pairs) -> Coded:
    """The segments of a record."""
    came = pairs.segment.drop_nulls().unique(maintain_order=True)
    # Of 256 names the narrowest code has no room for a row without one.
    place = pairs.segment.cast(pl.Enum(came)).to_physical().cast(pl.UInt32)
    code = place.fill_null(len(came)).to_numpy()
    return Coded(tuple(came), code.astype(np.min_scalar_type(len(came)), copy=False))


def segments_of(record: Coded, asked: bool | tuple[str, ...]) -> Segments:
    """Those that a policy names, else each as it comes up."""
    came = record.names
    names = asked if isinstance(asked, tuple) else came[:MOST]
    known = {name: place for place, name in enumerate(names)}
    place = np.array([known.get(name, -1) for name in came] + [-1], dtype=np.int16)
    weights = (
        [1 / len(names)] * len(names)
        if isinstance(asked, tuple)
        else [weight_of(place) for place in range(len(names))]
    )
    more = len(set(came) - set(names))
    return Segments(names, tuple(weights), place[record.code], more)


def weight_of(place: int) -> float:
    """The weight of the segment that came up at this place, from 0; all places add up to 1."""
    group = (place // 2 + 1).bit_length() - 1
    return 1 / ((group + 1) * (group + 2) * (2 << group))


@dataclass(frozen=True, slots=True)
class Harmed:
    """The evidence of a segment at its level, and the time of the look that found it harmed."""

    trace: Trace
    at_us: int | None
    by: int
    look: int


def step_down(
    follow_at: Callable[[int, float], Trace],
    weights: Sequence[float],
    alpha: float,
    times: Sequence[Integers],
) -> list[Harmed]:
    """Follow each segment at its level; those left are followed anew at a higher one.

    `times` are the times of the looks of each segment. `by` and `look` name the look that found it
    harmed: its own, or that of the segment whose level it got.
    """
    found = [Harmed(follow_at(i, alpha * w), None, i, 0) for i, w in enumerate(weights)]
    released, last = 0.0, (-1, 0, 0)
    while True:
        crossed = [
            (*max((int(times[i][first]), i, first), last), i)
            for i, one in enumerate(found)
            if one.at_us is None and (first := one.trace.first()) is not None
        ]
        if not crossed:
            return found
        at_us, by, look, harmed = min(crossed)
        found[harmed] = Harmed(found[harmed].trace, at_us, by, look)
        released, last = released + weights[harmed], (at_us, by, look)
        if released >= 1:
            continue
        for i, one in enumerate(found):
            if one.at_us is None:
                found[i] = Harmed(follow_at(i, alpha * weights[i] / (1 - released)), None, i, 0)
