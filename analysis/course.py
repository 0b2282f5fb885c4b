"""A gate over the whole record: when it failed, where it stood proven, and in which words."""

from dataclasses import dataclass, replace

import numpy as np

from analysis import paired, rates
from analysis.bets import Flags, Trace, follow
from analysis.clock import Clock, Look
from analysis.drift import Guard
from analysis.findings import Estimate, Finding, Outcome
from analysis.pairs import Pairs
from analysis.policy import Gate, JudgePolicy
from analysis.sides import Sides
from analysis.words import count

INTERVAL_LEVEL = 0.05


@dataclass(frozen=True, slots=True)
class Record:
    """Everything the gates read; `baseline` is what people call that side."""

    pairs: Pairs
    policy: JudgePolicy
    arrival: Clock
    labels: Clock
    in_time: Flags
    guard: Guard
    baseline: str


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
    record: Record, gate: Gate, harm: Flags, safety: Flags, limits: tuple[float, float | None]
) -> Judged:
    """A rate of bad pairs against (tolerance, margin), both given as rates of bad pairs."""
    tolerance, margin = limits
    level = record.policy.rollback_level(gate)
    harmed = follow(rates.harm_bets(tolerance), [harm], level)
    safe = (
        follow(rates.safety_bets(margin), [safety], record.policy.alpha_promote)
        if margin is not None
        else None
    )
    found = rates.smallest_harm(harmed.bets, len(harm), tolerance, harmed.threshold)
    return Judged(harmed, safe, rate_estimate(harm, safety), found)


def rate_estimate(harm: Flags, safety: Flags) -> Estimate:
    """The share of bad pairs among those known; the interval allows for the unknown ones."""
    n, least, most = len(harm), int(harm.sum()), int(safety.sum())
    known = n - (most - least)
    low, high = rates.interval_between(least, most, n, INTERVAL_LEVEL)
    return Estimate(least / known if known else None, low, high, n)


def judge_paired(record: Record, gate: Gate, sides: Sides, claims: tuple[float, float]) -> Judged:
    """A paired difference of bad pairs against (tolerance, margin)."""
    level = record.policy.rollback_level(gate)
    harm = follow(paired.harm_bets(claims[0]), sides.harm(), level)
    safety = follow(paired.safety_bets(claims[1]), sides.safety(), record.policy.alpha_promote)
    n = len(sides.candidate_harm)
    found = paired.smallest_harm(harm.bets, harm.counts[1], n, harm.threshold)
    return Judged(harm, safety, paired_estimate(sides), found)


def paired_estimate(sides: Sides, start: int = 0) -> Estimate:
    """The mean difference over the pairs known; the interval allows for the others."""
    b_harm, c_harm = (int(kind[start:].sum()) for kind in sides.harm())
    b_safety, c_safety = (int(kind[start:].sum()) for kind in sides.safety())
    n = len(sides.candidate_harm) - start
    known = int(known_pairs(sides)[start:].sum())
    if n <= 0:
        return Estimate(None, None, None, 0)
    low = paired.interval(b_harm, c_harm, n, INTERVAL_LEVEL)[0]
    high = paired.interval(b_safety, c_safety, n, INTERVAL_LEVEL)[1]
    return Estimate((b_harm - c_safety) / known if known else None, low, high, n)


def known_pairs(sides: Sides) -> Flags:
    """Pairs about which nothing had to be imputed."""
    unknown = sides.candidate_harm != sides.candidate_safety
    return np.asarray(~(unknown | (sides.baseline_harm != sides.baseline_safety)))


def course(record: Record, gate: Gate, clock: Clock, judged: Judged, words: Words) -> Course:
    """Decide a gate that looks after every pair its clock admits."""
    first = judged.harm.first() if judged.harm else None
    standing = judged.safety.above if judged.safety else np.zeros(len(clock.at_us), dtype=np.bool_)
    failed = None if first is None else clock.look(first)
    return Course(conclude(gate, clock, judged, words, standing, failed), clock, standing, failed)


def guarded_course(record: Record, gate: Gate, harm: Trace, judged: Judged, words: Words) -> Course:
    """Decide a gate that speaks only while the guard is open; blocks end with a look too."""
    arrival, ends = record.arrival, record.guard.end_us
    before = np.searchsorted(arrival.at_us, ends, side="left")
    looks = Clock(
        np.insert(arrival.at_us, before, ends), np.insert(arrival.arrived, before, before)
    )
    allowed = record.guard.open_at(looks.at_us)
    proven = judged.safety.above if judged.safety else np.zeros(len(arrival.at_us), dtype=np.bool_)
    nothing = np.zeros(1, dtype=np.bool_)
    harmed = np.concatenate([nothing, harm.above])[looks.arrived] & allowed
    standing = np.concatenate([nothing, proven])[looks.arrived] & allowed
    failed = looks.look(int(harmed.argmax())) if harmed.any() else None
    # The verdict applies the guard to all gates at once: here stays what is proven without it.
    return Course(conclude(gate, looks, judged, words, standing, failed), arrival, proven, failed)


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
        reason=_reason(outcome, decided, judged, words),
        estimate=judged.estimate,
        tolerance=gate.tolerance,
        margin=gate.margin,
        harm=judged.harm,
        safety=judged.safety,
        decided_at=decided,
        brief=words.brief,
        unit=words.unit,
    )


def _reason(outcome: Outcome, decided: Look | None, judged: Judged, words: Words) -> str:
    if outcome is Outcome.FAIL and decided:
        return f"{words.now}: harm proven after {count(decided.pair)} pairs"
    if outcome is Outcome.PASS and decided:
        proof = f"{words.now}: proven after {count(decided.pair)} pairs"
        return f"{proof}; {words.found}" if words.found else proof
    if words.held:
        return f"{words.now}: {words.held}"
    if judged.safety is None:
        return f"{words.now}: no harm found, which certifies nothing"
    return f"{words.now}: neither harm nor safety proven"
