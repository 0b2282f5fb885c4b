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
    if not pairs.numbers:
        return merged([pairs.classes])
    seen: tuple[str, ...] = ()
    for values in (pairs.baseline_prediction, pairs.candidate_prediction, pairs.label):
        for begin in range(0, len(values), SLICE):
            part = values[begin : begin + SLICE]
            found = np.unique(part[~np.isnan(part)])
            seen = merged([seen, tuple(map(repr, found[:2].tolist()))])
            # Nearly always the first rows say it.
            if seen == VARIOUS:
                return seen
    return seen


def merged(told: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """What several parts of a record tell apart together."""
    values = {value for one in told for value in one}
    return VARIOUS if len(values) > 1 else tuple(values)
