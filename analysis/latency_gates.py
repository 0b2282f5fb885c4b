"""Latency: a fixed limit for the p95, and frozen p95 and p99 with a floor, small and gross harm.

The frozen gates compare how often the candidate exceeds (a multiple of) a past quantile of the
baseline with how often the baseline itself exceeds it: not the ratio of two p95s, never called so.
"""

from dataclasses import replace

import numpy as np

from analysis import paired
from analysis.bets import follow
from analysis.by_seconds import seconds_in
from analysis.course import (
    INTERVAL_LEVEL,
    Course,
    Judged,
    Record,
    Recorded,
    Words,
    course,
    course_by_seconds,
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
from analysis.frozen import SHARES, Frozen, limits, why_none
from analysis.policy import Gate
from analysis.quantiles import P95, Quantile
from analysis.sample import Both
from analysis.sides import OTHER_HARM, OTHER_SAFETY
from analysis.words import count, milliseconds, percent, share


def latency_courses(record: Record) -> list[Course]:
    """A limit, the frozen quantiles, and gross harm late."""
    gates, sample = record.policy.gates, record.sample
    both = sample.quantiles(P95, INTERVAL_LEVEL)
    p95 = sample.frozen("p95")
    return [
        _limit(record, gates["p95-limit"], both),
        _frozen(record, gates["frozen-p95"], p95),
        _frozen(record, gates["frozen-p99"], sample.frozen("p99")),
        _gross(record, gates["gross-frozen-p95"], p95, both),
    ]


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
    tolerance = gate.tolerance or 0.0
    judged = judge_rate(record, gate, record.sample.over(gate, "harm"), (tolerance, gate.margin))
    seconds = seconds_in(record.sample.late(gate.name))
    least = seconds.smallest(gate, record.policy.rollback_level(gate), judged.found)
    judged = replace(judged, found=least)
    value = judged.estimate.value or 0.0
    over = f"p95 over {milliseconds(limit)}: {percent(value)} of"
    words = Words(
        metric=f"share of requests over {milliseconds(limit)}",
        unit="share",
        now=f"{_both_words(record, both, 'p95')}; {percent(value)} of "
        f"{count(record.sample.n)} requests over {milliseconds(limit)} "
        f"({interval_percent(judged.estimate)}, limit {share(tolerance)})",
        brief=f"{over} requests, limit {percent(tolerance)}"
        if value > tolerance
        else _against(both, "p95"),
        found=found_percent(judged, "a share of"),
    )
    return course_by_seconds(record, gate, judged, words, seconds)


def _frozen(record: Record, gate: Gate, frozen: Frozen) -> Course:
    if frozen.limit_ms is None:
        return unknown(record, gate, frozen.name)
    both = record.sample.quantiles(SHARES[frozen.name], INTERVAL_LEVEL)
    harm_ms, _ = limits(gate, frozen.limit_ms)
    harmed, safe = record.sample.over(gate, "harm"), record.sample.over(gate, "safety")
    level, alpha = record.policy.rollback_level(gate), record.policy.alpha_promote
    harm = follow(paired.quantile_bets(), harmed.harm(), level, frozen.start)
    safety = follow(paired.safety_bets(0.0), safe.safety(), alpha, frozen.start)
    totals = harmed.totals(frozen.start)
    known = totals.n - totals.of(OTHER_HARM & ~OTHER_SAFETY)
    none = why_none(record.policy, frozen, totals.of(OTHER_SAFETY), known)
    none = none and f"the {record.baseline} is {none}"
    estimate = paired_estimate(totals)
    found = paired.smallest_harm(harm.bets, harm.counts[1], estimate.n, harm.threshold)
    judged = Judged(harm, None if none else safety, estimate, found)
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
        held=none or record.guard.trouble(),
    )
    return guarded_course(record, gate, harm, judged, words)


def _often(estimate: Estimate) -> str:
    return "more often" if (estimate.value or 0.0) > 0 else "no more often"


def unknown(record: Recorded, gate: Gate, name: str) -> Course:
    """Before the past quantile is known there is nothing to compare with."""
    seen = f"{count(record.n)} of {count(record.policy.reference_pairs)} requests"
    rows = len(record.arrival.at_us)
    words = Words(
        metric=f"share of requests over the baseline's past {name}, candidate minus baseline",
        unit="difference of shares",
        now=f"the {record.baseline}'s past {name} is not known yet ({seen})",
        brief=f"past {name} not known yet ({seen})",
        found="",
        held="nothing to compare with",
    )
    never = np.zeros(rows, dtype=np.bool_)
    level = record.policy.rollback_level(gate)
    nothing = follow(paired.harm_bets(0.0), (never, never), level, rows)
    judged = Judged(nothing, None, Estimate(None, None, None, 0), None)
    return course(record, gate, record.arrival, judged, words)


def _gross(record: Record, gate: Gate, frozen: Frozen, both: Both) -> Course:
    if frozen.limit_ms is None:
        return unknown(record, gate, frozen.name)
    harm_ms, _ = limits(gate, frozen.limit_ms)
    return late_course(
        record,
        gate,
        paired.harm_bets(0.0),
        record.sample.late(gate.name),
        paired_estimate(record.sample.over(gate, "harm").totals(frozen.start)),
        (
            f"requests over {milliseconds(harm_ms)} of some window ending now, "
            "minus the baseline's over its past p95",
            _against(both, frozen.name),
        ),
    )
