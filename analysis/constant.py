"""Answers that tell nothing: where all of them and all labels are the same, so is a constant."""

from collections.abc import Iterable, Sequence

import numpy as np

from analysis.pairs import Pairs

HELD = "every answer and every label is the same, so that a constant would be as right"
VARIOUS = ("one", "another")
"""Which values they are is not told: it would hang on where a record is split."""
SLICE = 1_024


def told_apart(pairs: Pairs) -> tuple[str, ...]:
    """The one value that all predictions and labels of a record have; VARIOUS, or none at all."""
    seen: tuple[str, ...] = ()
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


def merged(told: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """What several parts of a record tell apart together."""
    values = {value for one in told for value in one}
    return VARIOUS if len(values) > 1 else tuple(values)


def _name(pairs: Pairs, value: float) -> str:
    """Of texts what their codes stand for, as those of another part are others."""
    return repr(value) if pairs.numbers else pairs.classes[int(value) - 1]
