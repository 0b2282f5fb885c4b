"""The whole policy of a rollout, parsed once at the edge."""

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from math import inf
from typing import Any

from analysis import BadInput, JudgePolicy, parse_policy
from rollout.alert_rules import AlertRules, alert_rules

_WHOLE = {
    *("replicas", "max_pairs", "requests"),
    *("minute", "min_requests", "minutes", "failed_checks"),
    *("warning_minutes", "critical_minutes", "more_than"),
    *("first_percent", "growth"),
}
_MAY_BE_ZERO = {"[rollout.watch] seconds"}
_MOST = 1e9
"""Thirty years in seconds; more than any site has of anything else."""


@dataclass(frozen=True, slots=True)
class ShadowLimits:
    """How long, how far and how much may be copied; seconds, pairs, percent, copies/s."""

    max_seconds: float
    max_pairs: int
    sample_percent: float
    max_copies_per_second: float
    evidence_max_age: float


@dataclass(frozen=True, slots=True)
class ControlLimits:
    """How long a copy of the champion is shadowed; seconds."""

    max_seconds: float


@dataclass(frozen=True, slots=True)
class ApprovalRule:
    """Whether a promotion waits for a person, and for how many seconds."""

    required: bool
    timeout: float


@dataclass(frozen=True, slots=True)
class WatchLimits:
    """How long a promotion is watched (0: not at all), and what is enough to judge; seconds."""

    seconds: float
    minute: int
    min_requests: int


@dataclass(frozen=True, slots=True)
class StepLimits:
    """How the candidate of a service takes over, what is enough to go on; seconds, percent."""

    first_percent: int
    growth: int
    seconds: float
    min_requests: int
    deadline: float
    errors_limit_percent: float

    @property
    def shares(self) -> tuple[int, ...]:
        """The percentages of the steps, the last one 100."""
        shares = [self.first_percent]
        while shares[-1] < 100:
            shares.append(min(shares[-1] * self.growth, 100))
        return tuple(shares)


@dataclass(frozen=True, slots=True)
class ErrorRule:
    """Errors in percent of the requests, over so many minutes in a row."""

    above_percent: float
    minutes: int


@dataclass(frozen=True, slots=True)
class ResponseTimeRule:
    """p95 over the past p95: by so many percent and at least so much, minutes in a row."""

    above_percent: float
    floor_ms: float
    minutes: int

    def limit_ms(self, past_p95_ms: float | None) -> float:
        """Above how many ms an answer is slow; without a past p95 none is.

        A p95 of 0 ms is a past: the proxy counts whole milliseconds.
        """
        if past_p95_ms is None:
            return inf
        ratio = 1 + self.above_percent / 100
        return max(past_p95_ms * ratio, past_p95_ms + self.floor_ms)


@dataclass(frozen=True, slots=True)
class HealthRule:
    """Health checks of one server that failed in a row, and seconds between two of them."""

    failed_checks: int
    every: float


@dataclass(frozen=True, slots=True)
class AccuracyRule:
    """The least share of right answers, in percent."""

    below_percent: float


@dataclass(frozen=True, slots=True)
class LiveRules:
    """The runbook's triggers."""

    errors: ErrorRule
    response_time: ResponseTimeRule
    health: HealthRule
    accuracy: AccuracyRule


@dataclass(frozen=True, slots=True)
class Policy:
    """Every number a rollout is held to, with the text it was read from."""

    text: str
    judging: JudgePolicy
    replicas: int
    ready_within: float
    drain_within: float
    quiet_within: float
    shadow: ShadowLimits
    control: ControlLimits
    approval: ApprovalRule
    smoke_requests: int
    watch: WatchLimits
    steps: StepLimits
    live_rules: LiveRules
    alerts: AlertRules


def default_policy_text(*, one_machine: bool = True) -> str:
    """The packaged policy of the local site; elsewhere hosts may drift apart, which it guards."""
    text = files("rollout").joinpath("policy.toml").read_text(encoding="utf-8")
    if one_machine:
        return text
    before, _, after = text.partition("[drift]\n")
    return before + after[after.index("\n\n") + 2 :]


