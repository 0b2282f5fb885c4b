"""Accuracy by late labels: against a floor, and against the baseline on the same requests."""

import numpy as np

from analysis.course import Course, Record, Words, course, judge_paired, judge_rate, known_pairs
from analysis.error_gates import found_points, interval_points
from analysis.policy import Gate
from analysis.sides import Sides, wrong_sides
from analysis.words import count, percent, points, share


def accuracy_courses(record: Record) -> list[Course]:
    """The two accuracy gates, over the pairs whose label came or whose window has passed."""
    gates = record.policy.gates
    sides = labelled_sides(record)
    return [
        _absolute(record, gates["accuracy-absolute"], sides),
        _paired(record, gates["accuracy-paired"], sides),
    ]


def labelled_sides(record: Record) -> Sides:
    """Wrong answers of the pairs that the clock of labels admitted."""
    n = len(record.labels.at_us)
    whole = wrong_sides(record.pairs, record.in_time, record.policy.accuracy)
    return Sides(
        whole.candidate_harm[:n],
        whole.candidate_safety[:n],
        whole.baseline_harm[:n],
        whole.baseline_safety[:n],
    )


def labels_words(record: Record) -> str:
    """How many labels there are, in words that say what is missing."""
    admitted = len(record.labels.at_us)
    missing = admitted - int(record.in_time[:admitted].sum())
    late = f", {count(missing)} without one in time" if missing else ""
    return f"{count(admitted)} labelled pairs of {count(len(record.pairs))}{late}"


def unlabelled_words(record: Record) -> str:
    """What to say instead of an accuracy while no label came in time."""
    admitted, n = len(record.labels.at_us), len(record.pairs)
    if record.in_time[:admitted].any():
        return ""
    if admitted:
        return f"{count(admitted)} of {count(n)} pairs got no label in time"
    return f"no label yet for {count(n)} pairs"


def accuracies(record: Record, sides: Sides) -> tuple[str, str]:
    """Accuracy of both sides over the pairs known on both, in percent."""
    known = known_pairs(sides) & record.in_time[: len(sides.candidate_harm)]
    n = int(known.sum())
    if not n:
        return "unknown", "unknown"
    wrong = (sides.candidate_harm[known].sum(), sides.baseline_harm[known].sum())
    return percent(1 - int(wrong[0]) / n), percent(1 - int(wrong[1]) / n)


def _absolute(record: Record, gate: Gate, sides: Sides) -> Course:
    """Tolerance and margin are accuracies; the bets are on the share of wrong answers."""
    tolerance, margin = gate.tolerance or 0.0, gate.margin or 0.0
    unlabelled = ~record.in_time[: len(sides.candidate_harm)]
    judged = judge_rate(
        record,
        gate,
        sides.candidate_harm,
        np.asarray(sides.candidate_safety | unlabelled),
        (1 - tolerance, 1 - margin),
    )
    judged = judged.mirrored(1.0)
    now = accuracies(record, sides)[0]
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
    return course(record, gate, record.labels, judged, words)


def _paired(record: Record, gate: Gate, sides: Sides) -> Course:
    """The bets are on wrong answers, what is told is the difference of accuracies."""
    tolerance, margin = gate.tolerance or 0.0, gate.margin or 0.0
    judged = judge_paired(record, gate, sides, (tolerance, margin)).mirrored(0.0)
    candidate, baseline = accuracies(record, sides)
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
    return course(record, gate, record.labels, judged, words)
