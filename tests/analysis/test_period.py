"""A stretch of a model's life in numbers: shares, latencies, and how far samples moved."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.period import LEAST, against_floor, latencies, moved, share

SHARES = {
    "nothing": (0, 0, None),
    "none of many": (0, 10_000, (0.0, 0.0, 0.002)),
    "one in ten": (100, 1_000, (0.1, 0.06, 0.15)),
    "all": (50, 50, (1.0, 0.8, 1.0)),
}


@pytest.mark.parametrize(("events", "n", "wanted"), SHARES.values(), ids=SHARES.keys())
def test_a_share_has_its_interval(
    events: int, n: int, wanted: tuple[float, float, float] | None
) -> None:
    """The estimate lies inside; the ends lie where a few thousand requests put them."""
    told = share(events, n)
    if wanted is None:
        assert told is None
        return
    assert told is not None
    estimate, least, most = wanted
    assert told["estimate"] == pytest.approx(estimate)
    assert least <= told["low"] <= estimate <= told["high"] <= most


FLOORS = {
    "no labels": (0, 0, "unknown"),
    "surely above": (950, 1_000, "above"),
    "surely below": (700, 1_000, "below"),
    "at the floor": (850, 1_000, "not certain"),
    "above, but few": (9, 10, "not certain"),
}


@pytest.mark.parametrize(("right", "n", "side"), FLOORS.values(), ids=FLOORS.keys())
def test_the_floor_is_held_against_the_whole_interval(right: int, n: int, side: str) -> None:
    """A point above the floor says nothing; both ends have to."""
    assert against_floor(share(right, n), 0.85) == side


def test_latencies_have_open_ends_where_the_sample_is_small() -> None:
    """p99 of a hundred answers may lie beyond all of them, and says so."""
    told = latencies(np.arange(1.0, 101.0))
    assert told is not None
    assert [told[name]["value"] for name in ("p50", "p95", "p99")] == [50.0, 95.0, 99.0]
    assert told["p99"]["high"] is None
    assert latencies(np.zeros(0)) is None


def normal(mean: float, n: int = 2_000, seed: int = 1) -> list[float]:
    """Numbers around a mean."""
    return [float(one) for one in np.random.default_rng(seed).normal(mean, 1.0, n)]


MOVES = {
    "the same": (normal(0), normal(0, seed=2), "small"),
    "a little": (normal(0), normal(0.4, seed=2), "moderate"),
    "far": (normal(0), normal(2), "large"),
    "a constant that stays": ([3.0] * 500, [3.0] * 500, "small"),
    "a constant that moves up": ([3.0] * 500, [4.0] * 500, "large"),
    "a constant that moves down": ([3.0] * 500, [2.0] * 500, "large"),
    "the same words": (["a", "b"] * 500, ["b", "a"] * 400, "small"),
    "another word": (["a"] * 500, ["b"] * 500, "large"),
    "flags": ([True, False] * 500, [True] * 500, "large"),
    "too few": (normal(0), normal(9, n=LEAST - 1), "too few values"),
    "nothing": ([], [], "too few values"),
}


@pytest.mark.parametrize(("before", "now", "size"), MOVES.values(), ids=MOVES.keys())
def test_how_far_a_sample_moved(before: list[Any], now: list[Any], size: str) -> None:
    """Numbers, texts, flags and constants; fewer than a few hundred say nothing."""
    told = moved("a", before, now)
    assert told["size"] == size
    assert (told["before"], told["now"]) == (len(before), len(now))
    words = bool(before) and isinstance(before[0], str | bool)
    assert (told["ks"] is None) == (words or size == "too few values")


@given(st.lists(st.floats(-1e6, 1e6), min_size=LEAST, max_size=LEAST + 50))
def test_a_sample_has_not_moved_from_itself(values: list[float]) -> None:
    """PSI and KS distance of a sample with itself are nothing, ties or not."""
    told = moved("a", values, values)
    assert told["psi"] == pytest.approx(0.0, abs=1e-12)
    assert told["ks"] == pytest.approx(0.0, abs=1e-12)
