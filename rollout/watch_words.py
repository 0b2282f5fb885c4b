"""A watch in words: each trigger with its limit, its state and its false alarms."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rollout.policy import LiveRules, Policy
from rollout.words import duration

if TYPE_CHECKING:
    from analysis.triggers import Reading

ERRORS, RESPONSE_TIME, HEALTH, ACCURACY = "errors", "response time", "health", "accuracy"
ERRORS_LATE, RESPONSE_TIME_LATE = "late errors", "late response time"

HOURS_A_WEEK = 168
RAREST = 0.001
WIDTH = 80
Trigger = Mapping[str, Any]


def label(name: str, policy: Policy) -> str:
    """The trigger with its limit, in at most 24 characters."""
    rules, minute = policy.live_rules, policy.watch.minute
    return _labels(rules, minute)[name]


def as_data(reading: "Reading", policy: Policy) -> dict[str, Any]:
    """A trigger at one look as plain values."""
    return {
        "name": reading.name,
        "label": label(reading.name, policy),
        "state": str(reading.state),
        "now": reading.now,
        "reason": reading.reason,
        "alarms_per_hour": reading.alarms_per_hour,
        "bound": reading.bound,
    }


def alarms_a_week(trigger: Trigger) -> str:
    """Expected false alarms in a week of watching; "<=" where only a bound is known."""
    per_hour = trigger["alarms_per_hour"]
    if per_hour is None:
        return "unknown"
    a_week = HOURS_A_WEEK * per_hour
    if a_week < RAREST:
        return f"< {RAREST:g} a week"
    return f"{'<= ' if trigger['bound'] else ''}{_short(a_week)} a week"


def lines(watch: Mapping[str, Any], indent: str = "") -> list[str]:
    """A line for each trigger, under a head, in at most 80 columns."""
    head = f"{indent}{'trigger':<24} {'state':<10} {'now':<21} false alarms"
    rows = [
        f"{indent}{each['label']:<24} {each['state']:<10} {each['now']:<21} {alarms_a_week(each)}"
        for each in watch["triggers"]
    ]
    return [line[:WIDTH].rstrip() for line in (head, *rows)]


def left(watch: Mapping[str, Any], stable: str | None) -> str:
    """How long it still watches, and what it would do."""
    whole = duration(watch["seconds"])
    if watch["left"] <= 0:
        return f"watched for {whole}"
    return f"{duration(watch['left'])} left of {whole}; a trigger returns to {stable} by itself"


def reasons(triggers: Sequence[Trigger]) -> list[str]:
    """Why a trigger fires or cannot be judged."""
    return [
        f"{each['label']}: {each['reason']}"
        for each in triggers
        if each["state"] != "QUIET" and each["reason"]
    ]


def _labels(rules: LiveRules, minute: int) -> dict[str, str]:
    errors, slow = rules.errors, rules.response_time
    return {
        ERRORS: f"errors > {errors.above_percent:g} % {duration(minute * errors.minutes)}",
        RESPONSE_TIME: f"p95 +{slow.above_percent:g} % {duration(minute * slow.minutes)}",
        HEALTH: f"{rules.health.failed_checks} failed health checks",
        ACCURACY: f"accuracy < {rules.accuracy.below_percent:g} %",
        ERRORS_LATE: f"late errors > {errors.above_percent:g} %",
        RESPONSE_TIME_LATE: f"late p95 +{slow.above_percent:g} %",
    }


def _short(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.2g}"
