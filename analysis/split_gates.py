"""Gates of split traffic: errors, limits and past quantiles, some threshold, and the share itself.

Each request was answered by one side alone, sent there by chance in a stated share.
"""

from dataclasses import replace

import numpy as np

from analysis import paired, rates
from analysis.bets import follow
from analysis.blocks import counted, follow_blocks
from analysis.by_seconds import seconds_in
from analysis.course import (
    INTERVAL_LEVEL,
    Course,
    Judged,
    Words,
    conclude,
    course,
    course_by_seconds,
    guarded_course,
)
from analysis.error_gates import (
    absolute_words,
    found_percent,
    found_points,
    interval_percent,
    interval_points,
    late_course,
    late_rate_bets,
)
from analysis.findings import Estimate
from analysis.frozen import Frozen, limits, why_none
from analysis.latency_arms import allowance
from analysis.latency_gates import unknown
from analysis.policy import Gate
from analysis.quantiles import binned
from analysis.record_gates import silence, unless
from analysis.request_sample import ANY_ERROR, ERROR, of_one_side
from analysis.sides import OTHER_SAFETY, Sides
from analysis.split_record import (
    SplitRecord,
    errors_words,
    estimate_of,
    judged_split,
    own_estimate,
    trouble,
)
from analysis.thresholds import LATENCY_BETS, grid, over_one, passed_both
from analysis.words import count, milliseconds, percent, points, share


def split_courses(record: SplitRecord) -> list[Course]:
    """Errors, latency, and the record itself."""
    gates, sample = record.policy.gates, record.sample
    any_error, errors = sample.errors(ANY_ERROR), sample.errors(ERROR)
    p95 = sample.frozen("p95")
    late, absolute = gates["split-errors-late"], gates["errors-late-absolute"]
    own = sample.requests.candidate
    shown = errors_words(record, any_error)
    courses = [
        _errors(record, gates["split-errors"], any_error),
        _absolute(record, gates["errors-absolute"], errors),
        late_course(
            record,
            late,
            paired.harm_bets(late.tolerance or 0.0, record.payoff),
            sample.late(any_error.harm()),
            estimate_of(record, any_error, 0),
            ("errors of some window ending now, candidate minus baseline", shown),
        ),
        late_course(
            record,
            absolute,
            of_one_side(late_rate_bets(absolute.tolerance or 0.0)),
            sample.late((errors.candidate_harm, own & ~errors.candidate_harm)),
            own_estimate(own, errors),
            ("errors of some window ending now", shown),
        ),
        _limit(record, gates["p95-limit"]),
    ]
    if p95.limit_ms is None:
        names = ("split-frozen-p95", "split-gross-p95", "split-thresholds")
        courses += [unknown(record, gates[name], "p95") for name in names]
    else:
        courses += [
            _frozen(record, p95, p95.limit_ms),
            _gross(record, p95.limit_ms, p95.start),
            _thresholds(record, p95.limit_ms, p95.start),
        ]
    return [*courses, _share(record), _integrity(record)]


def _errors(record: SplitRecord, gate: Gate, sides: Sides) -> Course:
    tolerance, margin = gate.tolerance or 0.0, gate.margin or 0.0
    judged = judged_split(record, gate, (tolerance, margin), (sides, sides), 0)
    brief = errors_words(record, sides)
    words = Words(
        metric="share of errors, candidate minus baseline",
        unit="difference of shares",
        now=f"{brief} of {count(record.n)} requests split between them "
        f"({interval_points(judged.estimate)}, margin {points(margin)} points)",
        brief=brief,
        found=found_points(judged),
        held=trouble(record),
    )
    return course(record, gate, record.arrival, judged, words)


