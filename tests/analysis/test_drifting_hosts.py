"""The benchmark of drifting hosts judges in a short way: it must be the judge's."""

import numpy as np
import pytest

from analysis.judging import judge_pairs
from benchmarks.calibrated import MEDIAN_MS
from benchmarks.drifting import DRIFTS, GUARDED, learned, rolled_back, said
from benchmarks.judges.worlds import World


@pytest.mark.parametrize(
    ("kind", "hosts", "minutes", "ratio"),
    [
        ("guard", "levels held for 15 min", 12, 1.25),
        ("calibrated", "AR(1) 0.95", 1, 1.75),
    ],
)
def test_the_short_way_says_what_the_judge_says(
    kind: str, hosts: str, minutes: int, ratio: float
) -> None:
    """Of some records, and not of others: harm that an open guard, or all thresholds alone, see."""
    drift = DRIFTS[hosts]
    world = World("short", minutes=minutes, median_ms=MEDIAN_MS, ratio=ratio, drift=drift)
    both = []
    for rep in range(5):
        rng = np.random.default_rng([rep, 1])
        policy = GUARDED if kind == "guard" else learned(drift, 10.0, rng)
        if policy is not None:
            pairs = world.pairs(rng)
            both.append((rolled_back(pairs, policy), said(judge_pairs(pairs, policy, False))))

    assert [short for short, _ in both] == [whole for _, whole in both]
    assert {short for short, _ in both} == {False, True}
