"""The whole distribution of latency: some threshold exceeded more often, and slower on average.

They see what no single quantile sees: a slower median, a slower tail, a shift of everything. Both
look after every 1,024 pairs, and speak only while the drift guard is open.
"""

from math import exp

import numpy as np

from analysis import payoffs, thresholds
from analysis.bets import Floats, Integers
from analysis.blocks import counts_at, follow_blocks, looks_of
from analysis.course import INTERVAL_LEVEL, Course, Judged, Record, Words, guarded_course
from analysis.findings import Estimate
from analysis.latency_arms import allowance, bare_arms, harm_arms, log_ratio, safety_arms
from analysis.latency_gates import Frozen, unknown
from analysis.policy import Gate
from analysis.words import count, milliseconds, percent, points


def whole_courses(record: Record, frozen: Frozen) -> list[Course]:
    """All thresholds and the mean, in this order."""
    gates = record.policy.gates
    return [
        _thresholds(record, gates["latency-thresholds"], frozen),
        _mean(record, gates["latency-mean"]),
    ]


def _thresholds(record: Record, gate: Gate, frozen: Frozen) -> Course:
    if frozen.limit_ms is None:
        return unknown(record, gate, "p95")
    n, start = len(record.pairs), frozen.start
    limits = thresholds.grid(frozen.limit_ms)
    arms = harm_arms(record.pairs, gate)
    looks = looks_of(n, start)
    counts = thresholds.discordant_at(arms, limits, looks, start)
    level = record.policy.rollback_level(gate)
    harm = follow_blocks(thresholds.ThresholdBets(), counts, looks, n, level)
    whole = np.array([n]) if n > start else looks[:0]
    end = thresholds.discordant_at(arms, limits, whole, start)
    worst, more = _worst(end, n - start)
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
        f"{count(max(n - start, 0))} requests"
        if more > 0
        else f"{brief}, at {len(limits)} thresholds, in {count(max(n - start, 0))} requests",
        brief=brief,
        found="",
        held=record.guard.trouble(),
    )
    estimate = Estimate(more if n > start else None, None, None, max(n - start, 0))
    return guarded_course(record, gate, harm, Judged(harm, None, estimate, None), words)


def _worst(discordant: Floats, n: int) -> tuple[int, float]:
    """The threshold with the largest difference of shares, and that difference."""
    if not discordant.shape[1]:
        return 0, 0.0
    b, c = np.split(discordant[:, -1], 2)
    worst = int((b - c).argmax())
    return worst, float(b[worst] - c[worst]) / n


def _mean(record: Record, gate: Gate) -> Course:
    pairs, n = record.pairs, len(record.pairs)
    looks = looks_of(n)
    tested = (
        (payoffs.harm_bets(0.0), payoffs.down(log_ratio(harm_arms(pairs, gate)))),
        (payoffs.safety_bets(0.0), payoffs.up(log_ratio(safety_arms(pairs, gate)))),
    )
    levels = (record.policy.rollback_level(gate), record.policy.alpha_promote)
    harm, safety = (
        follow_blocks(bets, counts_at(kinds, payoffs.KINDS, looks), looks, n, level)
        for (bets, kinds), level in zip(tested, levels, strict=True)
    )
    estimate = _ratio_estimate(log_ratio(bare_arms(pairs)))
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


def _ratio_estimate(ratio: Floats) -> Estimate:
    """The geometric mean of the ratio, less 1; each ratio held to a factor of 2.72 either way."""
    n = len(ratio)
    known = ~np.isnan(ratio)
    if not known.any():
        return Estimate(None, None, None, n)
    lower, upper = (_totals(kinds) for kinds in (payoffs.down(ratio), payoffs.up(ratio)))
    low, high = payoffs.interval(lower, upper, INTERVAL_LEVEL)
    mean = float(np.clip(ratio[known], -1, 1).mean())
    return Estimate(exp(mean) - 1, exp(low) - 1, exp(high) - 1, n)


def _totals(kinds: Integers) -> Floats:
    return np.bincount(kinds, minlength=payoffs.KINDS).astype(np.float64)


def slower(ratio: float | None) -> str:
    """A relative difference of latency in words."""
    if ratio is None:
        return "unknown"
    return f"{percent(abs(ratio))} {'faster' if ratio < 0 else 'slower'}"


def interval_slower(estimate: Estimate) -> str:
    """The interval of a relative difference in words."""
    if estimate.low is None or estimate.high is None:
        return "no estimate"
    return f"{points(estimate.low)} to {points(estimate.high)} %"
