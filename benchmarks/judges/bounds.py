"""The kinds of claims that gates make, the policies they are tried by, and their bounds.

A valid gate needs its bound on average, log(1/level)/KL, so a mean below it is as much an error
of a formula as one far above it; at the boundary of its null a gate crosses as rarely as its level
says. The level is computed here anew, from the budget and the weight that the policy states.
"""

from dataclasses import dataclass
from math import log

import numpy as np
from scipy.special import ndtr

from analysis import JudgePolicy, parse_policy
from benchmarks.calibration import information
from benchmarks.hosts import COMMON, OWN, frozen_truth
from benchmarks.judges.split_worlds import SplitWorld
from benchmarks.judges.worlds import P95, P99, SPREAD, World
from benchmarks.latencies import reference

ALPHA = 0.05
REFERENCE = 1_000
PAST_MS = 40.0 * P95
SLOW_MS = 400.0
"""A median beside which the floor of 10 ms is nothing: that of 10 % decides alone."""


def _steady(median_ms: float) -> JudgePolicy:
    """Hosts that stand still, and a known past; losses get a weight, to have harm to prove."""
    return parse_policy(
        f"""
        [time]
        label_window = 20
        [drift]
        kind = "none"
        reason = "simulated"
        [latency]
        reference_pairs = {REFERENCE}
        baseline_p95_ms = {median_ms * P95}
        baseline_p99_ms = {median_ms * P99}
        [gates.latency-mean]
        weight = 0.09
        [gates.loss-paired]
        weight = 0.01
        [gates.accuracy-superior]
        margin = -0.01
        """
    )


POLICY = _steady(40.0)
SLOW = _steady(SLOW_MS)
GUARDED = parse_policy(f"[latency]\nbaseline_p95_ms = {PAST_MS}\n")
CALIBRATED = parse_policy(
    f"""
    [drift]
    kind = "calibrated"
    until = 2025-01-01T00:00:00Z
    window = 10800.0
    block = 60.0
    rms = 0.141
    minute_rms = 0.141
    rho = 0.82
    tau = 540.0
    [latency]
    baseline_p95_ms = {SLOW_MS * P95}
    baseline_p99_ms = {SLOW_MS * P99}
    """
)
"""What three hours of the hosts say that drift by 10 % each."""
FLOOR, FLOOR_P99 = 1 + 10 / PAST_MS, 1 + 10 / (40.0 * P99)
"""The ratios at which the floor of 10 ms is reached."""


@dataclass(frozen=True, slots=True)
class Paced:
    """A claim about pace: mean pairs until harm or safety, in bounds.

    The least is below 1 by what chance does to the mean of a dozen records.
    """

    gate: str
    side: str
    bound: float
    most: float
    least: float = 0.9


@dataclass(frozen=True, slots=True)
class Rare:
    """A claim about level: how many of the records may cross, by chance alone, at the boundary."""

    gate: str
    side: str
    most: int


@dataclass(frozen=True, slots=True)
class Said:
    """A claim about an outcome that every record has."""

    gate: str
    outcome: str


Claim = Paced | Rare | Said


@dataclass(frozen=True, slots=True)
class Trial:
    """A world, the policy it is judged by, how often, and what must come out."""

    world: World | SplitWorld
    policy: JudgePolicy
    reps: int
    claims: tuple[Claim, ...]


def harm(gate: str, truth: tuple[float, ...], tolerance: float = 0.0) -> float:
    return log(1 / (ALPHA * POLICY.gates[gate].weight)) / information(truth, tolerance)


def safety(truth: tuple[float, ...], margin: float) -> float:
    """The mirror image: b and c, bad and good swapped."""
    if len(truth) == 2:
        return log(1 / ALPHA) / information((truth[1], truth[0]), 1 - margin)
    return log(1 / ALPHA) / information((truth[1], truth[0], truth[2]), -margin)


