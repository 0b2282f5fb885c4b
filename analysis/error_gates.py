"""Errors: against the baseline, against limits, and late harm over some window ending now."""

import numpy as np

from analysis import paired
from analysis.bets import Bets, even
from analysis.clock import Look
from analysis.course import (
    Course,
    Judged,
    Record,
    Recorded,
    Words,
    conclude,
    course,
    judge_paired,
    judge_rate,
    paired_estimate,
    rate_estimate,
)
from analysis.findings import Estimate
from analysis.late import Late, follow_late
from analysis.policy import DIFFERENT, Gate
from analysis.sides import KNOWN, OTHER_SAFETY, OWN_HARM, Sided, Totals
from analysis.words import count, percent, points, share

# Rates after an onset, as odds against the limit: 5.5, 6, 7, 9, 14, 25 and 50 % for a limit of 5 %.
LATE_ODDS = np.array([1.106, 1.213, 1.43, 1.88, 3.09, 6.33, 19.0])


def error_courses(record: Record) -> list[Course]:
    """The four error gates."""
    gates, sample = record.policy.gates, record.sample
    sides = sample.errors()
    absolute = gates["errors-late-absolute"]
    late_paired = gates["errors-late-paired"]
    totals = sides.totals()
    return [
        _paired(record, gates["errors-paired"], sides),
        _absolute(record, gates["errors-absolute"], sides),
        late_course(
            record,
            late_paired,
            paired.harm_bets(late_paired.tolerance or 0.0),
            sample.late("errors-late-paired"),
            paired_estimate(totals),
            (
                "errors of some window ending now, candidate minus baseline",
                _both_words(record, totals),
            ),
        ),
        late_course(
            record,
            absolute,
            late_rate_bets(absolute.tolerance or 0.0),
            sample.late("errors-late-absolute"),
            rate_estimate(totals),
            ("errors of some window ending now", _both_words(record, totals)),
        ),
    ]


def late_rate_bets(limit: float) -> Bets:
    """Bets on rates after an onset, against "the rate is at most the limit"."""
    odds = LATE_ODDS * limit / (1 - limit)
    rates_after = odds / (1 + odds)
    return even(np.stack([np.log(rates_after / limit), np.log((1 - rates_after) / (1 - limit))]))


def _shares(totals: Totals) -> tuple[float, float]:
    """Share of errors on each side over the pairs known on both."""
    n = max(totals.known, 1)
    return totals.of(KNOWN & OWN_HARM) / n, totals.of(KNOWN & OTHER_SAFETY) / n


def _both_words(record: Record, totals: Totals) -> str:
    candidate, baseline = _shares(totals)
    return f"errors {percent(candidate)}, {record.baseline} {percent(baseline)}"


def _paired(record: Record, gate: Gate, sides: Sided) -> Course:
    tolerance, margin = gate.tolerance or 0.0, gate.margin or 0.0
    judged = judge_paired(record, gate, sides, (tolerance, margin))
    brief = _both_words(record, sides.totals())
    words = Words(
        metric="share of errors, candidate minus baseline",
        unit="difference of shares",
        now=f"{brief} of {count(record.sample.n)} requests ({interval_points(judged.estimate)}, "
        f"margin {points(margin)} points)",
        brief=brief,
        found=found_points(judged),
    )
    return course(record, gate, record.arrival, judged, words)


def _absolute(record: Record, gate: Gate, sides: Sided) -> Course:
    tolerance, margin = gate.tolerance or 0.0, gate.margin
    judged = judge_rate(record, gate, sides, (tolerance, margin))
    candidate = _shares(sides.totals())[0]
    words = absolute_words(gate, judged, candidate, record.sample.n)
    return course(record, gate, record.arrival, judged, words)


def absolute_words(gate: Gate, judged: Judged, value: float, n: int) -> Words:
    """What is said of the candidate's own share of errors, `value` of `n` requests."""
    tolerance = gate.tolerance or 0.0
    return Words(
        metric="share of errors",
        unit="share",
        now=f"errors {percent(value)} of {count(n)} requests "
        f"({interval_percent(judged.estimate)}, limit {share(tolerance)})",
        brief=f"errors {percent(value)}, limit {percent(tolerance)}",
        found=found_percent(judged, "errors of"),
    )


def interval_points(estimate: Estimate) -> str:
    """The interval of a difference in words."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return "no estimate"
    return f"{points(estimate.value)} points, {points(estimate.low)} to {points(estimate.high)}"


def interval_percent(estimate: Estimate) -> str:
    """The interval of a share in words."""
    if estimate.low is None or estimate.high is None:
        return "no estimate"
    return f"{share(estimate.low)} to {share(estimate.high)}"


def found_points(judged: Judged) -> str:
    """The smallest difference that the same pairs would have shown, in words."""
    if judged.found is None:
        return "no harm was small enough to be found in so few pairs"
    return f"a harm of {share(judged.found)} points or more would have been found"


def found_percent(judged: Judged, what: str) -> str:
    """The smallest rate that the same pairs would have shown, in words."""
    if judged.found is None:
        return "no harm was small enough to be found in so few pairs"
    return f"{what} {percent(judged.found)} or more would have been found"


def late_course(
    record: Recorded,
    gate: Gate,
    bets: Bets,
    late: Late,
    estimate: Estimate,
    named: tuple[str, str],
) -> Course:
    """A gate that can only prove harm, looking at the end of every second."""
    metric, now = named
    blocks, counts = late.blocks, late.counts
    level = record.policy.rollback_level(gate)
    trace, window = follow_late(bets, counts, blocks, record.policy.horizon, level)
    first = trace.first(record.allowed_at(gate, blocks.end_us))
    failed = None
    brief = now
    if first is not None:
        failed = Look(late.before + int(blocks.stop[first]), int(blocks.end_us[first]))
        n = late.requests(slice(window, first + 1))
        bad = int(counts[0, window : first + 1].sum())
        seconds = (blocks.end_us[first] - blocks.end_us[window]) // 1_000_000 + 1
        brief = (
            f"{metric.split(' of ')[0]}: {percent(bad / n)} of {count(n)} requests in {seconds} s"
        )
    unit = "difference of shares" if gate.name in DIFFERENT else "share"
    words = Words(metric, unit, brief, brief, "")
    nothing = np.zeros(0, dtype=np.bool_)
    judged = Judged(trace, None, estimate, None)
    finding = conclude(gate, record.arrival, judged, words, nothing, failed)
    return Course(finding, record.arrival, nothing, failed)
