"""The whole policy of a rollout, parsed once at the edge."""

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from analysis import BadInput, JudgePolicy, parse_policy

_WHOLE = {"replicas", "max_pairs", "requests"}


@dataclass(frozen=True, slots=True)
class ShadowLimits:
    """How long, how far and how much may be copied; seconds, pairs, percent, copies/s."""

    max_seconds: float
    max_pairs: int
    sample_percent: float
    max_copies_per_second: float
    evidence_max_age: float


@dataclass(frozen=True, slots=True)
class Policy:
    """Every number a rollout is held to, with the text it was read from."""

    text: str
    judging: JudgePolicy
    replicas: int
    ready_within: float
    drain_within: float
    shadow: ShadowLimits
    smoke_requests: int


def default_policy_text() -> str:
    """The packaged policy of the local site."""
    return files("rollout").joinpath("policy.toml").read_text(encoding="utf-8")


def parse(text: str) -> Policy:
    """Read a policy; raise `BadInput` naming the key, what is wrong and what would be right."""
    judging = parse_policy(text)
    given = tomllib.loads(text).get("rollout", {})
    packaged = tomllib.loads(default_policy_text())["rollout"]
    table = _merged("rollout", packaged, given)
    shadow = ShadowLimits(**table["shadow"])
    policy = Policy(
        text=text,
        judging=judging,
        replicas=table["replicas"],
        ready_within=table["ready_within"],
        drain_within=table["drain_within"],
        shadow=shadow,
        smoke_requests=table["smoke"]["requests"],
    )
    if policy.shadow.sample_percent > 100:
        raise BadInput(
            f"[rollout.shadow] sample_percent = {policy.shadow.sample_percent} is no share",
            hint="give a percentage above 0 and at most 100",
        )
    return policy


def with_baseline_p95(text: str, baseline_p95_ms: float | None) -> str:
    """Pin the champion's past p95, unless the policy names one or nothing is known."""
    if baseline_p95_ms is None or "latency" in tomllib.loads(text):
        return text
    pinned = "# Pinned when the shadow was opened: p95 of the champion's past traffic."
    return f"{text.rstrip()}\n\n{pinned}\n[latency]\nbaseline_p95_ms = {baseline_p95_ms:.6g}\n"


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
        else:
            merged[key] = _number(f"[{where}] {key}", default, given.get(key, default))
    return merged


def _number(name: str, default: float, value: Any) -> float:
    whole = isinstance(default, int) and name.split()[-1] in _WHOLE
    kinds = int if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or not 0 < value < float("inf"):
        wanted = "a whole number above 0" if whole else "a number above 0"
        raise BadInput(f"{name} = {value!r} is not {wanted}", hint=f"the default is {default}")
    return value
