"""The live rules over what a version that serves answers: the runbook's, and detectors beside them.

Each detector holds the limit of a rule at every second, at the share of the rollback budget that
its late-harm gate has; where several components are watched at once they divide it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.bets import Integers
from analysis.late_triggers import late_harm, sustained_harm
from analysis.triggers import P95_TAIL, Counts, Reading, Rule, State, above_in_a_row
from rollout.facts import Watched
from rollout.policy import Policy
from rollout.watch_words import ERRORS, ERRORS_LATE, HEALTH, RESPONSE_TIME, RESPONSE_TIME_LATE
from rollout.words import count, milliseconds

LATE_GATES = {ERRORS_LATE: "errors-late-absolute", RESPONSE_TIME_LATE: "gross-frozen-p95"}
"""Detector -> the gate whose share of the rollback budget it spends."""
NO_PAST = "the version before answered too few requests to know its past p95"


@dataclass(frozen=True, slots=True)
class Seen:
    """What was answered, by whole seconds since a watch began.

    `errors` of `requests` failed, `slow` of `timed` took longer than the limit that the past p95
    gives; None where that limit cannot be told. `unfinished` are requests and errors known of what
    is not whole yet, `silent_for` the seconds since anybody counted,
    and `lost` how many counters nobody reads any more.
    """

    requests: Integers
    errors: Integers
    timed: Integers
    slow: Integers | None
    unfinished: tuple[int, int] = (0, 0)
    silent_for: float = 0.0
    lost: int = 0


def runbook_rules(seen: Seen, past_p95_ms: float | None, policy: Policy) -> list[Reading]:
    """The runbook's rules in minutes: errors, then response time."""
    rules, watch = policy.live_rules, policy.watch
    counts = Counts(seen.requests, seen.errors)
    limit = rules.errors.above_percent / 100
    errors = Rule(ERRORS, limit, rules.errors.minutes, watch.min_requests)
    found = [above_in_a_row(errors, counts, watch.minute, "errors")]
    if past_p95_ms is None or seen.slow is None:
        return [*found, _unknown(RESPONSE_TIME, past_p95_ms)]
    slow = Rule(RESPONSE_TIME, P95_TAIL, rules.response_time.minutes, watch.min_requests)
    what = f"{_over(past_p95_ms, policy)}: slower are"
    return [*found, above_in_a_row(slow, Counts(seen.timed, seen.slow), watch.minute, what)]


def detectors(
    seen: Seen, past_p95_ms: float | None, policy: Policy, watched: int = 1
) -> list[Reading]:
    """The same limits at every second, at their level divided among so many watched components."""
    seconds, minute = policy.watch.seconds, policy.watch.minute
    limit = policy.live_rules.errors.above_percent / 100
    level = late_level(ERRORS_LATE, policy) / watched
    counts = _up_to_now(seen)
    errors = late_harm(ERRORS_LATE, counts, limit, level, seconds, minute, "errors")
    if past_p95_ms is None or seen.slow is None:
        return [errors, _unknown(RESPONSE_TIME_LATE, past_p95_ms)]
    level = late_level(RESPONSE_TIME_LATE, policy) / watched
    slow, what = Counts(seen.timed, seen.slow), _over(past_p95_ms, policy)
    return [
        errors,
        sustained_harm(RESPONSE_TIME_LATE, slow, P95_TAIL, level, seconds, minute, what),
    ]


def unread(readings: Sequence[Reading], seen: Seen, policy: Policy) -> list[Reading]:
    """The same, but nothing is quiet where not all is counted: absence of evidence passes none."""
    if seen.silent_for > policy.watch.minute:
        why = f"nobody has counted for {seen.silent_for:.0f} s"
    elif seen.lost:
        why = f"{count(seen.lost)} of its counters are read no more"
    else:
        return list(readings)
    firing = State.FIRING
    return [
        one if one.state is firing else replace(one, state=State.STALE, reason=why)
        for one in readings
    ]


def watched_of(readings: Sequence[Reading]) -> Watched:
    """What the readings come to: why a trigger fires, and which cannot be judged."""
    firing = [one.reason for one in readings if one.state is State.FIRING]
    judged = (State.FIRING, State.QUIET)
    unjudged = tuple(one.name for one in readings if one.state not in judged)
    seen = any(one.state in judged for one in readings if one.name != HEALTH)
    return Watched("; ".join(firing) or None, unjudged, seen)


def late_level(name: str, policy: Policy) -> float:
    """The share of the rollback budget that a detector spends over a watch."""
    judging = policy.judging
    return judging.rollback_level(judging.gates[LATE_GATES[name]])


def _unknown(name: str, past_p95_ms: float | None) -> Reading:
    if past_p95_ms is None:
        return Reading(name, State.NOT_JUDGED, "past p95 unknown", NO_PAST, None)
    why = "no bound of the histogram is at the limit or over it"
    return Reading(name, State.NOT_JUDGED, "limit not counted", why, None)


def _up_to_now(seen: Seen) -> Counts:
    """Errors with the second that has not ended: a product of bets may be looked at in it, too."""
    requests, errors = seen.unfinished
    return Counts(np.append(seen.requests, requests), np.append(seen.errors, errors))


def _over(past_p95_ms: float, policy: Policy) -> str:
    limit = policy.live_rules.response_time.limit_ms(past_p95_ms)
    return f"p95 over {milliseconds(limit / 1000)} (past p95 {milliseconds(past_p95_ms / 1000)})"
