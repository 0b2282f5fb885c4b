"""The exact p95 ratio: level, delay, every bin, and where other gates see a difference."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pair_tables import pairs, policy

from analysis import Outcome, judge
from analysis.bets import Trace
from analysis.blocks import EARLY, looks_of
from analysis.quantile_bets import GAINS, LOG_WEIGHTS, Q, _all_proven, follow_quantiles
from analysis.quantiles import binned, bins
from benchmarks.latencies import P95_MS, by_ratio, drawn, reference, spoken

BARE = "[gates.p95-ratio]\nfloor = 0\nfloor_ms = 0\n"
OWN_LEVEL = 0.05 * 0.0125


@pytest.mark.parametrize("change", ["equal", "faster median, equal p95"])
def test_equal_p95s_are_condemned_no_more_often_than_the_level(change: str) -> None:
    """Also where another part of the distribution differs."""
    assert spoken(by_ratio, change, 10_240, reps=100, seed=62).upper <= 0.055


@pytest.mark.parametrize("change", ["x1.2", "x1.5"])
def test_a_larger_p95_is_found_near_the_bound(change: str) -> None:
    """At the gate's own level, against the best bet at the bin where even that grows least."""
    bound = reference("p95-ratio", change, OWN_LEVEL, seed=63, n=100_000)

    found = spoken(by_ratio, change, round(20 * bound), 12, seed=64, level=OWN_LEVEL)

    assert found.share == 1.0
    assert found.mean <= 2.2 * bound


@given(u=st.floats(0, Q), v=st.floats(Q, 1.0), together=st.floats(0, 1), seed=st.integers(0, 2**16))
@settings(max_examples=60)
def test_no_bet_gains_where_the_p95_is_no_larger(
    u: float, v: float, together: float, seed: int
) -> None:
    """At the true bin U is at most q and V at least q: no joint distribution makes a bet grow."""
    both = max(0.0, u + v - 1) + together * (min(u, v) - max(0.0, u + v - 1))
    cells = np.array([both, u - both, v - both, 1 - u - v + both])

    assert (cells @ np.exp(GAINS) <= 1 + 1e-12).all()
    assert np.exp(LOG_WEIGHTS).sum() == pytest.approx(1.0)


def followed(y: np.ndarray, x: np.ndarray, looks: np.ndarray) -> Trace:
    """At a level of 5 %."""
    return follow_quantiles(binned(y), binned(x), looks, 0.05)


def by_hand(y: np.ndarray, x: np.ndarray) -> float:
    """The least over every bin there is, each with its own count of the four cells."""
    own, other = bins(y), bins(x)
    least = np.inf
    for j in range(min(own.min(), other.min()) - 1, max(own.max(), other.max()) + 2):
        u, v = own > j, other >= j
        cells = np.array([(u & v).sum(), (u & ~v).sum(), (~u & v).sum(), (~u & ~v).sum()])
        least = min(least, float(np.logaddexp.reduce(LOG_WEIGHTS + cells @ GAINS)))
    return least


@pytest.mark.parametrize("change", ["equal", "x1.2", "x1.5"])
def test_the_evidence_is_the_least_over_all_bins(change: str) -> None:
    """At every look, also at those where the bins around the p95s alone were examined first."""
    arms = drawn(1_500, change, np.random.default_rng(65))
    looks = np.arange(100, 1_501, 100)

    trace = followed(arms.candidate, arms.baseline, looks)

    told = [by_hand(arms.candidate[:n], arms.baseline[:n]) for n in looks]
    assert trace.drawn.log_e == pytest.approx(told)
    assert (trace.above[looks - 1] == (np.array(told) >= trace.threshold)).all()
    assert trace.bets.log_e(trace.counts) == pytest.approx(told[-1])