def parse(text: str) -> Policy:
    """Read a policy; raise `BadInput` naming the key, what is wrong and what would be right."""
    judging = parse_policy(text)
    given = tomllib.loads(text).get("rollout", {})
    packaged = tomllib.loads(default_policy_text())["rollout"]
    table = _merged("rollout", packaged, given)
    policy = Policy(
        text=text,
        judging=judging,
        replicas=table["replicas"],
        ready_within=table["ready_within"],
        drain_within=table["drain_within"],
        quiet_within=table["quiet_within"],
        shadow=ShadowLimits(**table["shadow"]),
        control=ControlLimits(**table["control"]),
        approval=ApprovalRule(**table["approval"]),
        smoke_requests=table["smoke"]["requests"],
        watch=WatchLimits(**table["watch"]),
        steps=StepLimits(**table["steps"]),
        live_rules=_live_rules(table["live_rules"]),
        alerts=alert_rules(table["alerts"]),
    )
    rules, steps = policy.live_rules, policy.steps
    if steps.growth < 2:
        raise BadInput(
            f"[rollout.steps] growth = {steps.growth} never reaches all requests",
            hint="a whole number from 2; the default is 4",
        )
    if steps.errors_limit_percent >= 100:
        raise BadInput(
            f"[rollout.steps] errors_limit_percent = {steps.errors_limit_percent} is no less than "
            "what counts as harm",
            hint="less than 100; the default is 20",
        )
    _share("[rollout.steps] first_percent", steps.first_percent)
    _share("[rollout.shadow] sample_percent", policy.shadow.sample_percent)
    _share("[rollout.live_rules.errors] above_percent", rules.errors.above_percent)
    _share("[rollout.live_rules.accuracy] below_percent", rules.accuracy.below_percent)
    _share("[rollout.alerts.errors] warning_percent", policy.alerts.errors.warning_percent)
    _share("[rollout.alerts.cpu] above_percent", policy.alerts.cpu.above_percent)
    _share("[rollout.alerts.memory] above_percent", policy.alerts.memory.above_percent)
    if policy.alerts.database.seconds > policy.alerts.database.within:
        raise BadInput(
            f"[rollout.alerts.database] seconds = {policy.alerts.database.seconds:g} outlasts what "
            "is seen",
            hint="at most `within`, so that one failure is told; the default is 30",
        )
    return policy


def with_baseline_p95(text: str, baseline_p95_ms: float | None) -> str:
    """Pin the champion's past p95, unless the policy names one or nothing is known."""
    if baseline_p95_ms is None or "latency" in tomllib.loads(text):
        return text
    pinned = "# Pinned when the shadow was opened: p95 of the champion's past traffic."
    return f"{text.rstrip()}\n\n{pinned}\n[latency]\nbaseline_p95_ms = {baseline_p95_ms:.6g}\n"


def _live_rules(table: dict[str, Any]) -> LiveRules:
    return LiveRules(
        errors=ErrorRule(**table["errors"]),
        response_time=ResponseTimeRule(**table["response_time"]),
        health=HealthRule(**table["health"]),
        accuracy=AccuracyRule(**table["accuracy"]),
    )


def _share(name: str, percent: float) -> None:
    if percent > 100:
        raise BadInput(
            f"{name} = {percent} is no share", hint="give a percentage above 0 and at most 100"
        )


def _merged(where: str, packaged: dict[str, Any], given: Any) -> dict[str, Any]:
    """The packaged table with the given values in place; unknown keys and wrong types raise."""
    if not isinstance(given, dict):
        raise BadInput(f"[{where}] must be a table", hint=f"its keys: {', '.join(packaged)}")
    unknown = sorted(set(given) - set(packaged))
    if unknown:
        raise BadInput(
            f"[{where}] has no key {unknown[0]!r}", hint=f"known keys: {', '.join(packaged)}"
        )
    merged: dict[str, Any] = {}
    for key, default in packaged.items():
        if isinstance(default, dict):
            merged[key] = _merged(f"{where}.{key}", default, given.get(key, {}))
        elif isinstance(default, bool):
            merged[key] = _choice(f"[{where}] {key}", default, given.get(key, default))
        else:
            merged[key] = _number(f"[{where}] {key}", default, given.get(key, default))
    return merged


def _choice(name: str, default: bool, value: Any) -> bool:
    if not isinstance(value, bool):
        raise BadInput(
            f"{name} = {value!r} is neither true nor false",
            hint=f"the default is {str(default).lower()}",
        )
    return value


def _number(name: str, default: float, value: Any) -> float:
    whole = isinstance(default, int) and name.split()[-1] in _WHOLE
    kinds = int if whole else (int, float)
    number = isinstance(value, kinds) and not isinstance(value, bool)
    zero = name in _MAY_BE_ZERO and number and value == 0
    if not zero and not (number and 0 < value <= _MOST):
        wanted = "a whole number above 0" if whole else "a number above 0"
        raise BadInput(
            f"{name} = {str(value)[:60]} is not {wanted}, at most {_MOST:g}",
            hint=f"the default is {default}",
        )
    checked: float = value
    return checked
