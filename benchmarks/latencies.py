"""Simulated latencies for the gates that compare them: how often and how soon they speak.

Both sides are lognormal with a part that a request shares; looks are those of the judge.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import log

import numpy as np

from analysis import paired, payoffs, thresholds
from analysis.bets import Floats, Trace, follow
from analysis.blocks import counts_at, follow_blocks, looks_of
from analysis.latency_arms import Arms, log_ratio
from analysis.quantile_bets import Q, follow_quantiles
from analysis.quantiles import P95, binned, order_statistic
from benchmarks.calibration import wilson_upper
from benchmarks.hosts import COMMON, OWN

MEDIAN_MS = 20.0
TAIL = 0.03
REFERENCE = 5_000
P95_MS = MEDIAN_MS * float(np.exp(1.6448536 * np.hypot(COMMON, OWN)))
Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]
Judge = Callable[[Arms, float], Trace]

CHANGES: dict[str, Change] = {
    "equal": lambda ms, rng: ms,
    "x1.05": lambda ms, rng: ms * 1.05,
    "x1.1": lambda ms, rng: ms * 1.1,
    "x1.2": lambda ms, rng: ms * 1.2,
    "x1.25": lambda ms, rng: ms * 1.25,
    "x1.5": lambda ms, rng: ms * 1.5,
    "5 % at random doubled": lambda ms, rng: ms * np.where(rng.random(len(ms)) < 0.05, 2, 1),
    "slowest 3 % doubled": lambda ms, rng: np.where(ms > np.quantile(ms, 1 - TAIL), 2 * ms, ms),
    "faster median, equal p95": lambda ms, rng: np.where(ms < P95_MS / 2, ms * 0.9, ms),
}


def drawn(n: int, change: str, rng: np.random.Generator, common: float = COMMON) -> Arms:
    """Pairs of a candidate that differs from the baseline in this way alone.

    `common` is the spread of the logarithm that a request shares; the whole is always the same.
    """
    shared, own = rng.normal(0, common, n), float(np.sqrt(COMMON**2 + OWN**2 - common**2))
    candidate, baseline = (MEDIAN_MS * np.exp(shared + rng.normal(0, own, n)) for _ in range(2))
    return Arms(CHANGES[change](candidate, rng), baseline)


def crossed(own: Floats, other: Floats, limits: Floats, looks: np.ndarray) -> Floats:
    """Pairs over each limit on one side alone, the candidate's, then the baseline's, by looks."""
    kinds = thresholds.passed_both(binned(own), binned(other), limits)
    number = len(limits) + 1
    return thresholds.over_one(np.stack([counts_at(kind, number, looks) for kind in kinds]))


def by_thresholds(arms: Arms, level: float) -> Trace:
    """The gate `latency-thresholds` without its allowance, past p95 known."""
    n, looks = len(arms.candidate), looks_of(len(arms.candidate))
    counts = crossed(arms.candidate, arms.baseline, thresholds.grid(P95_MS), looks)
    return follow_blocks(thresholds.LATENCY_BETS, counts, looks, n, level)


def by_mean(arms: Arms, level: float) -> Trace:
    """The gate `latency-mean` without its allowance."""
    n, looks = len(arms.candidate), looks_of(len(arms.candidate))
    counts = counts_at(payoffs.down(log_ratio(arms)), payoffs.KINDS, looks)
    return follow_blocks(payoffs.harm_bets(0.0), counts, looks, n, level)


def by_ratio(arms: Arms, level: float) -> Trace:
    """The gate `p95-ratio` without its allowance."""
    looks = looks_of(len(arms.candidate))
    return follow_quantiles(binned(arms.candidate), binned(arms.baseline), looks, level)


def by_frozen(arms: Arms, level: float, past_ms: float = P95_MS) -> Trace:
    """The gate `frozen-p95` without its allowance."""
    own, other = arms.candidate > past_ms, arms.baseline > past_ms
    return follow(paired.quantile_bets(), (own & ~other, other & ~own), level)


def by_frozen_past(arms: Arms, level: float) -> Trace:
    """The same with the past p95 from the first `REFERENCE` pairs, which are not judged."""
    past_ms = order_statistic(arms.baseline[:REFERENCE], P95)
    judged = Arms(arms.candidate[REFERENCE:], arms.baseline[REFERENCE:])
    return by_frozen(judged, level, past_ms)


JUDGES: dict[str, Judge] = {
    "latency-thresholds": by_thresholds,
    "latency-mean": by_mean,
    "p95-ratio": by_ratio,
}


@dataclass(frozen=True, slots=True)
class Spoken:
    """How often a gate spoke, an upper bound on that share, and after how many pairs."""

    share: float
    upper: float
    mean: float


def spoken(judge: Judge, change: str, n: int, reps: int, seed: int, level: float = 0.05) -> Spoken:
    """Judge fresh pairs again and again; pairs of those that never spoke count as n."""
    rng = np.random.default_rng(seed)
    pairs = []
    for _ in range(reps):
        first = judge(drawn(n, change, rng), level).first()
        pairs.append(float("inf") if first is None else first + 1.0)
    hits = int(np.isfinite(pairs).sum())
    return Spoken(hits / reps, wilson_upper(hits, reps), float(np.minimum(pairs, n).mean()))


def reference(gate: str, change: str, level: float, seed: int, n: int = 400_000) -> float:
    """Pairs that the best single bet would take on average: the bound of the gate, or for all
    thresholds that of the best of them, which no test of all can know."""
    arms = drawn(n, change, np.random.default_rng(seed))
    if gate == "p95-ratio":
        return log(1 / level) / _least_growth(arms)
    if gate == "latency-mean":
        payoff = np.clip(log_ratio(arms), -1, 1)
        growth = max(
            float(np.log1p(stake * payoff).mean()) for stake in np.linspace(0.01, 0.99, 99)
        )
        return log(1 / level) / growth
    counts = crossed(arms.candidate, arms.baseline, thresholds.grid(P95_MS), np.array([n]))
    b, c = np.split(counts[:, 0] / n, 2)
    stakes = np.linspace(0.005, 0.995, 199)[:, None]
    return log(1 / level) / float((b * np.log1p(stakes) + c * np.log1p(-stakes)).max())


def _least_growth(arms: Arms) -> float:
    """The growth of the best bet on the two p95s at the bin where even that grows least."""
    ends = [float(np.quantile(side, 1 - Q)) for side in (arms.baseline, arms.candidate)]
    lower, upper = np.meshgrid(np.linspace(0, 1, 41), np.geomspace(0.01, 8, 41))
    fits = (1 - Q) * lower + Q * upper < 1
    lower, upper = lower[fits][:, None], upper[fits][:, None]
    growth = []
    for x in np.geomspace(ends[0] * 0.98, ends[1] * 1.02, 25):
        u, v = arms.candidate > x, arms.baseline >= x
        shares = [float((u & v).mean()), float((u & ~v).mean()), float((~u & v).mean())]
        cells = [*shares, 1 - sum(shares)]
        factors = [
            1 + upper * (a - Q) + lower * (Q - b) for a, b in ((1, 1), (1, 0), (0, 1), (0, 0))
        ]
        growth.append(max(sum(p * np.log(f) for p, f in zip(cells, factors, strict=True)))[0])
    return float(min(growth))
