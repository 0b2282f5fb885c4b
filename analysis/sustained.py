"""Latency on calibrated hosts: a shift that lasts is the version's, a wandering is the hosts'."""

from dataclasses import replace
from math import exp, log

import numpy as np

from analysis.bets import Trace
from analysis.clock import Clock
from analysis.course import Course, Judged, Record, Words, conclude, proven_at
from analysis.drift import Scores
from analysis.envelope import Calibration
from analysis.findings import Estimate
from analysis.frozen import limits
from analysis.latency_whole import slower
from analysis.minutes import Shifts, outside, sustained
from analysis.policy import JudgePolicy
from analysis.sample import Sample
from analysis.words import count, percent


def shifts_of(sample: Sample, policy: JudgePolicy, scores: Scores) -> Shifts | None:
    """Both claims of `latency-mean` about a shift; None without calibration or past p95."""
    found, past_ms = policy.drift.calibration, sample.frozen("p95").limit_ms
    # Against a past of 0 ms, as in a table of whole milliseconds, nothing has a ratio.
    if found is None or not past_ms:
        return None
    gate = policy.gates["latency-mean"]
    bare = {name: value for name, value in gate.limits.items() if name != "envelope"}
    harm_ms, safety_ms = limits(replace(gate, limits=bare), past_ms)
    allowed, margin = harm_ms / past_ms, safety_ms / past_ms
    end, level = sample.watermark_us, policy.rollback_level(gate)
    return Shifts(
        sustained(scores, end, found, log(allowed), 1, level),
        sustained(scores, end, found, log(margin), -1, policy.alpha_promote),
        allowed - 1,
        margin - 1,
    )


def sustained_course(record: Record, shifts: Shifts, found: Calibration) -> Course:
    """The gate `latency-mean` where the hosts are calibrated, looking at the end of each minute."""
    gate, mean = record.policy.gates["latency-mean"], record.sample.mean_ratio()
    arrival = record.arrival
    ended = np.searchsorted(arrival.at_us, shifts.harm.end_us, side="right")
    came = np.concatenate([np.zeros(1, dtype=np.int64), arrival.arrived])
    clock = Clock(shifts.harm.end_us, came[ended])
    value = None if mean.value is None else exp(mean.value) - 1
    brief = f"latency {slower(value)} on average"
    minutes = len(shifts.harm.end_us)
    words = Words(
        metric="lasting shift of the ratio of latencies, candidate over baseline, less 1",
        unit="ratio",
        now=f"{brief} over {count(minutes)} minutes (harm from +{percent(shifts.allowed)}, margin "
        f"+{percent(shifts.margin)}; these hosts alone differ by {percent(found.envelope)}, by the "
        f"calibrated model)",
        brief=brief,
        found="",
        held=record.guard.trouble() or "no lasting shift proven, nor its absence",
    )
    harm, safety = (_at_rows(one.minutes, ended) for one in (shifts.harm, shifts.safety))
    judged = Judged(harm, safety, Estimate(value, None, None, record.sample.n), None)
    above = shifts.harm.above & record.guard.open_at(shifts.harm.end_us)
    failed = clock.look(int(above.argmax())) if above.any() else None
    standing = proven_at(record, judged) & record.guard.open_at(arrival.at_us)
    return Course(
        conclude(gate, arrival, judged, words, standing, failed), arrival, standing, failed
    )


def _at_rows(trace: Trace, ended: np.ndarray) -> Trace:
    """What is drawn of it, at the pairs that had come by then."""
    rows = np.maximum(ended[trace.drawn.looks] - 1, 0)
    return replace(trace, drawn=replace(trace.drawn, looks=rows))


def budget_words(found: Calibration, policy: JudgePolicy) -> str:
    """What a false rollback may cost in all: the level, and hosts that leave their envelope."""
    beyond = percent(outside(found))
    return (
        f"latency by minutes and blocks, model-based: a false ROLLBACK in "
        f"{percent(policy.alpha_rollback)} and wherever the hosts leave their envelope of "
        f"{percent(found.envelope)} (normal drift: {beyond} of blocks of {found.block:g} s)"
    )
