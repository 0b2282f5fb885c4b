"""What the gates decide together.

FAIL latches: some gate proved harm at some look. PASS does not: it is what all blocking gates
proved at the same look, and the verdict of a record is that of its last look, because only so does
it cover the average over all that was seen (P(some look: average >= margin and PASS) <= alpha).
`decided_at` of a PASS is the first look at which a live judge would have stopped with it.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from analysis.bets import CHUNK, Flags, Integers
from analysis.clock import Clock, Look
from analysis.course import Course, Recorded
from analysis.findings import Outcome
from analysis.metadata import Metadata
from analysis.policy import JudgePolicy
from analysis.reasons import reason_of
from analysis.sustained import budget_words
from analysis.verdict import Verdict
from analysis.version import CODE_VERSION


@dataclass(frozen=True, slots=True)
class Origin:
    """What a record says of itself, the digest of its rows, and when it was looked at, in words."""

    about: Metadata
    digest: str
    looks: str


def concluded(
    record: Recorded,
    courses: list[Course],
    origin: Origin,
    answered: float | None,
    live: bool,
) -> Verdict:
    """FAIL where any gate failed, PASS where all that block stand; `answered` of 0 to 1."""
    policy = record.policy
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
    return Verdict(
        verdict=outcome.value,
        decision=decision,
        reason=reason_of(outcome, findings, record, stood),
        pairs=record.n,
        of=record.arrival.of,
        coverage=answered,
        decided_at=decided,
        stood_at=stood,
        looks=origin.looks + _while(policy),
        findings=findings,
        revisions=origin.about.revisions,
        policy_digest=policy.digest,
        pairs_digest=origin.digest,
        code_version=CODE_VERSION,
    )


def _while(policy: JudgePolicy) -> str:
    """What the drift of hosts adds to when it was looked."""
    found = policy.drift.calibration
    return {
        "none": "",
        "guard": ", small latency differences only while the drift guard is open",
        "calibrated": f"; {budget_words(found, policy)}" if found else "",
    }[policy.drift.kind]


@dataclass(frozen=True, slots=True)
class _Standing:
    """Where all blocking gates of each clock stood proven, by the number of looks there were."""

    record: Recorded
    by_pairs: Flags
    by_labels: Flags
    came: Integers

    def first(
        self, at_us: Integers, own: Clock | None = None, side: Literal["left", "right"] = "right"
    ) -> Look | None:
        """The first of these times at which PROMOTE stood; `own` where they are those of a clock.

        Part by part: looking up so many times among others takes longer than all the rest.
        """
        arrival, labels, guard = self.record.arrival, self.record.labels, self.record.guard
        for begin in range(0, len(at_us), CHUNK):
            part = at_us[begin : begin + CHUNK]
            after = np.arange(begin + 1, begin + 1 + len(part))
            looks = after if own is arrival else np.searchsorted(arrival.at_us, part, side)
            admitted = after if own is labels else labels.admitted(part)
            standing = self.by_pairs[looks] & self.by_labels[admitted] & guard.open_at(part)
            standing &= self.came[looks] >= self.record.policy.min_pairs
            if standing.any():
                at = int(standing.argmax())
                return Look(int(self.came[looks[at]]), int(part[at]))
        return None


def _promotion(record: Recorded, courses: list[Course]) -> tuple[Look | None, bool]:
    """The first look at which PROMOTE stood, and whether it stands at the watermark."""
    arrival, labels, guard = record.arrival, record.labels, record.guard
    by = [course.clock for course in courses if course.finding.blocking]
    assert all(clock is arrival or clock is labels for clock in by), "a gate that holds nothing"
    came = np.concatenate([np.zeros(1, dtype=np.int64), arrival.arrived])
    standing = _Standing(record, _all_of(courses, arrival), _all_of(courses, labels), came)
    # A block of the guard decides about what follows it, not about what came as it ended.
    stood = (
        standing.first(arrival.at_us, arrival),
        standing.first(labels.at_us, labels),
        standing.first(guard.end_us, side="left"),
    )
    last = standing.first(np.array([record.watermark_us]))
    looks = [look for look in (*stood, last) if look]
    return min(looks, key=lambda look: look.at_us, default=None), last is not None


def _all_of(courses: list[Course], clock: Clock) -> Flags:
    """Where all blocking gates of a clock stood proven, by the number of looks there were.

    Nothing admitted proves nothing, unless no blocking gate runs on this clock.
    """
    mine = [c.standing for c in courses if c.clock is clock and c.finding.blocking]
    flags = np.ones(len(clock.at_us) + 1, dtype=np.bool_)
    flags[0] = not mine
    for standing in mine:
        flags[1:] &= standing
    return flags
