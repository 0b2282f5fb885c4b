"""How soon truth is found, against the bound log(1/level)/KL at the gate's own level."""

import numpy as np
import pytest

from analysis import default_policy, paired, rates
from analysis.bets import Bets
from analysis.error_gates import late_rate_bets
from benchmarks.calibration import Probabilities, delay
from benchmarks.hosts import late_delays

GATES = default_policy().gates
HARM = {name: 0.05 * gate.weight for name, gate in GATES.items()}
# Bets, boundary, truth, level at alpha .05, least informative events of the bound.
TRUTHS = {
    "errors .1 to .2 %": (paired.harm_bets(0.0), 0.0, (0.002, 0.001, 0.997), HARM["errors-paired"]),
    "errors 0 to 3 %": (paired.harm_bets(0.0), 0.0, (0.03, 1e-9, 0.97), HARM["errors-paired"]),
    "errors 10 % of 5 %": (rates.harm_bets(0.05), 0.05, (0.1, 0.9), HARM["errors-absolute"]),
    "one in five late": (rates.harm_bets(0.05), 0.05, (0.2, 0.8), HARM["p95-limit"]),
    "accuracy 83 of 85 %": (rates.harm_bets(0.15), 0.15, (0.17, 0.83), HARM["accuracy-absolute"]),
    "accuracy 2 points lost": (
        paired.harm_bets(0.0),
        0.0,
        (0.045, 0.025, 0.93),
        HARM["accuracy-paired"],
    ),
    "equal errors are safe": (paired.safety_bets(0.001), 0.001, (0.001, 0.001, 0.998), 0.05),
    "2 % late is safe": (rates.safety_bets(0.05), 0.05, (0.02, 0.98), 0.05),
    "88 % accurate is safe": (rates.safety_bets(0.15), 0.15, (0.12, 0.88), 0.05),
    "equal accuracy is safe": (paired.safety_bets(0.01), 0.01, (0.025, 0.025, 0.95), 0.05),
}


@pytest.mark.parametrize(("bets", "side", "truth", "level"), TRUTHS.values(), ids=TRUTHS.keys())
def test_delay_stays_near_the_bound(
    bets: Bets, side: float, truth: Probabilities, level: float
) -> None:
    """At most 1.45 bounds where a bound holds 12 informative events, else 1.7; all is found."""
    found = delay(bets, side, truth, level, reps=300, seed=41)

    assert found.ratio <= (1.45 if found.events >= 12 else 1.7)
    assert found.undetected == 0.0


def test_many_errors_that_are_not_shared_are_proven_safe_in_the_end() -> None:
    """2 % on each side, of which 4 % of pairs differ, within a margin of .1 points."""
    apart = (0.0196, 0.0196, 0.9608)
    found = delay(paired.safety_bets(0.001), 0.001, apart, 0.05, reps=100, seed=43)

    assert found.undetected == 0.0
    assert found.ratio <= 2.2


BURSTS = {
    "paired": (paired.harm_bets(0.0), ((0.001, 0.001), (0.1, 0.001)), "errors-late-paired", 15.0),
    "5 % limit": (late_rate_bets(0.05), ((0.001,), (0.1,)), "errors-late-absolute", 17.0),
}


@pytest.mark.parametrize(("bets", "rates_", "gate", "most"), BURSTS.values(), ids=BURSTS.keys())
def test_a_burst_of_errors_is_found_in_seconds(
    bets: Bets, rates_: tuple[tuple[float, ...], tuple[float, ...]], gate: str, most: float
) -> None:
    """From .1 % to 10 % at 50 requests a second after a quarter of an hour, at the gate's level."""
    found = late_delays(bets, rates_, 50.0, (900, 1000), 1800.0, HARM[gate], reps=150, seed=42)

    assert np.isfinite(found).all()
    assert (found > 0).all()
    assert found.mean() <= most
