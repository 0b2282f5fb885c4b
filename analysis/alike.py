"""Pairs that every limit sees alike: one of each kind is judged, and how many there are is counted.

What is bad on which side hangs on outcomes, on classes of statuses, on which limits a latency is
over and on which answers were right. So a few groups make up millions of pairs, and `error_sides`,
`over_limit_sides`, `wrong_sides`, `different_sides` and `unusable` are asked about one pair of
each: a group must tell apart whatever any of them does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from analysis.bets import Flags, Floats, Integers
from analysis.columns import OUTCOMES, Codes
from analysis.pairs import NOT_SENT, Pairs, part_of
from analysis.policy import Accuracy
from analysis.sides import Sides, is_right

Part = tuple[np.ndarray, int]
"""A small whole number of each pair, and how many different ones there can be."""


@dataclass(frozen=True, slots=True)
class Alike:
    """The group of each pair; one pair of each group, and whether its label came in time."""

    group: Integers
    examples: Pairs
    in_time: Flags

    @property
    def number(self) -> int:
        """Groups."""
        return len(self.in_time)

    def kinds(self, sides: Sides) -> Integers:
        """The kind of each pair, from what is said of the examples."""
        return sides.kinds().take(self.group)


def served_alike(
    pairs: Pairs, in_time: Flags, own_ms: Sequence[float], other_ms: Sequence[float]
) -> Alike:
    """By what errors and limits of either side's latency can tell apart, and whether it is whole.

    `own_ms` are the limits of the candidate, `other_ms` those of the baseline.
    """
    own, other = pairs.candidate_status, pairs.baseline_status
    half = np.isnan(pairs.candidate_prediction) != np.isnan(pairs.baseline_prediction)
    return _alike(
        pairs,
        in_time,
        (
            (pairs.outcome, len(OUTCOMES)),
            _status_class(own),
            _status_class(other),
            (own == other, 2),
            _passed(pairs.candidate_latency_ms, own_ms),
            _passed(pairs.baseline_latency_ms, other_ms),
            (half, 2),
        ),
    )


def answered_alike(pairs: Pairs, in_time: Flags, rule: Accuracy) -> Alike:
    """By what rightness, difference and labels of answers can tell apart."""
    own, other = pairs.candidate_prediction, pairs.baseline_prediction
    right = (is_right(side, pairs.label, rule, numbers=pairs.numbers) for side in (own, other))
    flags = (
        pairs.outcome != NOT_SENT,
        pairs.baseline_status > 0,
        in_time,
        own == other,
        np.isnan(own),
        np.isnan(other),
        *right,
    )
    return _alike(pairs, in_time, [(flag, 2) for flag in flags])


def occurring(codes: Integers, number: int) -> tuple[Integers, Integers]:
    """The codes below `number` that occur, ascending, and the place of each row's among them."""
    found = np.flatnonzero(np.bincount(codes, minlength=number))
    place = np.zeros(number, dtype=np.int64)
    place[found] = np.arange(len(found))
    return found, place.take(codes)


def _alike(pairs: Pairs, in_time: Flags, parts: Sequence[Part]) -> Alike:
    number = prod(different for _, different in parts)
    codes = np.zeros(len(pairs), dtype=np.min_scalar_type(number - 1))
    for values, different in parts:
        codes *= different
        codes += values.view(np.uint8) if values.dtype == np.bool_ else values.astype(codes.dtype)
    found, group = occurring(codes.astype(np.int64), number)
    example = np.zeros(len(found), dtype=np.int64)
    example[group] = np.arange(len(pairs))
    return Alike(group, part_of(pairs, example, pairs.watermark_us), in_time[example])


def _status_class(status: Codes) -> Part:
    """None, below 400, from 400, from 500."""
    return _steps([status > 0, status >= 400, status >= 500])


def _passed(ms: Floats, limits_ms: Sequence[float]) -> Part:
    """Not known, or how many limits it is over."""
    return _steps([~np.isnan(ms), *(ms > limit for limit in limits_ms)])


def _steps(flags: Sequence[Flags]) -> Part:
    total = flags[0].astype(np.uint8)
    for flag in flags[1:]:
        total += flag
    return total, len(flags) + 1
