"""Texts on the axes of a plot stand at round values inside of it, few and evenly apart."""

from itertools import pairwise
from math import floor, isclose, log10

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.report_ticks import ends, log_steps, steps, tick_texts


@given(begin=st.floats(-100, 100), reach=st.floats(1e-6, 1e6), most=st.integers(2, 9))
def test_steps_are_round_few_and_inside(begin: float, reach: float, most: int) -> None:
    """At most as many gaps as asked for, all alike, each a 1, 2, 2.5 or 5 with zeros."""
    low, high = begin * reach, (begin + 1) * reach
    found = steps(low, high, most)
    rounding = 1e-9 * max(abs(low), abs(high), reach)

    assert all(low - rounding <= value <= high + rounding for value in found)
    assert len(found) <= most + 1
    gaps = [b - a for a, b in pairwise(found)]
    assert all(isclose(gap, gaps[0], rel_tol=1e-3) for gap in gaps)
    if gaps:
        lead = gaps[0] / 10.0 ** floor(log10(gaps[0]) + 1e-4)
        assert any(isclose(lead, told, rel_tol=1e-3) for told in (1, 2, 2.5, 5))


@pytest.mark.parametrize(
    ("low", "high", "most", "found"),
    [
        (0, 50.1, 6, [0, 10, 20, 30, 40, 50]),
        (0, 1, 4, [0, 0.25, 0.5, 0.75, 1]),
        (-0.013, 0.31, 4, [0, 0.1, 0.2, 0.3]),
        (3, 3, 5, []),
    ],
    ids=["minutes", "a share", "points", "no reach"],
)
def test_steps_of_axes_as_they_come(low: float, high: float, most: int, found: list[float]) -> None:
    """Three tenths are 0.3, as nobody reads 0.30000000000000004."""
    assert steps(low, high, most) == found


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [
        (1.8, 42.0, [2, 5, 10, 20]),
        (0.4, 9_000.0, [1, 10, 100, 1000]),
        (11.0, 19.0, [12, 14, 16, 18]),
        (1e-20, 1.0, [1e-20, 1e-17, 1e-14, 1e-11, 1e-8, 1e-5, 1e-2]),
    ],
    ids=["short", "long", "between two powers", "very long"],
)
def test_a_log_axis_has_round_values(low: float, high: float, found: list[float]) -> None:
    """Powers of ten, with 2 and 5 between them where there is room, and never none."""
    assert log_steps(low, high) == found


@pytest.mark.parametrize(
    ("at", "texts"),
    [
        ([0, 10, 20], ["0", "10", "20"]),
        ([0, 2.5, 5], ["0", "2.5", "5.0"]),
        ([95, 95.25, 95.5], ["95.00", "95.25", "95.50"]),
        ([-0.05, 0, 0.05], ["-0.05", "0", "0.05"]),
        ([1000, 1500, 2000], ["1,000", "1,500", "2,000"]),
        ([10_000, 10_010], ["10,000", "10,010"]),
        ([0.9996, 0.9998, 1.0], ["0.9996", "0.9998", "1.0000"]),
        ([1e12, 2e12], ["1.0e+12", "2.0e+12"]),
        ([3e-9, 4e-9], ["3.0e-09", "4.0e-09"]),
        ([7.25], ["7.25"]),
    ],
    ids=["whole", "half", "quarters", "signed", "thousands", "close", "near one", "huge", "tiny",
         "alone"],
)  # fmt: skip
def test_texts_tell_ticks_apart(at: list[float], texts: list[str]) -> None:
    """With as many decimals as the step between them has."""
    assert tick_texts(at) == texts


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [(0, 5, (0, 5)), (0, 0, (-0.05, 0.05)), (-40.0, -40.0, (-42, -38))],
    ids=["apart", "zero", "one value"],
)
def test_an_axis_always_has_a_length(low: float, high: float, found: tuple[float, float]) -> None:
    """Where all is one value there is room on both sides of it."""
    assert ends(low, high) == found
