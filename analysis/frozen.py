"""Past quantiles of the baseline, frozen before the first judged pair, and their limits."""

from dataclasses import dataclass

import numpy as np

from analysis.bets import Floats
from analysis.policy import Gate, JudgePolicy
from analysis.quantiles import P95, P99, order_statistic
from analysis.words import percent

SHARES = {"p95": P95, "p99": P99}
OF_GATE = {"frozen-p95": "p95", "frozen-p99": "p99", "gross-frozen-p95": "p95"}


@dataclass(frozen=True, slots=True)
class Frozen:
    """A past quantile of the baseline in milliseconds, None while unknown.

    `name` is what people call it; `start` the first row judged by it, `pairs` how many are.
    """

    name: str
    limit_ms: float | None
    start: int
    pairs: int


def pinned(policy: JudgePolicy, name: str) -> float | None:
    """The past quantile that a policy names."""
    return {"p95": policy.baseline_p95_ms, "p99": policy.baseline_p99_ms}[name]


def past_ms(first: Floats, policy: JudgePolicy, name: str) -> float | None:
    """From the baseline's first rows, in milliseconds; None where these are too few."""
    seen = first[~np.isnan(first)]
    if len(first) < policy.reference_pairs or 2 * len(seen) < len(first):
        return None
    return order_statistic(seen, SHARES[name])


def why_none(policy: JudgePolicy, frozen: Frozen, over: int, known: int) -> str:
    """Why a pinned quantile is none of the baseline, in words; empty where it may be one.

    `over` of its `known` latencies are over it: seconds for milliseconds, or another service's.
    """
    if pinned(policy, frozen.name) is None or 2 * over <= known:
        return ""
    return (
        f"over it itself in {percent(over / known)} of requests, so that it is no {frozen.name} "
        f"of these: pin baseline_{frozen.name}_ms, which is in milliseconds, or leave it out"
    )


def limits(gate: Gate, frozen_ms: float) -> tuple[float, float]:
    """Candidate limits for harm and for safety, in milliseconds, never below the floor."""
    least = frozen_ms + gate.limits["floor_ms"]
    ratio = max(gate.tolerance or 0.0, gate.limits.get("floor", 0.0))
    ratio = max(ratio, gate.limits.get("envelope", 0.0))
    margin = gate.margin if gate.margin is not None else ratio
    return max(frozen_ms * (1 + ratio), least), max(frozen_ms * (1 + margin), least)
