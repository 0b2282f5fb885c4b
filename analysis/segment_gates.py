"""Gates by segment: a segment can be harmed while the whole is not.

Harm in a segment undoes a rollout, at its share of the segments' budget. Safety is told for each
segment and never asked for: what was not certified is listed.
"""

from dataclasses import dataclass, replace

import numpy as np

from analysis import paired, rates
from analysis.accuracy_gates import labelled_sides
from analysis.bets import Bets, Flags, Integers, follow
from analysis.clock import Clock, Look
from analysis.course import Course, Judged, Record, Words, conclude
from analysis.findings import Estimate
from analysis.policy import Gate
from analysis.segments import Harmed, Segments, segments_of, step_down
from analysis.sides import error_sides, over_limit_sides
from analysis.words import count, percent, points


@dataclass(frozen=True, slots=True)
class _Claims:
    """What a gate bets on: kinds of pairs for harm and for safety, its clock and its words.

    `about` is what is counted; a paired gate has two kinds, a rate has one.
    """

    harm_bets: Bets
    safety_bets: Bets | None
    harm: tuple[Flags, ...]
    safety: tuple[Flags, ...]
    clock: Clock
    about: str


def segment_courses(record: Record) -> list[Course]:
    """A finding for each segment of each gate that judges them."""
    policy = record.policy
    asked = [gate for gate in policy.gates.values() if gate.segments]
    courses: list[Course] = []
    for gate in asked:
        segments = segments_of(record.pairs, gate.segments)
        alpha = policy.alpha_rollback * policy.segments / len(asked)
        courses += _by_segment(record, gate, segments, alpha)
    return courses


def _claims(record: Record, gate: Gate) -> _Claims:
    tolerance, margin = gate.tolerance or 0.0, gate.margin
    on_labels = gate.metric == "accuracy"
    clock = record.labels if on_labels else record.arrival
    if gate.name == "p95-limit":
        limit = gate.limits["limit_ms"]
        sides = over_limit_sides(record.pairs, limit, limit)
    elif on_labels:
        sides = labelled_sides(record)
    else:
        sides = error_sides(record.pairs, record.policy.timeout)
    about = {"latency": "slow answers", "errors": "errors"}.get(gate.metric, "wrong answers")
    if gate.name.endswith("-paired"):
        safety = paired.safety_bets(margin) if margin is not None else None
        return _Claims(
            paired.harm_bets(tolerance), safety, sides.harm(), sides.safety(), clock, about
        )
    if gate.name == "accuracy-absolute":
        tolerance, margin = 1 - tolerance, None if margin is None else 1 - margin
        unlabelled = ~record.in_time[: len(clock.at_us)]
        sides = replace(sides, candidate_safety=sides.candidate_safety | unlabelled)
    safety = rates.safety_bets(margin) if margin is not None else None
    return _Claims(
        rates.harm_bets(tolerance),
        safety,
        (sides.candidate_harm,),
        (sides.candidate_safety,),
        clock,
        about,
    )


def _by_segment(record: Record, gate: Gate, segments: Segments, alpha: float) -> list[Course]:
    claims = _claims(record, gate)
    place = segments.place[: len(claims.clock.at_us)]
    # Sorted once, so that many segments cost no more than one.
    order = np.argsort(place, kind="stable")
    ends = np.searchsorted(place[order], np.arange(len(segments.names) + 1))
    rows = [order[ends[i] : ends[i + 1]] for i in range(len(segments.names))]
    found = step_down(
        lambda i, level: follow(claims.harm_bets, [k[rows[i]] for k in claims.harm], level),
        segments.weights,
        alpha,
        [claims.clock.at_us[r] for r in rows],
    )
    return [
        _course(record, gate, name, claims, rows, found, i) for i, name in enumerate(segments.names)
    ]


def _course(
    record: Record,
    gate: Gate,
    name: str,
    claims: _Claims,
    rows: list[Integers],
    found: list[Harmed],
    i: int,
) -> Course:
    own, harm = rows[i], found[i]
    clock = Clock(claims.clock.at_us[own], claims.clock.arrived[own])
    safe = [kind[own] for kind in claims.safety]
    safety = (
        follow(claims.safety_bets, safe, record.policy.alpha_promote)
        if claims.safety_bets
        else None
    )
    failed = None
    if harm.at_us is not None:
        failed = Look(int(claims.clock.arrived[rows[harm.by][harm.look]]), harm.at_us)
    counts = harm.trace.counts
    value, now = _now(claims.about, counts, record.baseline)
    words = Words(
        metric=f"{claims.about} in one segment",
        unit="share" if len(counts) == 2 else "difference of shares",
        now=f"segment {name}: {now}",
        brief=f"segment {name}: {now}",
        found="",
        held="" if len(own) else "no pair of this segment yet",
    )
    estimate = Estimate(value, None, None, len(own))
    judged = Judged(harm.trace, safety, estimate, None)
    standing = safety.above if safety else np.zeros(len(own), dtype=np.bool_)
    if gate.metric == "accuracy":
        judged = judged.mirrored(1.0 if len(counts) == 2 else 0.0)
    finding = conclude(gate, clock, judged, words, standing, failed)
    finding = replace(finding, segment=name, blocking=False)
    return Course(finding, clock, standing, failed)


def _now(about: str, counts: tuple[int, ...], baseline: str) -> tuple[float | None, str]:
    """The share or difference of bad pairs, as the claim of harm sees it, and its words."""
    n = sum(counts)
    if not n:
        return None, f"no {about} and no pairs"
    if len(counts) == 2:
        return counts[0] / n, f"{about} {percent(counts[0] / n)} of {count(n)} pairs"
    more = (counts[0] - counts[1]) / n
    return more, f"{about} {points(more)} points against the {baseline} in {count(n)} pairs"
