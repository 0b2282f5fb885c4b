"""Figures of the gates that compare latencies: level, delay over bound, and beside bands.

`rows(full)` measures and gives table rows, at the looks of the judge; short takes a minute.
"""

from collections.abc import Iterator

from analysis import default_policy, paired
from analysis.bets import Bets
from benchmarks import bands
from benchmarks.calibration import Probabilities, delay, wilson_upper
from benchmarks.hosts import frozen_truth
from benchmarks.judging import CASES
from benchmarks.latencies import (
    JUDGES,
    REFERENCE,
    Judge,
    by_frozen_past,
    reference,
    spoken,
)

Row = dict[str, object]
ALPHA = 0.05
NULLS: dict[str, Judge] = {**JUDGES, "frozen-p95": by_frozen_past}
HARMS = ("x1.05", "x1.1", "x1.2", "x1.5", "5 % at random doubled", "slowest 3 % doubled")
MARGIN = "x1.25"
"""Safety within 25 % of equal latencies is harm of the baseline, a quarter slower, by symmetry."""


def rows(full: bool) -> Iterator[Row]:
    """Level on equal latencies, delays of harm and of safety, then pairs beside those of bands."""
    yield from _levels(full)
    yield from _harms(full)
    yield from _safeties(full)
    yield from bands.rows(full)


def _levels(full: bool) -> Iterator[Row]:
    """At .05 over 20,480 pairs; the frozen gate after a past p95 of its own in each record."""
    reps, n = (5_000, 20_480) if full else (100, 10_240)
    for gate, judge in NULLS.items():
        past = REFERENCE if judge is by_frozen_past else 0
        found = spoken(judge, "equal", n + past, reps, 81)
        yield {
            "gate": gate,
            "records": reps,
            "level on equal latencies, alpha .05": found.share,
            "at most (Wilson)": wilson_upper(round(found.share * reps), reps),
        }


def _harms(full: bool) -> Iterator[Row]:
    """At each gate's own level; restricted means with a horizon of 20 bounds."""
    weights = {name: gate.weight for name, gate in default_policy().gates.items()}
    for change in HARMS[:4]:
        truth = tuple(frozen_truth(float(change[1:]), 1.0, 200_000, 1, 5)[0])
        level = ALPHA * weights["frozen-p95"]
        yield _counted("frozen-p95", change, paired.quantile_bets(), truth, level, full)
    for gate, judge in JUDGES.items():
        for change in HARMS:
            # The slowest were over the p95 before: no ratio of p95s tells them.
            if not (gate == "p95-ratio" and "3 %" in change):
                yield _simulated(gate, change, judge, ALPHA * weights[gate], full)


def _safeties(full: bool) -> Iterator[Row]:
    """Within a margin, at .05: answers and errors by their counts, latencies at 25 %."""
    for case in CASES:
        if case.claim == "safety" and len(case.boundary) == 3:
            for name, truth in case.truths:
                yield _counted(case.gate, name, case.bets, truth, ALPHA, full, case.side)
    for gate in ("latency-mean", "p95-ratio"):
        row = _simulated(gate, MARGIN, JUDGES[gate], ALPHA, full)
        yield row | {"claim": "safety", "truth": "equal, margin 25 %"}


def _simulated(gate: str, change: str, judge: Judge, level: float, full: bool) -> Row:
    bound = reference(gate, change, level, 82)
    n, reps = (round(20 * bound), 400) if full else (round(4 * bound), 10)
    found = spoken(judge, change, n, reps, 83, level)
    return _row(gate, "harm", change, level, bound, found.mean, 1 - found.share)


def _counted(
    gate: str,
    name: str,
    bets: Bets,
    truth: Probabilities,
    level: float,
    full: bool,
    side: float | None = None,
) -> Row:
    """Looking after every pair."""
    seen = delay(bets, side or 0.0, truth, level, 4_000 if full else 200, 72)
    claim = "harm" if side is None else "safety"
    return _row(gate, claim, name, level, seen.bound, seen.mean, seen.undetected)


def _row(
    gate: str, claim: str, truth: str, level: float, bound: float, mean: float, undetected: float
) -> Row:
    return {
        "gate": gate,
        "claim": claim,
        "truth": truth,
        "level": level,
        "bound, pairs": bound,
        "mean delay, pairs": mean,
        "delay / bound": mean / bound,
        "undetected": undetected,
    }
