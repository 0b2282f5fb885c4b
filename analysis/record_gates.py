"""The record itself: were the copies answered, and are the rows usable? These can only hold."""

import numpy as np

from analysis.bets import Flags
from analysis.constant import never_differs
from analysis.course import Course, Judged, Record, Recorded, Words, conclude
from analysis.findings import Estimate
from analysis.label_gates import unlabelled_course
from analysis.policy import Gate
from analysis.sample import Rows
from analysis.words import count, percent

LONGEST_SILENCE = 86_400.0
"""Seconds without a request and without a label after which a record says nothing of today."""


def record_courses(record: Record) -> list[Course]:
    """Coverage, sample integrity, rows of both arms, labels that never came."""
    gates, rows = record.policy.gates, record.sample.rows()
    return [
        _coverage(record, gates["coverage"], rows),
        _integrity(record, gates["sample-integrity"], rows),
        _ratio(record, gates["sample-ratio"], rows),
        unlabelled_course(record, gates["unlabelled-share"]),
    ]


def _coverage(record: Record, gate: Gate, rows: Rows) -> Course:
    n, seen = record.sample.n, record.arrival.arrived
    least, most = gate.limits["min_answered"], gate.limits["max_not_sent"]
    answered, unsent = rows.answered, rows.unsent
    standing = (answered >= least * seen) & (unsent <= most * seen)
    silent = silence(record, record.sample.last_us)
    standing = unless(silent, standing)
    total = int(answered[-1]) / n if n else None
    brief = f"{percent(total or 0.0)} of copies answered"
    never = int(unsent[-1]) if n else 0
    words = Words(
        metric="share of copies answered",
        unit="share",
        now=f"{percent(total or 0.0)} of {count(n)} copies answered "
        f"(at least {percent(least)}), {percent(never / max(n, 1))} never sent "
        f"(at most {percent(most)})",
        brief=brief,
        found="",
        held=silent or ("too few copies answered" if n else "no copies"),
    )
    return _standing(record, gate, standing, words, Estimate(total, None, None, n))


def unless(fault: str, standing: Flags) -> Flags:
    """What stands, but nothing at the last look where something is at fault."""
    told = np.asarray(standing)
    if fault:
        told[-1] = False
    return told


def silence(record: Recorded, last_us: int) -> str:
    """How long nothing had come any more when the record was looked at, if that is too long.

    Since the last request or label, and since the last window of a label ended.
    """
    due_us = record.labels.at_us[-1:].tolist()
    seconds = (record.watermark_us - max([last_us, *due_us])) / 1e6 if record.n else 0.0
    if seconds <= LONGEST_SILENCE:
        return ""
    return f"stale: nothing had come for {seconds / 86_400:.1f} days before this look"


def _integrity(record: Record, gate: Gate, rows: Rows) -> Course:
    """Rows without a usable answer of either side, and copies without any row."""
    seen = record.arrival.arrived
    bad = rows.unusable + np.int64(rows.orphans)
    most = gate.limits["max_unusable"]
    standing = bad <= most * (seen + rows.orphans)
    fault = record.sample.ends.fault or _never_differs(record, rows)
    standing = unless(fault, standing)
    n = record.sample.n + rows.orphans
    total = int(bad[-1]) / n if record.sample.n else None
    words = Words(
        metric="share of rows that cannot be used",
        unit="share",
        now=f"{percent(total or 0.0)} of {count(n)} rows unusable (at most {percent(most)})",
        brief=f"{percent(total or 0.0)} of rows unusable",
        found="",
        held=fault or ("the record has gaps" if record.sample.n else "no rows"),
    )
    return _standing(record, gate, standing, words, Estimate(total, None, None, n))


def _never_differs(record: Record, rows: Rows) -> str:
    if not record.sample.n:
        return ""
    own, other = record.sample.timed
    return never_differs("candidate", own, int(rows.answered[-1])) or never_differs(
        record.baseline, other, int(rows.other[-1])
    )


def _ratio(record: Record, gate: Gate, seen: Rows) -> Course:
    """Rows of the candidate, answered or timed out, for each row of the baseline.

    Every request is to have both, so that a ratio off 1 is a fault of the record and no chance.
    """
    most = gate.limits["max_off"]
    own, other = seen.own + np.int64(seen.orphans), seen.other
    standing = (np.abs(own - other) <= most * other) & (other > 0)
    rows = (int(own[-1]), int(other[-1])) if record.sample.n else (0, 0)
    ratio = rows[0] / rows[1] if rows[1] else None
    brief = f"{count(rows[0])} rows of the candidate for {count(rows[1])} of the {record.baseline}"
    words = Words(
        metric="rows of the candidate for each row of the baseline, less 1",
        unit="ratio",
        now=f"{brief} (at most {percent(most)} off)",
        brief=brief,
        found="",
        held="one side misses rows" if rows[1] else f"no rows of the {record.baseline}",
    )
    estimate = Estimate(None if ratio is None else ratio - 1, None, None, record.sample.n)
    return _standing(record, gate, np.asarray(standing), words, estimate)


def _standing(
    record: Record, gate: Gate, standing: Flags, words: Words, estimate: Estimate
) -> Course:
    judged = Judged(None, None, estimate, None)
    finding = conclude(gate, record.arrival, judged, words, standing, None)
    return Course(finding, record.arrival, standing, None)
