"""What the gates of split traffic claim, and the worlds in which they are tried."""

from math import log

from benchmarks.judges.bounds import (
    ALPHA,
    FLOOR,
    GUARDED,
    PAST_MS,
    POLICY,
    Paced,
    Rare,
    Said,
    Trial,
    of_split,
    over,
    split_harm,
    split_information,
    split_safety,
)
from benchmarks.judges.split_worlds import SplitWorld
from benchmarks.judges.worlds import Drift

HARMED = SplitWorld(
    "split: everything is worse", minutes=2, share=0.2, errors=(0.001, 0.1), ratio=2.0
)
WORSE = of_split(0.1, 0.001, 0.2)
SAFE = SplitWorld("split: everything is better", minutes=4, errors=(0.0005, 0.00005))
EDGE = SplitWorld(
    "split: every limit is just kept", minutes=2, share=0.8, errors=(0.05, 0.05), ratio=FLOOR
)
BURSTS = SplitWorld("split: errors of both come and go", share=0.1, minutes=4, burst=0.1)
MARGIN = SplitWorld(
    "split: every margin is just missed", minutes=3, errors=(0.0001, 0.0011), ratio=1.25
)
GROSS = SplitWorld("split: p95 half as much again", minutes=2, ratio=1.5)
LATE = SplitWorld(
    "split: harm begins in the second minute",
    minutes=2,
    errors_after=(0.001, 0.12),
    ratio=2.0,
    onset=60.0,
)
ASTRAY = SplitWorld("split: half as many again on the candidate", came=0.3, share=0.2, minutes=3)
UNTIMED = SplitWorld("split: answers nobody timed", minutes=1, unusable=0.03)
DRIFTING = SplitWorld("split: hosts drift", minutes=10, rate=50.0, drift=Drift(0.2, 0.8))


def _late(gate: str, truth: tuple[float, float, float], share: float) -> float:
    level = ALPHA * POLICY.gates[gate].weight / POLICY.horizon
    return log(1 / level) / split_information(truth, share)


def _over(ratio: float, limit_ms: float) -> tuple[float, float, float]:
    """Over a limit of the candidate's and over the baseline's past p95."""
    return of_split(over(40.0 * ratio, limit_ms)[0], over(40.0, PAST_MS)[0], 0.2)


def _late_over(ratio: float, limit_ms: float) -> tuple[float, float, float]:
    return of_split(over(40.0 * ratio, limit_ms)[0], over(40.0, PAST_MS)[0], 0.5)


SPLIT_TRIALS = (
    Trial(
        HARMED,
        POLICY,
        12,
        (
            Paced(
                "split-errors",
                "harm",
                split_harm("split-errors", of_split(0.1, 0.001, 0.2), 0.2),
                1.7,
            ),
            Paced(
                "split-frozen-p95",
                "harm",
                split_harm("split-frozen-p95", _over(2.0, PAST_MS + 10), 0.2),
                1.75,
            ),
            Said("split-thresholds", "FAIL"),
        ),
    ),
    Trial(
        SAFE,
        POLICY,
        10,
        (
            Paced(
                "split-errors",
                "safety",
                split_safety(of_split(0.00005, 0.0005, 0.5), 0.5, 0.001),
                1.7,
            ),
            Paced(
                "split-frozen-p95",
                "safety",
                split_safety(_late_over(1.0, PAST_MS * 1.25), 0.5, 0.0),
                2.1,
            ),
            Said("split-share", "PASS"),
            Said("split-errors", "PASS"),
            Rare("split-errors-late", "harm", 1),
            Rare("split-gross-p95", "harm", 1),
        ),
    ),
    Trial(
        EDGE,
        POLICY,
        12,
        tuple(
            Rare(gate, "harm", 1)
            for gate in (
                "split-errors",
                "split-errors-late",
                "split-frozen-p95",
                "split-thresholds",
                "errors-absolute",
                "errors-late-absolute",
            )
        ),
    ),
    Trial(
        BURSTS, POLICY, 8, (Rare("split-errors", "harm", 1), Rare("split-errors-late", "harm", 1))
    ),
    Trial(
        MARGIN,
        POLICY,
        10,
        (Rare("split-errors", "safety", 2), Rare("split-frozen-p95", "safety", 2)),
    ),
    Trial(GROSS, POLICY, 6, (Rare("split-gross-p95", "harm", 1),)),
    Trial(
        LATE,
        POLICY,
        8,
        (
            Paced(
                "split-errors-late",
                "harm",
                _late("split-errors-late", of_split(0.12, 0.001, 0.5), 0.5),
                2.0,
            ),
            Paced(
                "split-gross-p95",
                "harm",
                _late("split-gross-p95", _late_over(2.0, PAST_MS * 1.5), 0.5),
                2.5,
            ),
        ),
    ),
    Trial(
        ASTRAY,
        POLICY,
        6,
        (Said("split-share", "INCONCLUSIVE"), Rare("split-errors", "harm", 0)),
    ),
    Trial(UNTIMED, POLICY, 1, (Said("sample-integrity", "INCONCLUSIVE"),)),
    Trial(DRIFTING, GUARDED, 5, (Rare("split-frozen-p95", "harm", 0),)),
)