def test_the_full_scan_asks_every_bin() -> None:
    """A single bin below the threshold, wherever it lies, leaves the whole unproven."""
    arms = drawn(1_500, "x1.2", np.random.default_rng(69))
    own, other = bins(arms.candidate), bins(arms.baseline)
    least = min(own.min(), other.min()) - 1
    width = max(own.max(), other.max()) - least + 2
    edges = np.arange(least, least + width)[:, None]
    u, v = own > edges, other >= edges
    over = np.stack([u.sum(axis=1), v.sum(axis=1), (u & v).sum(axis=1)])[:, None]
    cells = np.stack([over[2], over[0] - over[2], over[1] - over[2]], axis=-1)[0]
    whole = np.concatenate([cells, 1_500 - cells.sum(axis=1, keepdims=True)], axis=1) @ GAINS
    evidence = np.logaddexp.reduce(LOG_WEIGHTS + whole, axis=1)

    for level in np.quantile(evidence, [0.0, 0.001, 0.01, 0.1, 0.5]):
        for threshold in (level - 1e-6, level + 1e-6):
            found = _all_proven(over, np.array([[1_500.0]]), threshold)[0]
            assert found == (evidence.min() >= threshold)


@settings(max_examples=15)
@given(seed=st.integers(0, 2**16), factor=st.sampled_from([0.125, 2.0, 1024.0]))
def test_units_do_not_matter_and_both_sides_cannot_win(seed: int, factor: float) -> None:
    """Doubling every latency shifts the bins; swapped arms never both prove."""
    arms = drawn(600, "x1.1", np.random.default_rng(seed))
    looks = np.array([300, 600])

    bare = followed(arms.candidate, arms.baseline, looks)
    scaled = followed(arms.candidate * factor, arms.baseline * factor, looks)
    swapped = followed(arms.baseline, arms.candidate, looks)

    assert scaled.log_e == pytest.approx(bare.log_e)
    assert not (bare.above & swapped.above).any()


def test_bins_are_narrow_and_in_order() -> None:
    """At most .8 % wide; nothing is below 0 and nothing beyond infinity."""
    values = np.geomspace(0.01, 1e5, 200_000)
    found = bins(values)

    edges = values[np.flatnonzero(np.diff(found)) + 1]
    assert (np.diff(found) >= 0).all()
    assert (edges[1:] / edges[:-1]).max() <= 1.0079
    assert bins(np.array([0.0]))[0] < found[0]
    assert bins(np.array([np.inf]))[0] > found[-1]


def test_the_gate_fails_on_a_larger_p95_and_passes_within_its_margin() -> None:
    """Without its floor x1.2 is harm; equal p95s are proven within 25 %."""
    slower = judge(pairs(8_000, seed=66, ratio=1.2), policy(BARE)).finding("p95-ratio")
    equal = judge(pairs(8_000, seed=67), policy(BARE)).finding("p95-ratio")

    assert slower.outcome is Outcome.FAIL
    assert slower.estimate.low is not None
    assert slower.estimate.high is not None
    assert slower.estimate.low < 0.2 < slower.estimate.high
    assert "% slower than that of the champion (+" in slower.reason
    assert equal.outcome is Outcome.PASS
    assert equal.safety is not None


def test_an_equal_p95_with_another_median_is_no_harm() -> None:
    """Rightly no FAIL, where the thresholds of all latencies do find one."""
    frame = pairs(20_000, seed=68)
    quick = pl.col("candidate_latency_ms") < 8
    slow = pl.when(quick).then(1.3 * pl.col("candidate_latency_ms"))
    frame = frame.with_columns(slow.otherwise("candidate_latency_ms").alias("candidate_latency_ms"))

    verdict = judge(frame, policy(BARE + "[gates.latency-thresholds]\nfloor = 0\nfloor_ms = 0\n"))

    assert verdict.finding("latency-thresholds").outcome is Outcome.FAIL
    assert verdict.finding("p95-ratio").outcome is Outcome.PASS


@pytest.mark.parametrize("n", [0, 1, EARLY[0][0] - 1])
def test_before_the_first_look_there_is_no_evidence(n: int) -> None:
    """A short, a constant and an empty record prove nothing."""
    same = np.full(n, P95_MS)

    trace = followed(same, same, looks_of(n))

    assert trace.log_e == 0.0
    assert trace.first() is None
    assert followed(np.full(5_000, 7.0), np.full(5_000, 7.0), looks_of(5_000)).log_e < 0
