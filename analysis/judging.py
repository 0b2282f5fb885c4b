"""From pairs and a policy to a verdict.

FAIL latches: some gate proved harm at some look. PASS does not: it is what all blocking gates
proved at the same look, and the verdict of a record is that of its last look, because only so does
it cover the average over all that was seen (P(some look: average >= margin and PASS) <= alpha).
`decided_at` of a PASS is the first look at which a live judge would have stopped with it.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from analysis.accuracy_gates import accuracy_courses
from analysis.answer_gates import answer_courses
from analysis.bets import Flags, Integers
from analysis.clock import Clock, Look, arrival_clock, label_clock
from analysis.course import Course, Record
from analysis.drift import guard_of
from analysis.error_gates import error_courses
from analysis.findings import Outcome
from analysis.latency_gates import frozen_p95, latency_courses
from analysis.latency_ratio import ratio_course
from analysis.latency_whole import whole_courses
from analysis.pairs import Pairs
from analysis.policy import JudgePolicy
from analysis.policy_file import default_policy, read_policy
from analysis.read import Source, read_pairs
from analysis.reasons import reason_of
from analysis.record_gates import answered_share, record_courses
from analysis.segment_gates import segment_courses
from analysis.shift import shift_course
from analysis.verdict import Verdict
from analysis.version import CODE_VERSION

LOOKS = "after every pair, label and second of arrival; histograms after every 1,024 pairs"


def judge(
    pairs: Source, policy: JudgePolicy | Path | str | None = None, *, live: bool = False
) -> Verdict:
    """Judge a frame, a file or a folder of pairs by a policy, its file, or the packaged default.

    Undecided is INCONCLUSIVE; while live the decision is then CONTINUE. Raises BadInput.
    """
    if policy is None:
        policy = default_policy()
    if not isinstance(policy, JudgePolicy):
        policy = read_policy(policy)
    return judge_pairs(read_pairs(pairs), policy, live)


def judge_pairs(pairs: Pairs, policy: JudgePolicy, live: bool) -> Verdict:
    """The same for pairs and a policy already read."""
    labels, in_time = label_clock(pairs, policy.label_window)
    record = Record(
        pairs=pairs,
        policy=policy,
        arrival=arrival_clock(pairs),
        labels=labels,
        in_time=in_time,
        guard=guard_of(pairs, policy.drift),
        baseline="baseline" if np.isnan(pairs.baseline_prediction).all() else "champion",
    )
    courses = [
        *error_courses(record),
        *latency_courses(record),
        *whole_courses(record, frozen_p95(record)),
        ratio_course(record),
        *accuracy_courses(record),
        *answer_courses(record),
        shift_course(record),
        *record_courses(record),
        *segment_courses(record),
    ]
    failures = [course.failed for course in courses if course.failed]
    stood, stands = _promotion(record, courses)
    if failures:
        outcome, decision = Outcome.FAIL, "ROLLBACK"
        decided: Look | None = min(failures, key=lambda look: look.at_us)
    elif stands:
        outcome, decision, decided = Outcome.PASS, "PROMOTE", stood
    else:
        outcome, decided = Outcome.INCONCLUSIVE, None
        decision = "CONTINUE" if live else "INCONCLUSIVE"
    findings = tuple(course.finding for course in courses)
    guarded = ", small latency differences only while the drift guard is open"
    return Verdict(
        verdict=outcome.value,
        decision=decision,
        reason=reason_of(outcome, findings, record, stood),
        pairs=len(pairs),
        coverage=answered_share(record),
        decided_at=decided,
        stood_at=stood,
        looks=LOOKS + (guarded if policy.drift.kind == "guard" else ""),
        findings=findings,
        revisions=pairs.metadata.revisions,
        policy_digest=policy.digest,
        pairs_digest=pairs.digest,
        code_version=CODE_VERSION,
    )


@dataclass(frozen=True, slots=True)
class _Standing:
    """Where all blocking gates of a clock stood proven, by the number of pairs it had admitted."""

    flags: Flags

    def at(self, admitted: Integers) -> Flags:
        return np.asarray(self.flags[admitted])


def _all_of(courses: list[Course], clock: Clock) -> _Standing:
    """Nothing admitted proves nothing, unless no blocking gate runs on this clock."""
    mine = [c.standing for c in courses if c.clock is clock and c.finding.blocking]
    flags = np.ones(len(clock.at_us) + 1, dtype=np.bool_)
    flags[0] = not mine
    for standing in mine:
        flags[1:] &= standing
    return _Standing(flags)


def _promotion(record: Record, courses: list[Course]) -> tuple[Look | None, bool]:
    """The first look at which PROMOTE stood, and whether it stands at the watermark."""
    arrival, labels, guard = record.arrival, record.labels, record.guard
    by_pairs, by_labels = _all_of(courses, arrival), _all_of(courses, labels)
    one_to = np.arange(1, len(labels.at_us) + 1)
    watermark = np.array([record.pairs.watermark_us])
    events = (
        (arrival.at_us, arrival.arrived, labels.admitted(arrival.at_us)),
        (labels.at_us, labels.arrived, one_to),
        (guard.end_us, np.searchsorted(arrival.at_us, guard.end_us), labels.admitted(guard.end_us)),
        (watermark, arrival.admitted(watermark), labels.admitted(watermark)),
    )
    first: list[Look] = []
    stands = False
    for at_us, n, admitted in events:
        standing = by_pairs.at(n) & by_labels.at(admitted) & guard.open_at(at_us)
        standing &= n >= record.policy.min_pairs
        if standing.any():
            index = int(standing.argmax())
            first.append(Look(int(n[index]), int(at_us[index])))
        stands = bool(len(standing) and standing[-1])
    return min(first, key=lambda look: look.at_us, default=None), stands
