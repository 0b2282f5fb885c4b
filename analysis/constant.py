"""What tells nothing: answers that are the same as all labels, latencies that never differ."""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import numpy as np

from analysis.bets import Floats
from analysis.pairs import ANSWERED, Pairs
from analysis.words import milliseconds

HELD = "every answer and every label is the same, so that a constant would be as right"
VARIOUS = ("one", "another")
"""Which values they are is not told: it would hang on where a record is split."""
SLICE = 1_024
Told: TypeAlias = "tuple[str, ...]"
FEWEST = 20
"""Answers of a side that may by chance have taken the same time, to the whole millisecond."""


def timed_apart(pairs: Pairs) -> tuple[Told, Told]:
    """The same of the latency of the candidate's answers and of the baseline's."""
    own = np.where(pairs.outcome == ANSWERED, pairs.candidate_latency_ms, np.nan)
    return apart(own), apart(pairs.baseline_latency_ms)


def apart(values: Floats) -> Told:
    """The one number that all of them are but for NaN; VARIOUS, or none at all."""
    seen: Told = ()
    for begin in range(0, len(values), SLICE):
        part = values[begin : begin + SLICE]
        # 0.0 for -0.0, which took the same time.
        found = np.unique(part[~np.isnan(part)] + 0.0)[:2]
        seen = merged([seen, [repr(value) for value in found.tolist()]])
        if seen == VARIOUS:
            break
    return seen


def never_differs(side: str, told: Told, answered: int) -> str:
    """Why a side's latency is none that was measured, in words; empty where it may be one."""
    if len(told) != 1 or answered < FEWEST:
        return ""
    return (
        f"every answer of the {side} took {milliseconds(float(told[0]))}: a constant, or rounded "
        "until none differs, which measures nothing; write fractions of a millisecond"
    )


def told_apart(pairs: Pairs) -> Told:
    """The one value that all predictions and labels of a record have; VARIOUS, or none at all."""
    seen: Told = ()
    for values in (pairs.baseline_prediction, pairs.candidate_prediction, pairs.label):
        for begin in range(0, len(values), SLICE):
            part = values[begin : begin + SLICE]
            # 0.0 for -0.0, which is the same answer.
            found = np.unique(part[~np.isnan(part)] + 0.0)[:2]
            seen = merged([seen, [_name(pairs, value) for value in found.tolist()]])
            # Nearly always the first rows say it.
            if seen == VARIOUS:
                return seen
    return seen


def merged(told: Iterable[Sequence[str]]) -> Told:
    """What several parts of a record tell apart together."""
    values = {value for one in told for value in one}
    return VARIOUS if len(values) > 1 else tuple(values)


def _name(pairs: Pairs, value: float) -> str:
    """Of texts what their codes stand for, as those of another part are others."""
    return repr(value) if pairs.numbers else pairs.classes[int(value) - 1]
