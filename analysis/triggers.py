"""Live rules as a runbook writes them: above a limit for so many minutes, failed so often in a row.

Each says what is so, and how often it would fire by chance alone at the present traffic.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import floor

import numpy as np
from scipy.special import bdtrc

from analysis.bets import Integers
from analysis.words import count, percent

HOUR = 3600.0
P95_TAIL = 0.05
"""A p95 is over a limit exactly where more than this share of the requests is."""

ROUNDING = 1e-9


class State(StrEnum):
    """What a trigger says; only FIRING undoes, and only QUIET says that all is well."""

    FIRING = "FIRING"
    QUIET = "QUIET"
    NO_TRAFFIC = "NO_TRAFFIC"
    NO_LABELS = "NO_LABELS"
    NOT_JUDGED = "NOT_JUDGED"
    NO_DATA = "NO_DATA"
    STALE = "STALE"


@dataclass(frozen=True, slots=True)
class Reading:
    """A trigger at one look: its state, what is so now, why, and its false alarms.

    `alarms_per_hour` is what chance alone makes of the present traffic, `bound` that it is no
    expectation but at most that; None where there is no traffic to compute it from.
    """

    name: str
    state: State
    now: str
    reason: str
    alarms_per_hour: float | None
    bound: bool = False


@dataclass(frozen=True, slots=True)
class Counts:
    """Requests and the bad ones among them, an entry for each whole second or minute in a row."""

    requests: Integers
    bad: Integers

    def by(self, length: int) -> "Counts":
        """The same in periods of `length` entries; a period that has not ended is left out."""
        whole = len(self.requests) // length
        shape = (whole, length)
        return Counts(
            self.requests[: whole * length].reshape(shape).sum(axis=1),
            self.bad[: whole * length].reshape(shape).sum(axis=1),
        )

    def silent(self, length: int) -> bool:
        """Whether the last `length` entries, or all where there are fewer, hold no request."""
        return not self.requests[-length:].any()


@dataclass(frozen=True, slots=True)
class Rule:
    """More than `limit` of at least `at_least` requests, for `minutes` in a row."""

    name: str
    limit: float
    minutes: int
    at_least: int


def alarms_per_step(chance: float, in_a_row: int) -> float:
    """How often `in_a_row` successes in a row come up, per trial of `chance`, starting anew.

    The mean wait is (chance^-n - 1) / (1 - chance): (1 + q) / q^2 for two in a row.
    """
    return chance**in_a_row / sum(chance**power for power in range(in_a_row))


def chance_above(rate: float, requests: int, limit: float) -> float:
    """The chance that more than `limit` of so many requests are bad, each with the chance `rate`.

    Exact (binomial); requests that fail together make it larger.
    """
    return float(bdtrc(_allowed(requests, limit), requests, rate)) if requests else 0.0


def run_length(outcomes: Sequence[bool]) -> int:
    """How many of the last outcomes in a row are true."""
    length = 0
    for outcome in reversed(outcomes):
        if not outcome:
            break
        length += 1
    return length


def above_in_a_row(rule: Rule, counts: Counts, minute: int, what: str) -> Reading:
    """The rule over the last whole minutes of `minute` seconds; `what` names the bad requests."""
    minutes = counts.by(minute)
    state, reason = _state(rule, minutes, minute)
    requests, bad = (int(kind[-1]) if len(kind) else 0 for kind in (minutes.requests, minutes.bad))
    now = f"{percent(bad / requests)} of {count(requests)}" if requests else "nothing yet"
    if state is State.FIRING:
        n, over = (int(kind[-rule.minutes :].sum()) for kind in (minutes.requests, minutes.bad))
        reason = (
            f"{what} {percent(over / n)} of {count(n)} requests, over {percent(rule.limit)} in each"
            f" of {rule.minutes} minutes in a row"
        )
    return Reading(rule.name, state, now, reason, _alarms(rule, minutes, minute))


def failed_in_a_row(
    name: str, checks: Sequence[Sequence[bool]], wanted: int, every: float
) -> Reading:
    """Health checks of each server, true where one failed, `every` seconds."""
    made, failed = sum(map(len, checks)), sum(map(sum, checks))
    if not made:
        return Reading(name, State.NOT_JUDGED, "none yet", "no health check was made yet", None)
    worst = max(map(run_length, checks))
    # Half a failure more than was seen: no failure so far does not mean that there is never one.
    chance = (failed + 0.5) / (made + 1)
    alarms = len(checks) * alarms_per_step(chance, wanted) * HOUR / every
    now = f"{count(failed)} of {count(made)} failed"
    if worst >= wanted:
        reason = f"a server failed {worst} health checks in a row ({now})"
        return Reading(name, State.FIRING, now, reason, alarms)
    return Reading(name, State.QUIET, now, "", alarms)


def _state(rule: Rule, minutes: Counts, minute: int) -> tuple[State, str]:
    if not len(minutes.requests):
        return State.NOT_JUDGED, "the first minute has not ended"
    if minutes.silent(1):
        return State.NO_TRAFFIC, f"no request in the last {minute} s"
    recent = [_over(rule, *pair) for pair in zip(minutes.requests, minutes.bad, strict=True)]
    recent = recent[-rule.minutes :]
    if recent[-1] is None:
        return State.NOT_JUDGED, f"fewer than {count(rule.at_least)} requests in a minute"
    in_a_row = run_length([over is True for over in recent])
    if in_a_row == rule.minutes:
        return State.FIRING, ""
    if in_a_row < len(recent) and recent[-1 - in_a_row] is None and in_a_row:
        return State.NOT_JUDGED, f"a minute before had fewer than {count(rule.at_least)} requests"
    return State.QUIET, f"{in_a_row} of {rule.minutes} minutes over the limit" if in_a_row else ""


def _over(rule: Rule, requests: int, bad: int) -> bool | None:
    """Whether a minute is over the limit; None where it has too few requests to say."""
    if requests < max(rule.at_least, 1):
        return None
    return bool(bad > _allowed(requests, rule.limit))


def _allowed(requests: int, limit: float) -> int:
    return floor(limit * requests + ROUNDING)


def _alarms(rule: Rule, minutes: Counts, minute: int) -> float | None:
    """Per hour, from the mean traffic of the minutes that can be judged."""
    judged = minutes.requests >= max(rule.at_least, 1)
    if not judged.any():
        return None
    requests, bad = int(minutes.requests[judged].sum()), int(minutes.bad[judged].sum())
    per_minute = round(requests / int(np.count_nonzero(judged)))
    # Above the limit it is no false alarm; half an error more, because none so far is not never.
    rate = min((bad + 0.5) / (requests + 1), rule.limit)
    chance = chance_above(rate, per_minute, rule.limit)
    return alarms_per_step(chance, rule.minutes) * HOUR / minute
