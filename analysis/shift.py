"""Whether predictions are distributed otherwise: numbers by thresholds, classes one by one.

The mean over thresholds, or classes, of the sequential McNemar test in both directions (research
notes, 1.6). A shift is no harm by itself, so that it is told and undoes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import numpy as np

from analysis.bets import Flags, Floats, Integers
from analysis.blocks import counts_at, follow_blocks, looks_of
from analysis.course import Course, Judged, Record, Words, conclude
from analysis.findings import Estimate
from analysis.pairs import Pairs
from analysis.thresholds import ThresholdBets, crossed
from analysis.words import count, points

THRESHOLDS = 99
MOST_CLASSES = 100


@dataclass(frozen=True, slots=True)
class ShiftBets:
    """The bets of all thresholds or classes, half of them on more and half on less."""

    def log_e(self, counts: Sequence[float] | Floats) -> float:
        """Log wealth of the mixture at these counts."""
        return float(self.path(np.asarray(counts, dtype=np.float64)[:, None])[0])

    def path(self, counts: Floats) -> Floats:
        """Log wealth of the mixture at each look."""
        more, less = np.split(counts, 2)
        bets = ThresholdBets()
        swapped = np.concatenate([less, more])
        return np.asarray(np.logaddexp(bets.path(counts), bets.path(swapped)) - log(2))


@dataclass(frozen=True, slots=True)
class Cut:
    """What predictions are cut by, known before the first judged pair, and its words."""

    values: Floats
    names: tuple[str, ...]


def shift_course(record: Record) -> Course:
    """The gate `prediction-shift`."""
    gate, pairs = record.policy.gates["prediction-shift"], record.pairs
    start, n = record.policy.reference_pairs, len(record.pairs)
    cut = _cut(pairs, start)
    looks = looks_of(n, start) if len(cut.values) else np.zeros(0, dtype=np.int64)
    counts = _counts(pairs, cut, looks, start)
    trace = follow_blocks(ShiftBets(), counts, looks, n, gate.limits["level"])
    judged_rows = n - start if len(cut.values) else 0
    end = _counts(pairs, cut, np.array([n]), start) if judged_rows > 0 else counts
    worst, more = _worst(end, judged_rows)
    first = trace.first()
    said = "no shift of predictions found"
    if first is not None:
        said = f"predictions shifted, seen after {count(first + 1)} pairs"
    where = f": {cut.names[worst]} {points(more)} points more often" if judged_rows > 0 else ""
    words = Words(
        metric="shares of predictions, candidate minus baseline, where they differ most",
        unit="difference of shares",
        now=f"{said}{where} than the {record.baseline}'s, in {count(max(judged_rows, 0))} requests"
        if where
        else _why_not(record, start),
        brief=said,
        found="",
        held="advisory, as a shift is no harm by itself",
    )
    estimate = Estimate(more if judged_rows > 0 else None, None, None, max(judged_rows, 0))
    judged = Judged(trace, None, estimate, None)
    nothing = np.zeros(n, dtype=np.bool_)
    finding = conclude(gate, record.arrival, judged, words, nothing, None)
    return Course(finding, record.arrival, nothing, None)


def _why_not(record: Record, start: int) -> str:
    if np.isnan(record.pairs.baseline_prediction).all():
        return "the record holds no predictions"
    return (
        f"predictions are compared from pair {count(start + 1)} on, {count(len(record.pairs))} so "
        "far"
    )


def _cut(pairs: Pairs, start: int) -> Cut:
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


def _counts(pairs: Pairs, cut: Cut, looks: Integers, start: int) -> Floats:
    """Counts of more, then of less, by threshold or class; a missing answer is no difference."""
    own, other = pairs.candidate_prediction, pairs.baseline_prediction
    known = ~np.isnan(own) & ~np.isnan(other)
    if pairs.numbers or not len(cut.values):
        own, other = (np.where(known, values, -np.inf) for values in (own, other))
        return crossed(own, other, cut.values, looks, start)
    number = len(cut.values) + 1
    mine, theirs = (_class(values, cut.values) for values in (own, other))
    differ = known & (mine != theirs)
    sides = (_only(mine, differ, number), _only(theirs, differ, number))
    return np.concatenate([counts_at(kind, number + 1, looks, start)[:number] for kind in sides])


def _class(codes: Floats, known: Floats) -> Integers:
    """The place of each class among those known, one more for any other."""
    place = np.minimum(np.searchsorted(known, codes), len(known) - 1)
    return np.where(known[place] == codes, place, len(known))


def _only(kinds: Integers, where: Flags, number: int) -> Integers:
    return np.where(where, kinds, number)


def _worst(counts: Floats, n: int) -> tuple[int, float]:
    """Where the shares differ most, and by how much."""
    if n <= 0 or not counts.size:
        return 0, 0.0
    more, less = np.split(counts[:, -1], 2)
    worst = int(np.abs(more - less).argmax())
    return worst, float(more[worst] - less[worst]) / n
