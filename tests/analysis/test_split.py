"""Split traffic: the two-count test keeps its level, is fast, and is what pairing beats."""

from math import log

import numpy as np
import pytest

from analysis import paired, split
from benchmarks.calibration import crossings, delay, importance_level

SHARES = [0.5, 0.1, 0.02]
LEVEL = 0.05 * (1 + 1e-9)


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("ratio", [0.0, 0.25])
def test_it_keeps_its_level_while_looking_at_every_event(share: float, ratio: float) -> None:
    """By importance sampling at the boundary, for harm and for safety."""
    at = split.event_share(share, ratio)
    for bets in (split.harm_bets(share, ratio), split.safety_bets(share, ratio)):
        assert importance_level(bets, (at, 1 - at), 0.05, 400, 1e5, 91).upper <= LEVEL


def test_rates_that_move_together_do_not_matter() -> None:
    """Ten times the errors every other minute on both sides: the level stays."""
    rng, crossed = np.random.default_rng(92), 0
    bets = split.harm_bets(0.1, 0.0)
    for _ in range(200):
        rate = np.where(np.arange(40_000) // 2_000 % 2, 0.02, 0.002)
        event = rng.random(40_000) < rate
        own = rng.random(int(event.sum())) < 0.1
        counts = np.stack([own.cumsum(), (~own).cumsum()]).astype(np.float64)
        crossed += bool((bets.path(counts) >= log(20)).any())

    assert crossed <= 0.05 * 200 + 2 * np.sqrt(200 * 0.0475)


@pytest.mark.parametrize("times", [2.0, 5.0])
def test_it_comes_close_to_its_bound(times: float) -> None:
    """In events, half of the traffic each, as the informative part of the requests."""
    own = split.event_share(0.5, times - 1)

    assert delay(split.harm_bets(0.5, 0.0), 0.5, (own, 1 - own), 0.05, 400, 93).ratio <= 1.7


def test_one_request_of_each_side_is_no_better_where_errors_are_rare() -> None:
    """The e-variable of Turner, Ly and Grünwald, with the base rate known, against two counts."""
    base, worse, reps = 0.002, 0.01, 200
    odds = np.array([1.5, 2.0, 3.0, 5.0, 10.0])
    rng = np.random.default_rng(94)
    truth = np.array(
        [worse * base, worse * (1 - base), (1 - worse) * base, (1 - worse) * (1 - base)]
    )
    blocks = crossings(split.block_bets(base, odds), np.tile(truth, (reps, 1)), 0.05, 1e6, rng).pair
    counted = delay(
        split.harm_bets(0.5, 0.0),
        0.5,
        (worse / (worse + base), base / (worse + base)),
        0.05,
        reps,
        95,
    )

    requests = counted.mean / split.events(0.5, worse, base)[0] * (worse / (worse + base))
    assert requests <= 1.3 * 2 * float(blocks.mean())


@pytest.mark.parametrize("rate", [0.001, 0.02])
def test_equal_rates_cost_no_evidence_beyond_the_level(rate: float) -> None:
    """Turner, Ly and Grünwald's is an e-variable: its mean is at most 1 at any common rate."""
    odds = np.array([1.5, 2.0, 5.0])
    gains = np.exp(split.block_bets(0.005, odds).gains)
    chances = np.array([rate**2, rate * (1 - rate), (1 - rate) * rate, (1 - rate) ** 2])

    assert (chances @ gains <= 1 + 1e-12).all()


def test_pairing_gains_where_errors_are_shared() -> None:
    """Errors that strike both copies of a request: pairs need a fraction of the requests."""
    shared, own = 0.01, 0.002
    pairs = delay(paired.harm_bets(0.0), 0.0, (own, 0.0001, 1 - own - 0.0001), 0.05, 200, 96).mean
    candidate = (shared + own) / (2 * shared + own)
    events = delay(split.harm_bets(0.5, 0.0), 0.5, (candidate, 1 - candidate), 0.05, 200, 97).mean
    requests = events / ((2 * shared + own) / 2)

    assert requests >= 4 * pairs
