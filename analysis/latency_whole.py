"""The whole distribution of latency: some threshold exceeded more often, and slower on average.

They see what no single quantile sees: a slower median, a slower tail, a shift of everything. Both
look by the schedule of `blocks`, and speak only while the drift guard is open.
"""

from math import exp

import numpy as np

from analysis import payoffs
from analysis.bets import Floats
from analysis.blocks import follow_blocks
from analysis.course import INTERVAL_LEVEL, Course, Judged, Record, Words, guarded_course
from analysis.findings import Estimate
from analysis.latency_arms import allowance
from analysis.latency_gates import unknown
from analysis.sample import Mean
from analysis.thresholds import LATENCY_BETS
from analysis.words import count, milliseconds, percent, points


def thresholds_course(record: Record) -> Course:
    """The gate `latency-thresholds`."""
    gate = record.policy.gates["latency-thresholds"]
    frozen = record.sample.frozen("p95")
    if frozen.limit_ms is None:
        return unknown(record, gate, "p95")
    limits, seen = record.sample.thresholds(gate)
    rows, n = len(record.arrival.at_us), frozen.pairs
    level = record.policy.rollback_level(gate)
    harm = follow_blocks(LATENCY_BETS, seen.at_looks, seen.looks, rows, level)
    worst, more = _worst(seen.at_end, n)
    ratio, floor_ms = allowance(gate)[0], gate.limits["floor_ms"]
    over = milliseconds(max(limits[worst] * (1 + ratio), limits[worst] + floor_ms))
    brief = f"over {over}: {points(more)} points more than the {record.baseline}"
    if more <= 0:
        brief = f"no threshold exceeded more often than by the {record.baseline}"
    said = f"over {over} {points(more)} points more often than the {record.baseline} over "
    words = Words(
        metric="share of requests over a threshold, candidate minus baseline, where it is worst",
        unit="difference of shares",
        now=f"{said}{milliseconds(limits[worst])}, the worst of {len(limits)} thresholds, in "
        f"{count(n)} requests"
        if more > 0
        else f"{brief}, at {len(limits)} thresholds, in {count(n)} requests",
        brief=brief,
        found="",
        held=record.guard.trouble(),
    )
    estimate = Estimate(more if n else None, None, None, n)
    return guarded_course(record, gate, harm, Judged(harm, None, estimate, None), words)


def _worst(discordant: Floats, n: int) -> tuple[int, float]:
    """The threshold with the largest difference of shares, and that difference."""
    if not n:
        return 0, 0.0
    b, c = np.split(discordant, 2)
    worst = int((b - c).argmax())
    return worst, float(b[worst] - c[worst]) / n


def mean_course(record: Record) -> Course:
    """The gate `latency-mean`."""
    gate = record.policy.gates["latency-mean"]
    sample, n, rows = record.sample, record.sample.n, len(record.arrival.at_us)
    harmed, safe = sample.ratios(gate, "harm"), sample.ratios(gate, "safety")
    tested = (
        (payoffs.harm_bets(0.0), harmed, record.policy.rollback_level(gate)),
        (payoffs.safety_bets(0.0), safe, record.policy.alpha_promote),
    )
    harm, safety = (
        follow_blocks(bets, seen.at_looks, seen.looks, rows, level) for bets, seen, level in tested
    )
    estimate = _ratio_estimate(sample.mean_ratio(), n)
    ratio, margin = allowance(gate)
    brief = f"latency {slower(estimate.value)} on average"
    words = Words(
        metric="mean ratio of latencies of the same request, candidate over baseline, less 1",
        unit="ratio",
        now=f"{brief}, request by request ({interval_slower(estimate)}; harm from "
        f"+{percent(ratio)} and {milliseconds(gate.limits['floor_ms'])}, margin "
        f"+{percent(margin)}) in {count(n)} requests",
        brief=brief,
        found="",
        held=record.guard.trouble(),
    )
    return guarded_course(record, gate, harm, Judged(harm, safety, estimate, None), words)


def _ratio_estimate(mean: Mean, n: int) -> Estimate:
    """The geometric mean of the ratio, less 1; each ratio held to a factor of 2.72 either way."""
    if mean.value is None:
        return Estimate(None, None, None, n)
    low, high = payoffs.interval(mean.lower, mean.upper, INTERVAL_LEVEL)
    return Estimate(exp(mean.value) - 1, exp(low) - 1, exp(high) - 1, n)


def slower(ratio: float | None) -> str:
    """A relative difference of latency in words; from twice as slow on as a factor."""
    if ratio is None:
        return "unknown"
    if ratio >= 1:
        return f"slower by a factor of {1 + ratio:.3g}"
    return f"{percent(abs(ratio))} {'faster' if ratio < 0 else 'slower'}"


def interval_slower(estimate: Estimate) -> str:
    """The interval of a relative difference in words."""
    if estimate.low is None or estimate.high is None:
        return "no estimate"
    if estimate.high >= 1:
        return f"a factor of {1 + estimate.low:.3g} to {1 + estimate.high:.3g}"
    return f"{points(estimate.low)} to {points(estimate.high)} %"
