"""A gate over the whole record: when it failed, where it stood proven, and in which words."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np

from analysis import paired, rates
from analysis.answer_blocks import AnswerGuard
from analysis.bets import Flags, Integers, Trace, follow
from analysis.by_seconds import Seconds, first_look
from analysis.clock import Clock, Look
from analysis.drift import Guard, Guarded, guarded_by
from analysis.findings import Estimate, Finding, Outcome
from analysis.minutes import Shifts
from analysis.policy import Gate, JudgePolicy
from analysis.sample import Sample
from analysis.sides import OTHER_HARM, OTHER_SAFETY, OWN_HARM, OWN_SAFETY, Sided, Totals
from analysis.words import count

INTERVAL_LEVEL = 0.05


class Recorded(Protocol):
    """What a verdict needs of a record, whatever its rows are; `allowed_at` when harm counts."""

    @property
    def policy(self) -> JudgePolicy: ...
    @property
    def guard(self) -> Guard: ...
    @property
    def guarded(self) -> Guarded: ...
    @property
    def baseline(self) -> str: ...
    @property
    def shifts(self) -> Shifts | None: ...
    @property
    def arrival(self) -> Clock: ...
    @property
    def labels(self) -> Clock: ...
    @property
    def n(self) -> int: ...
    @property
    def watermark_us(self) -> int: ...

    def allowed_at(self, gate: Gate, at_us: Integers) -> Flags | None:
        """Where what a gate saw may be taken for harm; None where always."""


@dataclass(frozen=True)
class Record:
    """Everything the gates read; `baseline` is what people call that side.

    `answers` says where labels may decide. `shifts` are those of latency on calibrated hosts, None
    where hosts are believed otherwise.
    """

    sample: Sample
    policy: JudgePolicy
    guard: Guard
    baseline: str
    answers: AnswerGuard
    shifts: Shifts | None = None

    @cached_property
    def guarded(self) -> Guarded:
        """The looks of the gates that speak only while the guard is open."""
        return guarded_by(self.guard, self.arrival)

    @property
    def arrival(self) -> Clock:
        """The looks of the gates that need no label."""
        return self.sample.arrival

    @property
    def labels(self) -> Clock:
        """The looks of those that do."""
        return self.sample.labels

    @property
    def n(self) -> int:
        """Pairs."""
        return self.sample.n

    @property
    def watermark_us(self) -> int:
        """The time of the last look."""
        return self.sample.watermark_us

    def allowed_at(self, gate: Gate, at_us: Integers) -> Flags | None:
        """Both sides of a pair saw the same request: always."""
        return None


@dataclass(frozen=True, slots=True)
class Judged:
    """Both e-processes of a gate, its estimate and the smallest harm that would have been found."""

    harm: Trace | None
    safety: Trace | None
    estimate: Estimate
    found: float | None

    def mirrored(self, whole: float) -> "Judged":
        """The same, told of good pairs: what was high is low, seen from `whole`."""
        bad = self.estimate
        value, low, high = (
            None if number is None else whole - number for number in (bad.value, bad.high, bad.low)
        )
        return replace(self, estimate=Estimate(value, low, high, bad.n))


@dataclass(frozen=True, slots=True)
class Words:
    """What a gate measures, how it stands, the same as a clause, the smallest harm it finds."""

    metric: str
    unit: str
    now: str
    brief: str
    found: str
    held: str = ""


@dataclass(frozen=True, slots=True)
class Course:
    """A finding with its looks: where it stood proven on its clock, and what look failed it."""

    finding: Finding
    clock: Clock
    standing: Flags
    failed: Look | None


def judge_rate(
    record: Record, gate: Gate, sides: Sided, limits: tuple[float, float | None]
) -> Judged:
    """A rate of bad pairs against (tolerance, margin), both given as rates of bad pairs."""
    tolerance, margin = limits
    level = record.policy.rollback_level(gate)
    harmed = follow(rates.harm_bets(tolerance), sides.own_harm(), level)
    safe = (
        follow(rates.safety_bets(margin), sides.own_safety(), record.policy.alpha_promote)
        if margin is not None
        else None
    )
    totals = sides.totals()
    found = rates.smallest_harm(harmed.bets, totals.n, tolerance, harmed.threshold)
    return Judged(harmed, safe, rate_estimate(totals), found)


def rate_estimate(totals: Totals) -> Estimate:
    """The share of bad pairs among those known; the interval allows for the unknown ones."""
    n, least, most = totals.n, totals.of(OWN_HARM), totals.of(OWN_SAFETY)
    known = n - (most - least)
    low, high = rates.interval_between(least, most, n, INTERVAL_LEVEL)
    return Estimate(least / known if known else None, low, high, n)


def judge_paired(
    record: Record, gate: Gate, sides: Sided, claims: tuple[float, float], start: int = 0
) -> Judged:
    """A paired difference of bad pairs against (tolerance, margin)."""
    level = record.policy.rollback_level(gate)
    harm = follow(paired.harm_bets(claims[0]), sides.harm(), level, start)
    alpha = record.policy.alpha_promote
    safety = follow(paired.safety_bets(claims[1]), sides.safety(), alpha, start)
    totals = sides.totals(start)
    found = paired.smallest_harm(harm.bets, harm.counts[1], totals.n, harm.threshold)
    return Judged(harm, safety, paired_estimate(totals), found)


def paired_estimate(totals: Totals) -> Estimate:
    """The mean difference over the pairs known; the interval allows for the others."""
    n, known = totals.n, totals.known
    if n <= 0:
        return Estimate(None, None, None, 0)
    b_harm, c_harm = totals.of(OWN_HARM & ~OTHER_HARM), totals.of(OTHER_HARM & ~OWN_HARM)
    b_safety = totals.of(OWN_SAFETY & ~OTHER_SAFETY)
    c_safety = totals.of(OTHER_SAFETY & ~OWN_SAFETY)
    low, high = paired.interval((b_harm, c_harm), (b_safety, c_safety), n, INTERVAL_LEVEL)
    return Estimate((b_harm - c_safety) / known if known else None, low, high, n)


def course(record: Recorded, gate: Gate, clock: Clock, judged: Judged, words: Words) -> Course:
    """Decide a gate that looks after every pair its clock admits."""
    first = judged.harm.first(record.allowed_at(gate, clock.at_us)) if judged.harm else None
    standing = judged.safety.above if judged.safety else np.zeros(len(clock.at_us), dtype=np.bool_)
    failed = None if first is None else clock.look(first)
    return Course(conclude(gate, clock, judged, words, standing, failed), clock, standing, failed)


def course_by_seconds(
    record: Recorded, gate: Gate, judged: Judged, words: Words, seconds: Seconds
) -> Course:
    """Decide a gate whose harm must be proven by requests one by one and by seconds as well."""
    assert judged.harm is not None
    assert judged.safety is not None
    arrival, harm, standing = record.arrival, judged.harm, judged.safety.above
    proven = seconds.proven(gate, record.policy.rollback_level(gate))
    failed = first_look(arrival, harm, seconds, proven)
    if not failed and harm.log_e >= harm.threshold:
        words = replace(words, held=seconds.trouble(gate))
    finding = conclude(gate, arrival, judged, words, standing, failed)
    return Course(finding, arrival, standing, failed)


def guarded_course(
    record: Recorded, gate: Gate, harm: Trace, judged: Judged, words: Words
) -> Course:
    """Decide a gate that speaks only while the guard is open; blocks end with a look too."""
    arrival = record.arrival
    looks, rows, allowed = record.guarded.looks, record.guarded.rows, record.guarded.allowed
    trusted = record.allowed_at(gate, looks.at_us)
    proven = proven_at(record, judged)
    nothing = np.zeros(1, dtype=np.bool_)
    harmed = np.concatenate([nothing, harm.above])[rows] & allowed
    harmed = harmed if trusted is None else harmed & trusted
    standing = np.concatenate([nothing, proven])[rows] & allowed
    failed = looks.look(int(harmed.argmax())) if harmed.any() else None
    # The verdict applies the guard to all gates at once: here stays what is proven without it.
    return Course(conclude(gate, looks, judged, words, standing, failed), arrival, proven, failed)


def proven_at(record: Recorded, judged: Judged) -> Flags:
    """Where a gate of latency stands proven; on calibrated hosts only a shift can be."""
    at_us = record.arrival.at_us
    if record.policy.drift.kind != "calibrated":
        return judged.safety.above if judged.safety else np.zeros(len(at_us), dtype=np.bool_)
    if record.shifts is None or judged.safety is None:
        return np.zeros(len(at_us), dtype=np.bool_)
    safe = record.shifts.safety
    ended = np.searchsorted(safe.end_us, at_us, side="right")
    return np.concatenate([np.zeros(1, dtype=np.bool_), safe.above])[ended]


def conclude(
    gate: Gate, clock: Clock, judged: Judged, words: Words, standing: Flags, failed: Look | None
) -> Finding:
    """FAIL latches; PASS is what stands at the last look, so it covers the average up to then."""
    passed = bool(len(standing) and standing[-1])
    if failed:
        outcome, decided = Outcome.FAIL, failed
    elif passed:
        outcome, decided = Outcome.PASS, clock.look(int(standing.argmax()))
    else:
        outcome, decided = Outcome.INCONCLUSIVE, None
    return Finding(
        name=gate.name,
        about=gate.metric,
        metric=words.metric,
        segment=None,
        blocking=gate.blocking,
        outcome=outcome,
        reason=_reason(outcome, decided, judged, words, clock.of),
        estimate=judged.estimate,
        tolerance=gate.tolerance,
        margin=gate.margin,
        harm=judged.harm,
        safety=judged.safety,
        decided_at=decided,
        brief=words.brief,
        unit=words.unit,
    )


def _reason(outcome: Outcome, decided: Look | None, judged: Judged, words: Words, of: str) -> str:
    if outcome is Outcome.FAIL and decided:
        return f"{words.now}: harm proven after {count(decided.pair)} {of}"
    if outcome is Outcome.PASS and decided:
        proof = f"{words.now}: proven after {count(decided.pair)} {of}"
        return f"{proof}; {words.found}" if words.found else proof
    if words.held:
        return f"{words.now}: {words.held}"
    if judged.safety is None:
        return f"{words.now}: no harm found, which certifies nothing"
    return f"{words.now}: neither harm nor safety proven"
