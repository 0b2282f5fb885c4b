"""Gates by segment: a segment can be harmed while the whole is not.

Harm in a segment undoes a rollout, at its share of the segments' budget. Safety is told for each
segment and never asked for: what was not certified is listed.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from analysis import paired, rates
from analysis.answer_blocks import Claim, block_trace
from analysis.bets import Bets, Events, Flags, Trace, follow
from analysis.by_seconds import Seconds, seconds_of, seen_at
from analysis.clock import Look
from analysis.course import Course, Judged, Record, Words, conclude
from analysis.findings import Estimate
from analysis.policy import Gate
from analysis.sample import Part
from analysis.segments import Harmed, step_down
from analysis.sides import Sided
from analysis.words import count, percent, points

ABOUT = {"latency": "slow answers", "errors": "errors", "accuracy": "wrong answers"}


def segment_courses(record: Record) -> list[Course]:
    """A finding for each segment of each gate that judges them."""
    policy = record.policy
    asked = [gate for gate in policy.gates.values() if gate.segments]
    courses: list[Course] = []
    for gate in asked:
        alpha = policy.alpha_rollback * policy.segments / len(asked)
        courses += _by_segment(record, gate, alpha)
    return courses


def _bets(gate: Gate) -> tuple[Bets, Bets | None]:
    """What a gate bets on in a segment, for harm and for safety."""
    tolerance, margin = gate.tolerance or 0.0, gate.margin
    if gate.name.endswith("-paired"):
        safe = None if margin is None else paired.safety_bets(margin)
        return paired.harm_bets(tolerance), safe
    if gate.metric == "accuracy":
        tolerance, margin = 1 - tolerance, None if margin is None else 1 - margin
    safe = None if margin is None else rates.safety_bets(margin)
    return rates.harm_bets(tolerance), safe


def _harm(gate: Gate, sides: Sided) -> Events:
    return sides.harm() if gate.name.endswith("-paired") else sides.own_harm()


def _safety(gate: Gate, sides: Sided) -> Events:
    if gate.name.endswith("-paired"):
        return sides.safety()
    return sides.unlabelled_bad().own_safety()


def _by_segment(record: Record, gate: Gate, alpha: float) -> list[Course]:
    parts, (harm_bets, _) = record.sample.parts(gate), _bets(gate)

    def harm(i: int, level: float) -> Trace:
        """Labels that hang together count in blocks of the segment's own, and none too early."""
        part = parts[i]
        if gate.metric == "latency":
            trace = follow(harm_bets, _harm(gate, part.sides), level)
            return replace(trace, above=trace.above & _by_seconds(record, gate, part, level))
        if gate.metric == "errors":
            return follow(harm_bets, _harm(gate, part.sides), level)
        trace = _answers(record, gate, part, level) or follow(
            harm_bets, _harm(gate, part.sides), level
        )
        return replace(trace, above=trace.above & record.answers.open_at(part.clock.at_us))

    found = step_down(
        harm,
        [part.weight for part in parts],
        alpha,
        [part.clock.at_us for part in parts],
    )
    return [_course(record, gate, parts, found, i) for i in range(len(parts))]


def _by_seconds(record: Record, gate: Gate, part: Part, level: float) -> Flags:
    """Where the seconds of the segment prove harm as well, as in the whole record."""
    seconds = _seconds(record, part)
    return seen_at(seconds, seconds.proven(gate, level), part.clock.at_us)


def _seconds(record: Record, part: Part) -> Seconds:
    return seconds_of(part.clock, part.sides.own_harm(), record.watermark_us)


def _answers(record: Record, gate: Gate, part: Part, level: float | None = None) -> Trace | None:
    """Harm at a level, or safety, in blocks of labelled pairs; None one by one."""
    size, both = record.policy.dependence.block, gate.name.endswith("-paired")
    if size is None:
        return None
    limit = (gate.margin if level is None else gate.tolerance) or 0.0
    claim = Claim(limit if both else 1 - limit, both, level is not None)
    sides = part.sides if both or level is not None else part.sides.unlabelled_bad()
    level = record.policy.alpha_promote if level is None else level
    return block_trace(sides, size, len(part.clock.at_us), claim, level)


def _course(
    record: Record, gate: Gate, parts: Sequence[Part], found: list[Harmed], i: int
) -> Course:
    part, harm, (harm_bets, safety_bets) = parts[i], found[i], _bets(gate)
    safety = (
        follow(safety_bets, _safety(gate, part.sides), record.policy.alpha_promote)
        if safety_bets
        else None
    )
    if gate.metric == "accuracy" and safety:
        safety = _answers(record, gate, part) or safety
        opened = record.answers.open_at(part.clock.at_us)
        safety = replace(safety, above=safety.above & opened)
    failed = None
    if harm.at_us is not None:
        failed = Look(int(parts[harm.by].clock.arrived[harm.look]), harm.at_us)
    counts = harm.trace.counts
    if gate.metric == "accuracy" and record.policy.dependence.block is not None:
        counts = follow(harm_bets, _harm(gate, part.sides), record.policy.alpha_rollback).counts
    value, now = _now(ABOUT[gate.metric], counts, record.baseline)
    words = Words(
        metric=f"{ABOUT[gate.metric]} in one segment",
        unit="share" if len(counts) == 2 else "difference of shares",
        now=f"segment {part.name}: {now}",
        brief=f"segment {part.name}: {now}",
        found="",
        held=_held(record, gate, part, harm.trace),
    )
    estimate = Estimate(value, None, None, part.n)
    judged = Judged(harm.trace, safety, estimate, None)
    looks = len(part.clock.at_us)
    standing = safety.above if safety else np.zeros(looks, dtype=np.bool_)
    if gate.metric == "accuracy":
        judged = judged.mirrored(1.0 if len(counts) == 2 else 0.0)
    finding = conclude(gate, part.clock, judged, words, standing, failed)
    finding = replace(finding, segment=part.name, blocking=False)
    return Course(finding, part.clock, standing, failed)


def _held(record: Record, gate: Gate, part: Part, harm: Trace) -> str:
    """What keeps a segment undecided, where more is missing than evidence."""
    if not part.n:
        return "no pair of this segment yet"
    if gate.metric == "latency" and harm.log_e >= harm.threshold:
        return _seconds(record, part).trouble(gate)
    return record.answers.trouble() if gate.metric == "accuracy" else ""


def _now(about: str, counts: tuple[int, ...], baseline: str) -> tuple[float | None, str]:
    """The share or difference of bad pairs, as the claim of harm sees it, and its words."""
    n = sum(counts)
    if not n:
        return None, f"no {about} and no pairs"
    if len(counts) == 2:
        return counts[0] / n, f"{about} {percent(counts[0] / n)} of {count(n)} pairs"
    more = (counts[0] - counts[1]) / n
    return more, f"{about} {points(more)} points against the {baseline} in {count(n)} pairs"
