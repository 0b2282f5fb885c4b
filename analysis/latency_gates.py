"""Latency: a fixed limit for the p95, and the frozen p95 with its floor, small and gross harm.

The frozen gates compare how often the candidate exceeds (a multiple of) the baseline's past p95
with how often the baseline itself exceeds it: not the ratio of two p95s, and never called so.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from analysis import paired
from analysis.bets import Flags, Floats, follow
from analysis.course import (
    INTERVAL_LEVEL,
    Course,
    Judged,
    Record,
    Words,
    course,
    guarded_course,
    judge_rate,
    paired_estimate,
)
from analysis.error_gates import (
    found_percent,
    found_points,
    interval_percent,
    interval_points,
    late_course,
)
from analysis.findings import Estimate
from analysis.late import blocks_of
from analysis.pairs import ANSWERED, TIMEOUT
from analysis.policy import Gate
from analysis.quantiles import P95, Quantile, order_statistic, p95
from analysis.sides import Sides, over_limit_sides
from analysis.words import count, milliseconds, percent, share

Both: TypeAlias = "tuple[Quantile | None, Quantile | None]"


@dataclass(frozen=True, slots=True)
class Frozen:
    """The baseline's past p95 in milliseconds, None while unknown; the first row judged by it."""

    limit_ms: float | None
    start: int


def latency_courses(record: Record) -> list[Course]:
    """The three latency gates."""
    gates = record.policy.gates
    both = _both_p95(record)
    frozen = frozen_p95(record)
    return [
        _limit(record, gates["p95-limit"], both),
        _frozen(record, gates["frozen-p95"], frozen, both),
        _gross(record, gates["gross-frozen-p95"], frozen, both),
    ]


def frozen_p95(record: Record) -> Frozen:
    """Pinned by the policy, else taken from the first rows, which the gates then do not use."""
    policy = record.policy
    if policy.baseline_p95_ms is not None:
        return Frozen(policy.baseline_p95_ms, 0)
    past = record.pairs.baseline_latency_ms[: policy.reference_pairs]
    seen = past[~np.isnan(past)]
    if len(past) < policy.reference_pairs or 2 * len(seen) < len(past):
        return Frozen(None, len(record.pairs))
    return Frozen(order_statistic(seen, P95), policy.reference_pairs)


def _both_p95(record: Record) -> Both:
    pairs = record.pairs
    slowest = record.policy.timeout * 1000
    candidate = np.where(pairs.outcome == TIMEOUT, slowest, pairs.candidate_latency_ms)
    asked = (pairs.outcome == ANSWERED) | (pairs.outcome == TIMEOUT)
    return _known_p95(candidate[asked]), _known_p95(pairs.baseline_latency_ms)


def _known_p95(values: Floats) -> Quantile | None:
    return p95(values[~np.isnan(values)], INTERVAL_LEVEL)


def _p95_words(quantile: Quantile | None) -> str:
    if quantile is None:
        return "unknown"
    high = milliseconds(quantile.high)
    return f"{milliseconds(quantile.value)} ({quantile.low:.3g} to {high.removesuffix(' ms')})"


def _both_words(record: Record, both: Both) -> str:
    return f"p95 {_p95_words(both[0])}, {record.baseline} {_p95_words(both[1])}"


def _against(both: Both) -> str:
    candidate, baseline = (milliseconds(q.value) if q else "unknown" for q in both)
    return f"p95 {candidate} against {baseline}"


def _limit(record: Record, gate: Gate, both: Both) -> Course:
    limit = gate.limits["limit_ms"]
    sides = over_limit_sides(record.pairs, limit, limit)
    tolerance = gate.tolerance or 0.0
    judged = judge_rate(
        record, gate, sides.candidate_harm, sides.candidate_safety, (tolerance, gate.margin)
    )
    value = judged.estimate.value or 0.0
    over = f"p95 over {milliseconds(limit)}: {percent(value)} of"
    words = Words(
        metric=f"share of requests over {milliseconds(limit)}",
        unit="share",
        now=f"{_both_words(record, both)}; {percent(value)} of {count(len(record.pairs))} requests "
        f"over {milliseconds(limit)} "
        f"({interval_percent(judged.estimate)}, limit {share(tolerance)})",
        brief=f"{over} requests, limit {percent(tolerance)}"
        if value > tolerance
        else _against(both),
        found=found_percent(judged, "a share of"),
    )
    return course(record, gate, record.arrival, judged, words)


