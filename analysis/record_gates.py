"""The record itself: were the copies answered, and are the rows usable? These can only hold."""

import numpy as np

from analysis.bets import Flags, Integers
from analysis.course import Course, Judged, Record, Words, conclude
from analysis.findings import Estimate
from analysis.label_gates import unlabelled_course
from analysis.pairs import ANSWERED, NOT_SENT, Pairs
from analysis.policy import Gate
from analysis.words import count, percent


def record_courses(record: Record) -> list[Course]:
    """Coverage, sample integrity, rows of both arms, labels that never came."""
    gates = record.policy.gates
    return [
        _coverage(record, gates["coverage"]),
        _integrity(record, gates["sample-integrity"]),
        _ratio(record, gates["sample-ratio"]),
        unlabelled_course(record, gates["unlabelled-share"]),
    ]


def answered_share(record: Record) -> float | None:
    """Share of the copies that were answered."""
    n = len(record.pairs)
    return int((record.pairs.outcome == ANSWERED).sum()) / n if n else None


def _coverage(record: Record, gate: Gate) -> Course:
    pairs, seen = record.pairs, record.arrival.arrived
    least, most = gate.limits["min_answered"], gate.limits["max_not_sent"]
    answered = (pairs.outcome == ANSWERED).cumsum()
    unsent = (pairs.outcome == NOT_SENT).cumsum()
    standing = (answered >= least * seen) & (unsent <= most * seen)
    total = answered_share(record)
    brief = f"{percent(total or 0.0)} of copies answered"
    never = int(unsent[-1]) if len(pairs) else 0
    words = Words(
        metric="share of copies answered",
        unit="share",
        now=f"{percent(total or 0.0)} of {count(len(pairs))} copies answered "
        f"(at least {percent(least)}), {percent(never / max(len(pairs), 1))} never sent "
        f"(at most {percent(most)})",
        brief=brief,
        found="",
        held="too few copies answered" if len(pairs) else "no copies",
    )
    return _standing(
        record, gate, np.asarray(standing), words, Estimate(total, None, None, len(pairs))
    )


def _half_predicted(pairs: Pairs) -> Flags:
    """Both sides say they succeeded, but only one has a prediction."""
    succeeded = (pairs.outcome == ANSWERED) & (pairs.candidate_status < 400)
    succeeded &= (pairs.baseline_status > 0) & (pairs.baseline_status < 400)
    missing = np.isnan(pairs.baseline_prediction) != np.isnan(pairs.candidate_prediction)
    return np.asarray(succeeded & missing)


def _integrity(record: Record, gate: Gate) -> Course:
    """Rows without a usable answer of either side, and copies without any row."""
    pairs, seen = record.pairs, record.arrival.arrived
    unusable = (pairs.baseline_status == 0) | np.isnan(pairs.baseline_latency_ms)
    unusable |= (pairs.outcome == ANSWERED) & np.isnan(pairs.candidate_latency_ms)
    unusable |= _half_predicted(pairs)
    bad: Integers = unusable.cumsum() + pairs.metadata.orphans
    most = gate.limits["max_unusable"]
    standing = bad <= most * (seen + pairs.metadata.orphans)
    n = len(pairs) + pairs.metadata.orphans
    total = int(bad[-1]) / n if len(pairs) else None
    words = Words(
        metric="share of rows that cannot be used",
        unit="share",
        now=f"{percent(total or 0.0)} of {count(n)} rows unusable (at most {percent(most)})",
        brief=f"{percent(total or 0.0)} of rows unusable",
        found="",
        held="the record has gaps" if len(pairs) else "no rows",
    )
    return _standing(record, gate, np.asarray(standing), words, Estimate(total, None, None, n))


def _ratio(record: Record, gate: Gate) -> Course:
    """Rows of the candidate, answered or timed out, for each row of the baseline.

    Every request is to have both, so that a ratio off 1 is a fault of the record and no chance.
    """
    pairs, most = record.pairs, gate.limits["max_off"]
    own: Integers = (pairs.outcome != NOT_SENT).cumsum() + pairs.metadata.orphans
    other: Integers = (pairs.baseline_status > 0).cumsum()
    standing = (np.abs(own - other) <= most * other) & (other > 0)
    rows = (int(own[-1]), int(other[-1])) if len(pairs) else (0, 0)
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
    estimate = Estimate(None if ratio is None else ratio - 1, None, None, len(pairs))
    return _standing(record, gate, np.asarray(standing), words, estimate)


def _standing(
    record: Record, gate: Gate, standing: Flags, words: Words, estimate: Estimate
) -> Course:
    judged = Judged(None, None, estimate, None)
    finding = conclude(gate, record.arrival, judged, words, standing, None)
    return Course(finding, record.arrival, standing, None)