def split_harm(gate: str, truth: tuple[float, ...], share: float) -> float:
    """Requests of both sides: at a tolerance of 0 only the bad ones tell."""
    return log(1 / (ALPHA * POLICY.gates[gate].weight)) / split_information(truth, share)


def split_information(truth: tuple[float, ...], share: float, delta: float = 0.0) -> float:
    """Per request, of the best bet on bad ones of the candidate, of the baseline, and the rest."""
    b, c, rest = truth
    stakes = np.linspace(1e-6, 1 - 1e-6, 200_001) / (1 / (1 - share) + delta)
    growth = b * np.log1p(stakes * (1 / share - delta))
    growth += c * np.log1p(-stakes * (1 / (1 - share) + delta))
    return float((growth + rest * np.log1p(-stakes * delta)).max())


def split_safety(truth: tuple[float, ...], share: float, margin: float) -> float:
    """The mirror image, as if the baseline were the candidate."""
    b, c, rest = truth
    return log(1 / ALPHA) / split_information((c, b, rest), 1 - share, -margin)


def of_split(candidate: float, baseline: float, share: float) -> tuple[float, float, float]:
    """Requests that are bad on the candidate, on the baseline, and the rest."""
    own, other = share * candidate, (1 - share) * baseline
    return own, other, 1 - own - other


def late(gate: str, truth: tuple[float, ...], tolerance: float = 0.0) -> float:
    """Lorden's value: one more log for the unknown onset among the seconds of the horizon."""
    level = ALPHA * POLICY.gates[gate].weight / POLICY.horizon
    return log(1 / level) / information(truth, tolerance)


def both(candidate: float, baseline: float) -> tuple[float, float, float]:
    """Kinds of pairs where the sides fail independently."""
    b, c = candidate * (1 - baseline), baseline * (1 - candidate)
    return b, c, 1 - b - c


def over(median_ms: float, limit_ms: float) -> tuple[float, float]:
    over = float(1 - ndtr(np.log(limit_ms / median_ms) / SPREAD))
    return over, 1 - over


def frozen(ratio: float, harm_ratio: float) -> tuple[float, ...]:
    return tuple(frozen_truth(ratio, harm_ratio, 200_000, 1, 5)[0])


def tail(ratio: float, harm_ratio: float, normal: float = 2.3263) -> tuple[float, float, float]:
    """Kinds of pairs over a quantile of the baseline, by default its p99."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    share, limit = weights / weights.sum(), normal * SPREAD
    baseline = ndtr((COMMON * nodes - limit) / OWN)
    candidate = ndtr((COMMON * nodes + np.log(ratio / harm_ratio) - limit) / OWN)
    b, c = float(candidate * (1 - baseline) @ share), float(baseline * (1 - candidate) @ share)
    return b, c, 1 - b - c


def any_threshold(ratio: float) -> float:
    """The bound of the best threshold, which no test of all of them can know."""
    level = ALPHA * POLICY.gates["latency-thresholds"].weight
    best = max(information(tail(ratio, 1.0, normal), 0.0) for normal in np.arange(-1.0, 1.6, 0.25))
    return log(1 / level) / best


def on_average(ratio: float) -> float:
    """The best bet on the mean of the logarithm of the ratio, held to -1..1."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    payoff = np.clip(log(ratio) + np.sqrt(2) * OWN * nodes, -1, 1)
    stakes = np.linspace(0.005, 0.995, 199)[:, None]
    best = (np.log1p(stakes * payoff) @ (weights / weights.sum())).max()
    return log(1 / (ALPHA * POLICY.gates["latency-mean"].weight)) / float(best)


def ratio_bound(level: float) -> float:
    """The best bet on p95s 5 % apart, at the bin where even that grows least."""
    return reference("p95-ratio", "x1.05", level, 5, 100_000)


def shifted(b: float, c: float) -> float:
    """Pairs by which a shift is told: those that thresholds are taken from, then the bound."""
    kinds = (max(b, c), min(b, c), 1 - b - c)
    return REFERENCE + log(1 / ALPHA) / information(kinds, 0.0)