def _own_rate(record: SplitRecord, gate: Gate, sides: Sides) -> Judged:
    """The candidate's own requests against (tolerance, margin); the others tell nothing."""
    own, policy = record.sample.requests.candidate, record.policy
    tolerance, margin = gate.tolerance or 0.0, gate.margin or 0.0
    bets = rates.harm_bets(tolerance)
    harm = follow(
        of_one_side(bets),
        (sides.candidate_harm, own & ~sides.candidate_harm),
        policy.rollback_level(gate),
    )
    safety = follow(
        of_one_side(rates.safety_bets(margin)),
        (sides.candidate_safety, own & ~sides.candidate_safety),
        policy.alpha_promote,
    )
    estimate = own_estimate(own, sides)
    found = rates.smallest_harm(bets, estimate.n, tolerance, harm.threshold)
    return Judged(harm, safety, estimate, found)


def _absolute(record: SplitRecord, gate: Gate, sides: Sides) -> Course:
    judged = _own_rate(record, gate, sides)
    words = absolute_words(gate, judged, judged.estimate.value or 0.0, judged.estimate.n)
    return course(record, gate, record.arrival, judged, words)


def _limit(record: SplitRecord, gate: Gate) -> Course:
    own, limit_ms = record.sample.requests.candidate, gate.limits["limit_ms"]
    sides = record.sample.over(limit_ms, limit_ms)
    judged = _own_rate(record, gate, sides)
    kinds = (sides.candidate_harm, own & ~sides.candidate_harm)
    seconds = seconds_in(record.sample.late(kinds))
    least = seconds.smallest(gate, record.policy.rollback_level(gate), judged.found)
    judged = replace(judged, found=least)
    value, tolerance = judged.estimate.value or 0.0, gate.tolerance or 0.0
    over = f"over {milliseconds(limit_ms)}"
    words = Words(
        metric=f"share of requests {over}",
        unit="share",
        now=f"{percent(value)} of {count(judged.estimate.n)} requests {over} "
        f"({interval_percent(judged.estimate)}, limit {share(tolerance)})",
        brief=f"p95 {over}: {percent(value)} of requests, limit {percent(tolerance)}",
        found=found_percent(judged, "a share of"),
    )
    return course_by_seconds(record, gate, judged, words, seconds)


def _frozen(record: SplitRecord, frozen: Frozen, past_ms: float) -> Course:
    gate = record.policy.gates["split-frozen-p95"]
    harm_ms, safety_ms = limits(gate, past_ms)
    harmed, safe = (record.sample.over(own_ms, past_ms) for own_ms in (harm_ms, safety_ms))
    judged = judged_split(record, gate, (0.0, 0.0), (harmed, safe), frozen.start)
    asked = int((~record.sample.requests.candidate[frozen.start :]).sum())
    slow = harmed.totals(frozen.start).of(OTHER_SAFETY)
    if none := why_none(record.policy, frozen, slow, asked):
        none, judged = f"the {record.baseline} is {none}", replace(judged, safety=None)
    over = f"over {milliseconds(harm_ms)}"
    more = (judged.estimate.value or 0.0) > 0
    brief = f"{over} {'more' if more else 'no more'} often than the {record.baseline}"
    words = Words(
        metric=f"share of requests {over}, minus the baseline's over its past p95 of "
        f"{milliseconds(past_ms)}",
        unit="difference of shares",
        now=f"{brief} over its past p95 of {milliseconds(past_ms)} "
        f"({interval_points(judged.estimate)}) in {count(judged.estimate.n)} requests",
        brief=brief,
        found=found_points(judged),
        held=trouble(record) or none or record.guard.trouble(),
    )
    assert judged.harm is not None
    return guarded_course(record, gate, judged.harm, judged, words)


def _gross(record: SplitRecord, past_ms: float, start: int) -> Course:
    gate = record.policy.gates["split-gross-p95"]
    sides = record.sample.over(limits(gate, past_ms)[0], past_ms)
    estimate = estimate_of(record, sides, start)
    over = milliseconds(limits(gate, past_ms)[0])
    return late_course(
        record,
        gate,
        paired.harm_bets(0.0, record.payoff),
        record.sample.late(sides.harm(), start),
        estimate,
        (
            f"requests over {over} of some window ending now, minus the baseline's over its past "
            "p95",
            f"over {over}: {interval_points(estimate)}",
        ),
    )


