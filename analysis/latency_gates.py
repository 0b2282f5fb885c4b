"""Latency: a fixed limit for the p95, and frozen p95 and p99 with a floor, small and gross harm.

The frozen gates compare how often the candidate exceeds (a multiple of) a past quantile of the
baseline with how often the baseline itself exceeds it: not the ratio of two p95s, never called so.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from analysis import paired
from analysis.bets import Flags, follow
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
from analysis.quantiles import P95, P99, Quantile, order_statistic, quantile
from analysis.sides import Sides, over_limit_sides
from analysis.words import count, milliseconds, percent, share

Both: TypeAlias = "tuple[Quantile | None, Quantile | None]"


@dataclass(frozen=True, slots=True)
class Frozen:
    """A past quantile of the baseline in milliseconds, None while unknown; the first row judged.

    `name` is what people call it.
    """

    name: str
    limit_ms: float | None
    start: int


def latency_courses(record: Record) -> list[Course]:
    """A limit, the frozen quantiles, and gross harm late."""
    gates = record.policy.gates
    both = _both(record, P95)
    p95, p99 = frozen_p95(record), frozen_p99(record)
    return [
        _limit(record, gates["p95-limit"], both),
        _frozen(record, gates["frozen-p95"], p95, both),
        _frozen(record, gates["frozen-p99"], p99, _both(record, P99)),
        _gross(record, gates["gross-frozen-p95"], p95, both),
    ]


def frozen_p95(record: Record) -> Frozen:
    """Pinned by the policy, else taken from the first rows, which the gates then do not use."""
    return _past(record, "p95", P95, record.policy.baseline_p95_ms)


def frozen_p99(record: Record) -> Frozen:
    """The same further out in the tail: what makes the slowest 3 % slower, the p95 does not see."""
    return _past(record, "p99", P99, record.policy.baseline_p99_ms)


def _past(record: Record, name: str, share_below: float, pinned: float | None) -> Frozen:
    policy = record.policy
    if pinned is not None:
        return Frozen(name, pinned, 0)
    past = record.pairs.baseline_latency_ms[: policy.reference_pairs]
    seen = past[~np.isnan(past)]
    if len(past) < policy.reference_pairs or 2 * len(seen) < len(past):
        return Frozen(name, None, len(record.pairs))
    return Frozen(name, order_statistic(seen, share_below), policy.reference_pairs)


def _both(record: Record, share_below: float) -> Both:
    pairs = record.pairs
    slowest = record.policy.timeout * 1000
    candidate = np.where(pairs.outcome == TIMEOUT, slowest, pairs.candidate_latency_ms)
    asked = (pairs.outcome == ANSWERED) | (pairs.outcome == TIMEOUT)
    sides = (candidate[asked], pairs.baseline_latency_ms)
    own, other = (quantile(v[~np.isnan(v)], share_below, INTERVAL_LEVEL) for v in sides)
    return own, other


def _quantile_words(quantile: Quantile | None) -> str:
    if quantile is None:
        return "unknown"
    high = milliseconds(quantile.high)
    return f"{milliseconds(quantile.value)} ({quantile.low:.3g} to {high.removesuffix(' ms')})"


def _both_words(record: Record, both: Both, name: str) -> str:
    own, other = _quantile_words(both[0]), _quantile_words(both[1])
    return f"{name} {own}, {record.baseline} {other}"


def _against(both: Both, name: str) -> str:
    candidate, baseline = (milliseconds(q.value) if q else "unknown" for q in both)
    return f"{name} {candidate} against {baseline}"


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
        now=f"{_both_words(record, both, 'p95')}; {percent(value)} of "
        f"{count(len(record.pairs))} requests over {milliseconds(limit)} "
        f"({interval_percent(judged.estimate)}, limit {share(tolerance)})",
        brief=f"{over} requests, limit {percent(tolerance)}"
        if value > tolerance
        else _against(both, "p95"),
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
        return unknown(record, gate, frozen.name)
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
        f"past {frozen.name} of {milliseconds(frozen.limit_ms)}",
        unit="difference of shares",
        now=f"{_both_words(record, both, frozen.name)}; over {milliseconds(harm_ms)} "
        f"{_often(estimate)} than the {record.baseline} over its past {frozen.name} of "
        f"{milliseconds(frozen.limit_ms)} "
        f"({interval_points(estimate)}) in {count(estimate.n)} requests",
        brief=_against(both, frozen.name),
        found=found_points(judged),
        held=record.guard.trouble(),
    )
    return guarded_course(record, gate, harm, judged, words)


def _often(estimate: Estimate) -> str:
    return "more often" if (estimate.value or 0.0) > 0 else "no more often"


def unknown(record: Record, gate: Gate, name: str) -> Course:
    """Before the past quantile is known there is nothing to compare with."""
    seen = f"{count(len(record.pairs))} of {count(record.policy.reference_pairs)} requests"
    n = len(record.pairs)
    words = Words(
        metric=f"share of requests over the baseline's past {name}, candidate minus baseline",
        unit="difference of shares",
        now=f"the {record.baseline}'s past {name} is not known yet ({seen})",
        brief=f"past {name} not known yet ({seen})",
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
        return unknown(record, gate, frozen.name)
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
            _against(both, frozen.name),
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
