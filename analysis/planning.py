"""How long a shadow will take: each gate's bets played on pairs like those already seen.

The counts of an earlier record give, with the doubt of their number (Dirichlet, 1/2 for each kind),
the shares of the kinds of pairs; from these whole shadows are drawn, with a fixed seed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf, log
from typing import TYPE_CHECKING

import numpy as np

from analysis import paired, rates
from analysis.bets import Bets, Flags, Floats
from analysis.by_seconds import Seconds
from analysis.policy import PAIRED, Gate, JudgePolicy
from analysis.verdict import Verdict

if TYPE_CHECKING:
    import pandas as pd

RUNS = 400
STEPS = 240
SEED = 20_260_105
POWER = 0.9
INSIDE = 0.98
DRAWS, MOST_SECONDS, HALVINGS = 100, 3_600, 14
PLANNED = (
    "errors-paired",
    "errors-absolute",
    "p95-limit",
    "frozen-p95",
    "accuracy-absolute",
    "accuracy-paired",
)


@dataclass(frozen=True, slots=True)
class Seen:
    """Counts by kind of pair as the claims of harm and of safety see them; the last kind is rest.

    A rate has (bad, good); a paired difference has (only candidate bad, only baseline bad, rest).
    """

    harm: tuple[int, ...]
    safety: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Traffic:
    """Copies a second, seconds until a label counts, and the most pairs that a shadow may take."""

    rate: float
    label_delay: float
    budget: int


@dataclass(frozen=True, slots=True)
class Spread:
    """Middle and middle 98 % of the drawn shadows; infinite beyond the budget."""

    low: float
    middle: float
    high: float
    missed: float


ONE_BY_ONE = 3
"""Kinds of pairs that are counted one by one; blocks of labels have more."""


@dataclass(frozen=True, slots=True)
class GatePlan:
    """When safety of a gate will stand proven, and the least harm found in 9 of 10 shadows.

    `found` is a share for rates (accuracy: of right answers), else a difference of shares.
    """

    name: str
    blocking: bool
    pairs: Spread
    seconds: Spread
    found: float | None


@dataclass(frozen=True, slots=True)
class Plan:
    """A forecast of PROMOTE for a candidate like the one seen."""

    gates: tuple[GatePlan, ...]
    pairs: Spread
    seconds: Spread

    @property
    def table(self) -> "pd.DataFrame":
        """One row per gate, then the verdict."""
        import pandas as pd

        rows = [(g.name, g.pairs, g.seconds, g.found) for g in self.gates]
        rows.append(("verdict", self.pairs, self.seconds, None))
        return pd.DataFrame(
            [
                {
                    "gate": name,
                    "pairs": pairs.middle,
                    "from": pairs.low,
                    "to": pairs.high,
                    "seconds": seconds.middle,
                    "in budget": 1 - pairs.missed,
                    "smallest harm found": found,
                }
                for name, pairs, seconds, found in rows
            ]
        )


def seen_in(verdict: Verdict) -> dict[str, Seen]:
    """What the gates of an earlier record counted."""
    return {
        finding.name: Seen(finding.harm.counts, finding.safety.counts)
        for finding in verdict.pooled
        if finding.name in PLANNED
        and finding.harm
        and finding.safety
        and len(finding.harm.counts) <= ONE_BY_ONE
    }


def disagreeing(share: float, n: int) -> Seen:
    """Both sides right equally often, and differently on this share of the pairs."""
    half = round(n * share / 2)
    return Seen((half, half, n - 2 * half), (half, half, n - 2 * half))


def plan(seen: Mapping[str, Seen], policy: JudgePolicy, traffic: Traffic) -> Plan:
    """Play every gate that was seen; blocking gates never seen make the verdict unreachable."""
    at, after = {}, {}
    gates = []
    for index, name in enumerate(name for name in PLANNED if name in seen):
        gate = policy.gates[name]
        if gate.metric == "accuracy" and policy.dependence.block is not None:
            # Labels that hang together do not come as these would be drawn: one by one.
            continue
        rng = np.random.default_rng([SEED, index])
        safety = _bets(gate, harm=False)
        at[name] = _first(safety, seen[name].safety, policy.alpha_promote, traffic.budget, rng)
        at[name] += _start(gate, policy)
        after[name] = _seconds(gate, at[name], policy, traffic)
        gates.append(
            GatePlan(
                name,
                gate.blocking,
                _spread(at[name], at[name] > traffic.budget, traffic.budget),
                _spread(after[name], at[name] > traffic.budget, traffic.budget),
                _found(gate, seen[name], policy, traffic),
            )
        )
    blocking = [g for g in PLANNED if policy.gates[g].blocking]
    never = np.full(RUNS, inf)
    least = np.full(RUNS, float(policy.min_pairs))
    whole = np.max([least, *(at.get(name, never) for name in blocking)], axis=0)
    time = np.max([least / traffic.rate, *(after.get(name, never) for name in blocking)], axis=0)
    time = np.maximum(time, _guarded(policy, traffic))
    # A verdict that waits for labels has seen the pairs that arrived meanwhile.
    whole = np.maximum(whole, np.floor(time * traffic.rate))
    over = whole > traffic.budget
    return Plan(
        tuple(gates), _spread(whole, over, traffic.budget), _spread(time, over, traffic.budget)
    )


def at_alpha(seen: Mapping[str, Seen], policy: JudgePolicy, traffic: Traffic, alpha: float) -> Plan:
    """The same with both error budgets at this level."""
    return plan(seen, replace(policy, alpha_promote=alpha, alpha_rollback=alpha), traffic)


def _bets(gate: Gate, *, harm: bool) -> Bets:
    """The bets with which the gate itself is judged."""
    tolerance, margin = gate.tolerance or 0.0, gate.margin or 0.0
    if gate.name == "frozen-p95":
        return paired.quantile_bets() if harm else paired.safety_bets(0.0)
    if gate.name in PAIRED:
        return paired.harm_bets(tolerance) if harm else paired.safety_bets(margin)
    if gate.name == "accuracy-absolute":
        tolerance, margin = 1 - tolerance, 1 - margin
    return rates.harm_bets(tolerance) if harm else rates.safety_bets(margin)


def _start(gate: Gate, policy: JudgePolicy) -> int:
    """Rows that a gate does not use: those that the past p95 is taken from."""
    unpinned = gate.name == "frozen-p95" and policy.baseline_p95_ms is None
    return policy.reference_pairs if unpinned else 0


def _guarded(policy: JudgePolicy, traffic: Traffic) -> float:
    """Seconds before which the guard lets nobody promote."""
    drift = policy.drift
    if drift.kind == "none":
        return 0.0
    blocks = drift.sparse_blocks if traffic.rate < drift.sparse_rate else drift.blocks
    return blocks * drift.block


def _seconds(gate: Gate, pairs: Floats, policy: JudgePolicy, traffic: Traffic) -> Floats:
    seconds = pairs / traffic.rate
    if gate.name.startswith("accuracy"):
        return seconds + traffic.label_delay
    return np.maximum(seconds, _guarded(policy, traffic) if gate.name == "frozen-p95" else 0.0)


def _first(
    bets: Bets, counts: tuple[int, ...], level: float, budget: int, rng: np.random.Generator
) -> Floats:
    """The pair at which each drawn shadow first stands proven, infinite beyond the budget."""
    steps = np.unique(np.geomspace(1, max(budget, 2), STEPS).round().astype(np.int64))
    shares = rng.dirichlet(np.asarray(counts) + 0.5, RUNS)
    drawn = rng.multinomial(np.diff(steps, prepend=0)[None, :], shares[:, None, :])
    running = drawn.cumsum(axis=1).astype(np.float64).reshape(-1, len(counts)).T
    proven = bets.mixture(bets.log_wealth(running)) >= log(1 / level)
    proven = proven.reshape(RUNS, len(steps))
    return np.where(proven.any(axis=1), steps[proven.argmax(axis=1)].astype(np.float64), inf)


def _spread(values: Floats, over: Flags, budget: int) -> Spread:
    """It happened somewhere since the step before, so the lower end goes back by one."""
    told = np.sort(np.where(over, inf, values))
    step = max(budget, 2) ** (1 / (STEPS - 1))
    tail = (1 - INSIDE) / 2
    low, middle, high = (
        float(told[min(int(share * len(told)), len(told) - 1)]) for share in (tail, 0.5, 1 - tail)
    )
    return Spread(low / step, middle / step**0.5, high, float(over.mean()))


def _found(gate: Gate, seen: Seen, policy: JudgePolicy, traffic: Traffic) -> float | None:
    """The least harm that 9 of 10 shadows of the whole budget prove; None where none is."""
    n = traffic.budget - _start(gate, policy)
    bets, threshold = _bets(gate, harm=True), log(1 / policy.rollback_level(gate))
    total = sum(seen.harm)
    if n <= 0 or not total:
        return None
    three = len(seen.harm) == 3
    other = (seen.harm[1] + 0.5) / (total + 1.5) if three else 0.0
    least = (gate.tolerance or 0.0) if three else _limit(gate)
    most = 1 - 2 * other if three else 1.0
    if gate.name == "frozen-p95":
        least = 0.0

    def power(harm: float) -> float:
        bad = other + harm if three else harm
        shares = [bad, other, 1 - bad - other] if three else [bad, 1 - bad]
        rng = np.random.default_rng(SEED)
        counts = rng.multinomial(n, np.clip(shares, 0, 1), RUNS).T.astype(np.float64)
        return float((bets.mixture(bets.log_wealth(counts)) >= threshold).mean())

    if most <= least or power(most * 0.999) < POWER:
        return None
    low, high = least, most * 0.999
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (low, middle) if power(middle) >= POWER else (middle, high)
    if "seconds" in gate.limits:
        return _by_seconds(gate, high, threshold, traffic)
    return 1 - high if gate.name == "accuracy-absolute" else high


def _by_seconds(gate: Gate, least: float, threshold: float, traffic: Traffic) -> float | None:
    """The same where harm must show second by second as well; of an hour, if it lasts longer."""
    each = max(round(traffic.rate), 1)
    number, limit = min(traffic.budget // each, MOST_SECONDS), gate.tolerance or 0.0
    if number < gate.limits["seconds"]:
        return None

    def missed(share: float) -> bool:
        rng = np.random.default_rng(SEED)
        drawn = rng.binomial(each, share, (DRAWS, number)) / each
        proven = [
            Seconds.wealth(one, limit)[-1] >= threshold
            and int((one > limit).sum()) >= gate.limits["seconds"]
            for one in drawn
        ]
        return bool(sum(proven) < POWER * DRAWS)

    low, high = least, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if missed(middle) else (low, middle)
    return high


def _limit(gate: Gate) -> float:
    tolerance = gate.tolerance or 0.0
    return 1 - tolerance if gate.name == "accuracy-absolute" else tolerance
