"""Texts on the axes of a plot stand at round values inside of it, few and evenly apart."""

from itertools import pairwise
from math import floor, isclose, log10

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.report_ticks import log_steps, steps


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
        (11.0, 19.0, []),
    ],
    ids=["short", "long", "between two"],
)
def test_a_log_axis_has_powers_of_ten(low: float, high: float, found: list[float]) -> None:
    """And 2 and 5 between them where there is room."""
    assert log_steps(low, high) == found
