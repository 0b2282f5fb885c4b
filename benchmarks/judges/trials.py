"""What every gate claims, and the worlds in which it is tried; one world serves many gates.

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
from benchmarks.hosts import frozen_truth
from benchmarks.judges.worlds import P95, SPREAD, Drift, World

ALPHA = 0.05
PAST_MS = 40.0 * P95
POLICY = parse_policy(
    f"""
    [drift]
    kind = "none"
    reason = "simulated"
    [latency]
    baseline_p95_ms = {PAST_MS}
    """
)
GUARDED = parse_policy(f"[latency]\nbaseline_p95_ms = {PAST_MS}\n")
FLOOR = 1 + 10 / PAST_MS
"""The ratio at which the floor of 10 ms is reached."""


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

    world: World
    policy: JudgePolicy
    reps: int
    claims: tuple[Claim, ...]


def _harm(gate: str, truth: tuple[float, ...], tolerance: float = 0.0) -> float:
    return log(1 / (ALPHA * POLICY.gates[gate].weight)) / information(truth, tolerance)


def _safety(truth: tuple[float, ...], margin: float) -> float:
    """The mirror image: b and c, bad and good swapped."""
    if len(truth) == 2:
        return log(1 / ALPHA) / information((truth[1], truth[0]), 1 - margin)
    return log(1 / ALPHA) / information((truth[1], truth[0], truth[2]), -margin)


def _late(gate: str, truth: tuple[float, ...], tolerance: float = 0.0) -> float:
    """Lorden's value: one more log for the unknown onset among the seconds of the horizon."""
    level = ALPHA * POLICY.gates[gate].weight / POLICY.horizon
    return log(1 / level) / information(truth, tolerance)


def _both(candidate: float, baseline: float) -> tuple[float, float, float]:
    """Kinds of pairs where the sides fail independently."""
    b, c = candidate * (1 - baseline), baseline * (1 - candidate)
    return b, c, 1 - b - c


def _over(median_ms: float, limit_ms: float) -> tuple[float, float]:
    over = float(1 - ndtr(np.log(limit_ms / median_ms) / SPREAD))
    return over, 1 - over


def _frozen(ratio: float, harm_ratio: float) -> tuple[float, ...]:
    return tuple(frozen_truth(ratio, harm_ratio, 200_000, 1, 5)[0])


HARMED = World(
    "everything is worse",
    rate=100.0,
    minutes=1,
    errors=(0.001, 0.1),
    ratio=2.0,
    wrong=(0.12, 0.02, 0.1),
)
SAFE = World(
    "everything is better",
    rate=100.0,
    minutes=2,
    errors=(0.0005, 0.00005),
    wrong=(0.01, 0.03, 0.04),
)
EDGE = World(
    "every limit is just kept",
    rate=100.0,
    minutes=2,
    errors=(0.05, 0.05),
    ratio=FLOOR,
    median_ms=40.0,
    wrong=(0.025, 0.025, 0.125),
)
LIMIT = World("p95 of both 100 ms", rate=100.0, minutes=2, median_ms=100 / P95, errors=(0.0, 0.0))
MARGIN = World(
    "every margin is just missed",
    rate=100.0,
    minutes=2,
    errors=(0.001, 0.002),
    ratio=1.25,
    wrong=(0.035, 0.025, 0.115),
)
GROSS = World("p95 half as much again", rate=100.0, minutes=2, ratio=1.5)
LATE = World(
    "harm begins in the second minute",
    rate=100.0,
    minutes=2,
    errors_after=(0.001, 0.12),
    ratio=2.0,
    onset=60.0,
)
DRIFTING = World(
    "hosts drift",
    rate=20.0,
    minutes=10,
    drift=Drift(0.2, 0.8),
)
BROKEN = World("copies are lost", rate=50.0, minutes=1, timeouts=0.03, unusable=0.01)
UNSENT = World("copies are not sent", rate=50.0, minutes=1, not_sent=0.005)

TRIALS = (
    Trial(
        HARMED,
        POLICY,
        12,
        (
            Paced("errors-paired", "harm", _harm("errors-paired", _both(0.1, 0.001)), 1.7),
            Paced("errors-absolute", "harm", _harm("errors-absolute", (0.1, 0.9), 0.05), 1.7),
            Paced("p95-limit", "harm", _harm("p95-limit", _over(80.0, 100.0), 0.05), 1.75),
            Paced("frozen-p95", "harm", _harm("frozen-p95", _frozen(2.0, FLOOR)), 1.75),
            Paced("accuracy-absolute", "harm", _harm("accuracy-absolute", (0.22, 0.78), 0.15), 1.7),
            Paced("accuracy-paired", "harm", _harm("accuracy-paired", (0.12, 0.02, 0.86)), 1.7),
        ),
    ),
    Trial(
        SAFE,
        POLICY,
        10,
        (
            Paced("errors-paired", "safety", _safety(_both(0.00005, 0.0005), 0.001), 1.7),
            Paced("errors-absolute", "safety", _safety((0.00005, 0.99995), 0.001), 1.7),
            Paced("p95-limit", "safety", _safety(_over(40.0, 100.0), 0.05), 1.7),
            Paced("frozen-p95", "safety", _safety(_frozen(1.0, 1.25), 0.0), 1.7),
            Paced("accuracy-absolute", "safety", _safety((0.05, 0.95), 0.15), 1.7),
            Paced("accuracy-paired", "safety", _safety((0.01, 0.03, 0.96), 0.01), 1.7),
            Rare("errors-late-paired", "harm", 1),
            Rare("errors-late-absolute", "harm", 1),
            Rare("gross-frozen-p95", "harm", 1),
            Said("coverage", "PASS"),
            Said("sample-integrity", "PASS"),
        ),
    ),
    Trial(
        EDGE,
        POLICY,
        10,
        (
            *(
                Rare(gate, "harm", 1)
                for gate in ("errors-paired", "errors-absolute", "errors-late-paired")
            ),
            Rare("errors-late-absolute", "harm", 1),
            Rare("frozen-p95", "harm", 1),
            Rare("accuracy-absolute", "harm", 1),
            Rare("accuracy-absolute", "safety", 2),
            Rare("accuracy-paired", "harm", 1),
        ),
    ),
    Trial(LIMIT, POLICY, 8, (Rare("p95-limit", "harm", 1), Rare("p95-limit", "safety", 2))),
    Trial(
        MARGIN,
        POLICY,
        10,
        (
            Rare("errors-paired", "safety", 2),
            Rare("frozen-p95", "safety", 2),
            Rare("accuracy-paired", "safety", 2),
        ),
    ),
    Trial(GROSS, POLICY, 6, (Rare("gross-frozen-p95", "harm", 1),)),
    Trial(
        LATE,
        POLICY,
        8,
        (
            Paced(
                "errors-late-paired", "harm", _late("errors-late-paired", _both(0.12, 0.001)), 2.0
            ),
            Paced(
                "errors-late-absolute",
                "harm",
                _late("errors-late-absolute", (0.12, 0.88), 0.05),
                2.0,
            ),
            Paced("gross-frozen-p95", "harm", _late("gross-frozen-p95", _frozen(2.0, 1.5)), 2.5),
        ),
    ),
    Trial(DRIFTING, GUARDED, 5, (Rare("frozen-p95", "harm", 0),)),
    Trial(
        BROKEN,
        POLICY,
        1,
        (Said("coverage", "INCONCLUSIVE"), Said("sample-integrity", "INCONCLUSIVE")),
    ),
    Trial(UNSENT, POLICY, 1, (Said("coverage", "INCONCLUSIVE"),)),
)