def _thresholds(gate: Gate, frozen_ms: float) -> tuple[float, float]:
    """Candidate limits for harm and for safety, in milliseconds, never below the floor."""
    least = frozen_ms + gate.limits["floor_ms"]
    ratio = max(gate.tolerance or 0.0, gate.limits.get("floor", 0.0))
    margin = gate.margin if gate.margin is not None else ratio
    return max(frozen_ms * (1 + ratio), least), max(frozen_ms * (1 + margin), least)


def _frozen(record: Record, gate: Gate, frozen: Frozen, both: Both) -> Course:
    if frozen.limit_ms is None:
        return _unknown(record, gate)
    harm_ms, safety_ms = _thresholds(gate, frozen.limit_ms)
    harmed = over_limit_sides(record.pairs, harm_ms, frozen.limit_ms)
    safe = over_limit_sides(record.pairs, safety_ms, frozen.limit_ms)
    level = record.policy.rollback_level(gate)
    harm = follow(paired.harm_bets(0.0), harmed.harm(), level, frozen.start)
    safety = follow(
        paired.safety_bets(0.0), safe.safety(), record.policy.alpha_promote, frozen.start
    )
    estimate = paired_estimate(harmed, frozen.start)
    found = paired.smallest_harm(harm.bets, harm.counts[1], estimate.n, harm.threshold)
    judged = Judged(harm, safety, estimate, found)
    words = Words(
        metric=f"share of requests over {milliseconds(harm_ms)}, minus the baseline's over its "
        f"past p95 of {milliseconds(frozen.limit_ms)}",
        unit="difference of shares",
        now=f"{_both_words(record, both)}; over {milliseconds(harm_ms)} {_often(estimate)} than "
        f"the {record.baseline} over its past p95 of {milliseconds(frozen.limit_ms)} "
        f"({interval_points(estimate)}) in {count(estimate.n)} requests",
        brief=_against(both),
        found=found_points(judged),
        held=record.guard.trouble(),
    )
    return guarded_course(record, gate, harm, judged, words)


def _often(estimate: Estimate) -> str:
    return "more often" if (estimate.value or 0.0) > 0 else "no more often"


def _unknown(record: Record, gate: Gate) -> Course:
    """Before the past p95 is known there is nothing to compare with."""
    seen = f"{count(len(record.pairs))} of {count(record.policy.reference_pairs)} requests"
    n = len(record.pairs)
    words = Words(
        metric="share of requests over the baseline's past p95, candidate minus baseline",
        unit="difference of shares",
        now=f"the {record.baseline}'s past p95 is not known yet ({seen})",
        brief=f"past p95 not known yet ({seen})",
        found="",
        held="nothing to compare with",
    )
    nothing = follow(paired.harm_bets(0.0), _empty_events(n), record.policy.rollback_level(gate), n)
    judged = Judged(nothing, None, Estimate(None, None, None, 0), None)
    return course(record, gate, record.arrival, judged, words)


def _empty_events(n: int) -> tuple[Flags, Flags]:
    return np.zeros(n, dtype=np.bool_), np.zeros(n, dtype=np.bool_)


def _gross(record: Record, gate: Gate, frozen: Frozen, both: Both) -> Course:
    if frozen.limit_ms is None:
        return _unknown(record, gate)
    harm_ms, _ = _thresholds(gate, frozen.limit_ms)
    sides = _from_row(over_limit_sides(record.pairs, harm_ms, frozen.limit_ms), frozen.start)
    arrived = record.pairs.arrived_us[frozen.start :]
    blocks = blocks_of(arrived, record.pairs.watermark_us, record.policy.horizon)
    return late_course(
        record,
        gate,
        blocks,
        paired.harm_bets(0.0),
        list(sides.harm()),
        paired_estimate(sides),
        (
            f"requests over {milliseconds(harm_ms)} of some window ending now, "
            "minus the baseline's over its past p95",
            _against(both),
        ),
        frozen.start,
    )


def _from_row(sides: Sides, start: int) -> Sides:
    return Sides(
        sides.candidate_harm[start:],
        sides.candidate_safety[start:],
        sides.baseline_harm[start:],
        sides.baseline_safety[start:],
    )
