"""What the champion alone tells about a shadow: a candidate exactly as good, but independent."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from analysis.bets import Flags, Floats
from analysis.planning import Seen, disagreeing
from analysis.policy import JudgePolicy
from analysis.quantiles import P95, order_statistic


@dataclass(frozen=True, slots=True)
class Past:
    """Past answers of a champion: milliseconds, which were errors, which labelled were right."""

    latency_ms: Floats
    errors: Flags
    right: Flags


def seen_in_past(past: Past, policy: JudgePolicy, disagreement: float | None) -> Mapping[str, Seen]:
    """The counts that a shadow of a twin of the champion would have given.

    Without a known disagreement the twin is wrong independently, which is the most that two
    answers of this accuracy can differ by chance.
    """
    seen = {
        "errors-paired": _independent(past.errors, past.errors),
        "errors-absolute": _rate(past.errors),
        "p95-limit": _rate(past.latency_ms > policy.gates["p95-limit"].limits["limit_ms"]),
    }
    if len(past.latency_ms):
        harm, safety = _beyond(past, policy)
        seen["frozen-p95"] = Seen(harm.harm, safety.safety)
    if len(past.right):
        seen["accuracy-absolute"] = _rate(~past.right)
        seen["accuracy-paired"] = (
            _independent(~past.right, ~past.right)
            if disagreement is None
            else disagreeing(disagreement, len(past.right))
        )
    return seen


def _rate(bad: Flags) -> Seen:
    counts = (int(bad.sum()), int((~bad).sum()))
    return Seen(counts, counts)


def _independent(candidate: Flags, baseline: Flags) -> Seen:
    n = len(candidate)
    share, other = float(candidate.mean()) if n else 0.0, float(baseline.mean()) if n else 0.0
    b, c = round(n * share * (1 - other)), round(n * other * (1 - share))
    return Seen((b, c, n - b - c), (b, c, n - b - c))


def _beyond(past: Past, policy: JudgePolicy) -> tuple[Seen, Seen]:
    """Beyond the frozen p95: with its floor for harm, with its margin for safety."""
    gate = policy.gates["frozen-p95"]
    frozen = policy.baseline_p95_ms or order_statistic(past.latency_ms, P95)
    floor = frozen + gate.limits["floor_ms"]
    baseline = past.latency_ms > frozen
    harm = max(frozen * (1 + gate.limits["floor"]), floor)
    safe = max(frozen * (1 + (gate.margin or 0.0)), floor)
    return (
        _independent(np.asarray(past.latency_ms > harm), baseline),
        _independent(np.asarray(past.latency_ms > safe), baseline),
    )
