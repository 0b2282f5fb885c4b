"""The chance of a false decision while looking at every pair; naive peeking has no such level.

Seeds are fixed; upper bounds include what the simulation could not see.
"""

import numpy as np
import pytest

from analysis import paired, rates
from analysis.bets import Bets
from analysis.error_gates import late_rate_bets
from benchmarks.calibration import crossings, importance_level, naive_peeking, wilson_upper
from benchmarks.hosts import Hosts, condemned, frozen_truth, late_delays, latency_only

# Bets, and the distribution at the boundary of what they test, of each kind of pair.
BOUNDARIES = {
    "errors paired, harm": (paired.harm_bets(0.0), (0.01, 0.01, 0.98)),
    "errors paired, safety": (paired.safety_bets(0.001), (0.0015, 0.0005, 0.998)),
    "errors absolute, harm": (rates.harm_bets(0.05), (0.05, 0.95)),
    "errors absolute, safety": (rates.safety_bets(0.001), (0.001, 0.999)),
    "frozen p95, harm": (paired.quantile_bets(), (0.02, 0.02, 0.96)),
    "p95 limit, safety": (rates.safety_bets(0.05), (0.05, 0.95)),
    "accuracy, harm": (rates.harm_bets(0.15), (0.15, 0.85)),
    "accuracy, safety": (rates.safety_bets(0.15), (0.15, 0.85)),
    "accuracy paired, safety": (paired.safety_bets(0.01), (0.035, 0.025, 0.94)),
    "frozen p95, safety": (paired.safety_bets(0.0), (0.02, 0.02, 0.96)),
}


@pytest.mark.parametrize(("bets", "null"), BOUNDARIES.values(), ids=BOUNDARIES.keys())
@pytest.mark.parametrize("level", [0.05, 0.001])
def test_count_gates_hold_their_level_at_every_look(
    bets: Bets, null: tuple[float, ...], level: float
) -> None:
    """Sampled from the gate's own mixture, the crossing probability is at most the level."""
    found = importance_level(bets, null, level, reps=400, horizon=300_000, seed=31)

    assert found.upper <= level * (1 + 1e-9)
    assert found.estimate > level / 10


def test_naive_peeking_fails_the_same_test() -> None:
    """p < 0.05 after each look condemns a healthy candidate far more often than 1 in 20."""
    assert naive_peeking(0.5, horizon=5_000, reps=400, seed=32) > 0.3
    assert naive_peeking(0.05, horizon=20_000, reps=200, seed=33) > 0.3


@pytest.mark.parametrize(("bets", "null"), BOUNDARIES.values(), ids=BOUNDARIES.keys())
def test_every_bet_is_fair_at_the_boundary(bets: Bets, null: tuple[float, ...]) -> None:
    """The expected wealth after one pair is 1: not above, and nothing is given away."""
    assert np.asarray(null) @ np.exp(bets.gains) == pytest.approx(1.0, abs=1e-12)


LATE = {
    "paired": (paired.harm_bets(0.0), (0.03, 0.03)),
    "absolute": (late_rate_bets(0.05), (0.05,)),
}


@pytest.mark.parametrize(("bets", "null"), LATE.values(), ids=LATE.keys())
def test_late_gates_hold_their_level_within_the_horizon(
    bets: Bets, null: tuple[float, ...]
) -> None:
    """Shiryaev-Roberts alarms at the boundary at most as often as its level, over a whole hour."""
    alarms = late_delays(bets, (null, null), 50.0, (3600, 3600), 3600.0, 0.05, reps=300, seed=34)

    assert wilson_upper(int(np.isfinite(alarms).sum()), 300, z=0.0) <= 0.05


def test_the_frozen_gate_holds_its_level() -> None:
    """At the boundary, 10 % slower, whatever past p95 the first rows happen to give."""
    truth = frozen_truth(ratio=1.1, harm_ratio=1.1, reference=5_000, reps=800, seed=35)

    found = crossings(paired.quantile_bets(), truth, 0.05, 100_000, np.random.default_rng(36))

    assert wilson_upper(int(np.isfinite(found.pair).sum()), 800) <= 0.06


@pytest.mark.parametrize(
    "rho", [0.8, *(pytest.param(rho, marks=pytest.mark.long) for rho in (0.5, 0.95))]
)
def test_the_guard_holds_the_level_on_drifting_hosts(rho: float) -> None:
    """One hour of two hosts that wander by 10 % from minute to minute, AR(1) in each arm."""
    drifting = Hosts(rate=8.0, minutes=60, cv=0.1, rho=rho)

    assert len(condemned(drifting, latency_only("guard"), reps=40, seed=36)) <= 2


def test_without_the_guard_drift_condemns_the_version() -> None:
    """Believed to be one machine, the same hosts differ, and their version pays for it."""
    drifting = Hosts(rate=8.0, minutes=60, cv=0.1, rho=0.8)

    assert len(condemned(drifting, latency_only("none"), reps=25, seed=36)) >= 4


def test_behind_the_guard_a_steady_harm_is_found_after_five_blocks() -> None:
    """A version that is slower throughout fails at the end of the fifth minute."""
    slower = Hosts(rate=50.0, minutes=7, cv=0.0, rho=0.0, ratio=1.3)

    pairs = condemned(slower, latency_only("guard"), reps=5, seed=37, gates=("frozen-p95",))

    assert len(pairs) == 5
    assert all(14_500 < pair < 15_500 for pair in pairs)