def _thresholds(record: SplitRecord, past_ms: float, start: int) -> Course:
    gate, sample = record.policy.gates["split-thresholds"], record.sample
    ratio, floor_ms = allowance(gate)[0], gate.limits["floor_ms"]
    own, other = sample.latencies(ratio, floor_ms)
    limits_ms = grid(past_ms)
    kinds = passed_both(binned(own), binned(other), limits_ms)
    seen = counted(kinds, len(limits_ms) + 1, start).combined(over_one)
    level = record.policy.rollback_level(gate)
    bets = replace(LATENCY_BETS, payoff=record.payoff)
    harm = follow_blocks(bets, seen.at_looks, seen.looks, sample.n, level)
    asked = sample.requests.candidate[start:]
    n = len(asked)
    b, c = np.split(seen.at_end, 2)
    more = b / max(int(asked.sum()), 1) - c / max(n - int(asked.sum()), 1)
    worst = int(more.argmax())
    over = milliseconds(max(limits_ms[worst] * (1 + ratio), limits_ms[worst] + floor_ms))
    brief = f"over {over}: {points(float(more[worst]))} points more than the {record.baseline}"
    if more[worst] <= 0:
        brief = f"no threshold exceeded more often than by the {record.baseline}"
    words = Words(
        metric="share of requests over a threshold, candidate minus baseline, where it is worst",
        unit="difference of shares",
        now=f"{brief}, the worst of {len(limits_ms)} thresholds, in {count(n)} requests",
        brief=brief,
        found="",
        held=trouble(record) or record.guard.trouble(),
    )
    estimate = Estimate(float(more[worst]) if n else None, None, None, n)
    return guarded_course(record, gate, harm, Judged(harm, None, estimate, None), words)


def _share(record: SplitRecord) -> Course:
    """Near enough to the share that was stated, and not proven to be another."""
    gate, requests = record.policy.gates["split-share"], record.sample.requests
    stated, alpha = requests.share, record.policy.alpha_promote
    off = gate.limits["max_off"] * min(stated, 1 - stated)
    own = [requests.candidate]
    standing = record.trusted & follow(rates.safety_bets(stated + off), own, alpha).above
    standing &= follow(rates.harm_bets(stated - off), own, alpha).above
    n, asked = len(requests), int(requests.candidate.sum())
    low, high = rates.interval(asked, n, INTERVAL_LEVEL)
    brief = f"{percent(asked / n)} of requests went to the candidate" if n else "no requests"
    words = Words(
        metric="share of requests that went to the candidate",
        unit="share",
        now=f"{brief} ({share(low)} to {share(high)}, stated {percent(stated)}, at most "
        f"{percent(off)} off) of {count(n)}",
        brief=brief,
        found="",
        held=trouble(record) or "not known closely enough yet",
    )
    judged = Judged(None, None, Estimate(asked / n if n else None, low, high, n), None)
    finding = conclude(gate, record.arrival, judged, words, standing, None)
    return Course(finding, record.arrival, standing, None)


def _integrity(record: SplitRecord) -> Course:
    gate, unusable = record.policy.gates["sample-integrity"], record.sample.unknown()
    most, n = gate.limits["max_unusable"], record.n
    bad = unusable.cumsum() + record.sample.requests.metadata.orphans
    arrived = record.sample.requests.arrived_us
    last_us = int(arrived[-1]) if n else record.watermark_us
    fault = silence(record, last_us) or record.sample.ends.fault
    fault = fault or record.sample.never_differs(record.baseline)
    standing = unless(fault, bad <= most * record.arrival.arrived)
    total = int(bad[-1]) / n if n else None
    words = Words(
        metric="share of rows that cannot be used",
        unit="share",
        now=f"{percent(total or 0.0)} of {count(n)} rows unusable (at most {percent(most)})",
        brief=f"{percent(total or 0.0)} of rows unusable",
        found="",
        held=fault or ("the record has gaps" if n else "no rows"),
    )
    judged = Judged(None, None, Estimate(total, None, None, n), None)
    finding = conclude(gate, record.arrival, judged, words, standing, None)
    return Course(finding, record.arrival, standing, None)
