"""What predictions are cut by: quantiles of the first numbers, or the first classes."""

from dataclasses import dataclass

import numpy as np

from analysis.bets import Floats, Kinds
from analysis.pairs import Pairs
from analysis.quantiles import binned
from analysis.thresholds import over_one, passed_both

THRESHOLDS = 99
MOST_CLASSES = 100


@dataclass(frozen=True, slots=True)
class Cut:
    """What predictions are cut by, known before the first judged pair, and its words."""

    values: Floats
    names: tuple[str, ...]


def cut_of(pairs: Pairs, start: int) -> Cut:
    """Quantiles of the baseline's first predictions, or its first classes."""
    past = pairs.baseline_prediction[:start]
    past = past[~np.isnan(past)]
    if len(pairs) <= start or not len(past):
        return Cut(np.zeros(0), ())
    if pairs.numbers:
        shares = np.arange(1, THRESHOLDS + 1) / (THRESHOLDS + 1)
        values = np.unique(np.quantile(past, shares, method="lower"))
        return Cut(values, tuple(f"over {value:.3g}" for value in values))
    values, often = np.unique(past, return_counts=True)
    values = np.sort(values[np.argsort(-often, kind="stable")[:MOST_CLASSES]])
    return Cut(values, (*(pairs.classes[int(code) - 1] for code in values), "other classes"))


def kinds_by(pairs: Pairs, cut: Cut) -> tuple[tuple[Kinds, ...], int]:
    """The kinds of each pair, and how many there are; a missing answer is no difference.

    Numbers are counted by how many thresholds candidate, baseline and both passed; texts by the
    class of the candidate, then of the baseline, the last kind being pairs that do not differ.
    """
    own, other = pairs.candidate_prediction, pairs.baseline_prediction
    known = ~np.isnan(own) & ~np.isnan(other)
    if pairs.numbers or not len(cut.values):
        mine, theirs = (binned(np.where(known, side, -np.inf)) for side in (own, other))
        return passed_both(mine, theirs, cut.values), len(cut.values) + 1
    number = len(cut.values) + 1
    place = {name: at for at, name in enumerate(cut.names[:-1])}
    of_code = np.array([number - 1, *(place.get(name, number - 1) for name in pairs.classes)])
    named, other_named = (
        of_code[np.where(known, side, 0).astype(np.int64)] for side in (own, other)
    )
    differ = known & (named != other_named)
    told = (np.where(differ, named, number), np.where(differ, other_named, number))
    return told, number + 1


def more_and_less(counts: Floats) -> Floats:
    """Counts of more, then of less, by threshold or class, from those of the kinds."""
    return over_one(counts) if len(counts) == 3 else np.concatenate(counts[:, :-1])
