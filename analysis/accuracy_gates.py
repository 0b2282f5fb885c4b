"""Accuracy by late labels: against a floor, and against the baseline on the same requests."""

from dataclasses import replace
from typing import Literal

from analysis.answer_blocks import Claim, block_estimate, block_trace, blocks_words
from analysis.bets import Flags, Trace
from analysis.constant import HELD
from analysis.course import (
    INTERVAL_LEVEL,
    Course,
    Judged,
    Record,
    Words,
    course,
    judge_paired,
    judge_rate,
    paired_estimate,
    rate_estimate,
)
from analysis.error_gates import found_points, interval_points
from analysis.policy import Gate
from analysis.sides import KNOWN, OTHER_HARM, OWN_HARM, SURE, Sided, Totals
from analysis.words import count, percent, points, share


def accuracy_courses(record: Record) -> list[Course]:
    """The two accuracy gates, over the pairs whose label came or whose window has passed."""
    gates = record.policy.gates
    sides = record.sample.answers()
    return [
        _absolute(record, gates["accuracy-absolute"], sides),
        _paired(record, gates["accuracy-paired"], sides),
    ]


def labels_words(record: Record) -> str:
    """How many labels there are, in words that say what is missing."""
    due, missing = record.sample.due, record.sample.due - record.sample.timely
    late = f", {count(missing)} without one in time" if missing else ""
    blocks = blocks_words(record.policy, due)
    return f"{count(due)} labelled pairs of {count(record.sample.n)}{blocks}{late}"


def unlabelled_words(record: Record) -> str:
    """What to say instead of an accuracy while no label came in time."""
    due, n = record.sample.due, record.sample.n
    if record.sample.timely:
        return ""
    if due:
        return f"{count(due)} of {count(n)} pairs got no label in time"
    if labels := record.sample.known:
        have = f"{count(labels)} of {count(n)} pairs have a label"
        return f"{have}, which waits for that of an earlier pair until its window has passed"
    return f"no label yet for {count(n)} pairs"


def accuracies(totals: Totals) -> tuple[str, str]:
    """Accuracy of both sides over the pairs known on both, in percent."""
    n = totals.of(KNOWN & SURE)
    if not n:
        return "unknown", "unknown"
    wrong = (totals.of(KNOWN & SURE & OWN_HARM), totals.of(KNOWN & SURE & OTHER_HARM))
    return percent(1 - wrong[0] / n), percent(1 - wrong[1] / n)


def _absolute(record: Record, gate: Gate, sides: Sided) -> Course:
    """Tolerance and margin are accuracies; the bets are on the share of wrong answers."""
    tolerance, margin = gate.tolerance or 0.0, gate.margin or 0.0
    claims, bad = (1 - tolerance, 1 - margin), sides.unlabelled_bad()
    judged = _in_blocks(record, gate, bad, claims, paired=False) or judge_rate(
        record, gate, bad, claims
    )
    judged = judged.mirrored(1.0)
    now = accuracies(sides.totals())[0]
    low, high = judged.estimate.low or 0.0, judged.estimate.high or 0.0
    words = Words(
        metric="share of right answers",
        unit="share",
        now=f"accuracy {now} ({share(low)} to {share(high)}, limit {share(tolerance)}) "
        f"in {labels_words(record)}",
        brief=unlabelled_words(record) or f"accuracy {now}, floor {percent(tolerance)}",
        found=f"an accuracy of {percent(1 - judged.found)} or less would have been found"
        if judged.found is not None
        else "no harm was small enough to be found in so few labels",
    )
    return answers_course(record, gate, judged, words)


def _paired(record: Record, gate: Gate, sides: Sided) -> Course:
    """The bets are on wrong answers, what is told is the difference of accuracies."""
    tolerance, margin = gate.tolerance or 0.0, gate.margin or 0.0
    claims = (tolerance, margin)
    judged = _in_blocks(record, gate, sides, claims, paired=True) or judge_paired(
        record, gate, sides, claims
    )
    judged = judged.mirrored(0.0)
    candidate, baseline = accuracies(sides.totals())
    value = judged.estimate.value
    against = f"accuracy {candidate} against {baseline}"
    floor = percent(record.policy.gates["accuracy-absolute"].tolerance or 0.0)
    lost = f"accuracy {share(abs(value or 0.0))} points below the {record.baseline}"
    lost = f"{lost} ({candidate}, floor {floor})"
    below = value is not None and value < -tolerance
    words = Words(
        metric="share of right answers, candidate minus baseline",
        unit="difference of shares",
        now=f"{against} of the {record.baseline} "
        f"({interval_points(judged.estimate)}, margin {points(-margin)}) in {labels_words(record)}",
        brief=unlabelled_words(record) or (lost if below else against),
        found=found_points(judged),
    )
    return answers_course(record, gate, judged, words)


def _in_blocks(
    record: Record, gate: Gate, sides: Sided, claims: tuple[float, float], *, paired: bool
) -> Judged | None:
    """(Tolerance, margin) of bad answers in blocks that hang together; None one by one."""
    size = record.policy.dependence.block
    if size is None:
        return None
    rows, level = len(record.labels.at_us), record.policy.rollback_level(gate)
    harm, safety = Claim(claims[0], paired, True), Claim(claims[1], paired, False)
    totals = sides.totals()
    bare = paired_estimate(totals) if paired else rate_estimate(totals)
    return Judged(
        block_trace(sides, size, rows, harm, level),
        block_trace(sides, size, rows, safety, record.policy.alpha_promote),
        block_estimate(sides, size, bare, harm, INTERVAL_LEVEL),
        None,
    )


def heard(trace: Trace | None, allowed: Flags | Literal[False]) -> Trace | None:
    """The same evidence, which decides only where it is allowed to."""
    return None if trace is None else replace(trace, above=trace.above & allowed)


def answers_course(record: Record, gate: Gate, judged: Judged, words: Words) -> Course:
    """Decide a gate of answers, which speaks only where their dependence is known.

    Nothing is safe by answers that are all the same.
    """
    if record.sample.predicted.alike:
        judged = replace(judged, safety=heard(judged.safety, False))
        words = replace(words, held=HELD) if record.sample.timely else words
    guard = record.answers
    allowed = guard.open_at(record.labels.at_us)
    if not allowed.all() or guard.trouble():
        harm, safety = heard(judged.harm, allowed), heard(judged.safety, allowed)
        judged = replace(judged, harm=harm, safety=safety)
        words = replace(words, held=guard.trouble() or words.held)
    return course(record, gate, record.labels, judged, words)
