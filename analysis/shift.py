"""Whether predictions are distributed otherwise: numbers by thresholds, classes one by one.

The mean over thresholds, or classes, of the sequential McNemar test in both directions (research
notes, 1.6). A shift is no harm by itself, so that it is told and undoes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import numpy as np

from analysis.bets import Floats
from analysis.blocks import follow_blocks
from analysis.course import Course, Judged, Record, Words, conclude
from analysis.findings import Estimate
from analysis.thresholds import ThresholdBets
from analysis.words import count, points


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


def shift_course(record: Record) -> Course:
    """The gate `prediction-shift`."""
    gate, rows = record.policy.gates["prediction-shift"], len(record.arrival.at_us)
    seen = record.sample.shift()
    counts = seen.counts
    trace = follow_blocks(ShiftBets(), counts.at_looks, counts.looks, rows, gate.limits["level"])
    worst, more = _worst(counts.at_end, seen.pairs)
    first = trace.first()
    said = "no shift of predictions found"
    if first is not None:
        said = f"predictions shifted, seen after {count(record.arrival.look(first).pair)} pairs"
    where = f": {seen.names[worst]} {points(more)} points more often" if seen.pairs else ""
    words = Words(
        metric="shares of predictions, candidate minus baseline, where they differ most",
        unit="difference of shares",
        now=f"{said}{where} than the {record.baseline}'s, in {count(seen.pairs)} requests"
        if where
        else _why_not(record),
        brief=said,
        found="",
        held="advisory, as a shift is no harm by itself",
    )
    estimate = Estimate(more if seen.pairs else None, None, None, seen.pairs)
    judged = Judged(trace, None, estimate, None)
    nothing = np.zeros(rows, dtype=np.bool_)
    finding = conclude(gate, record.arrival, judged, words, nothing, None)
    return Course(finding, record.arrival, nothing, None)


def _why_not(record: Record) -> str:
    if not record.sample.predicted.baseline:
        return "the record holds no predictions"
    start = record.policy.reference_pairs
    return (
        f"predictions are compared from pair {count(start + 1)} on, {count(record.sample.n)} so far"
    )


def _worst(counts: Floats, n: int) -> tuple[int, float]:
    """Where the shares differ most, and by how much."""
    if not n:
        return 0, 0.0
    more, less = np.split(counts, 2)
    worst = int(np.abs(more - less).argmax())
    return worst, float(more[worst] - less[worst]) / n
