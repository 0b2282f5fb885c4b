"""The classical tests of the report agree with scipy's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analysis.report_classical import (
    fisher_exact,
    kolmogorov_smirnov,
    mann_whitney,
    sign_test,
)

SIDES = st.lists(st.integers(0, 12).map(float), min_size=2, max_size=40)


@given(b=st.integers(0, 300), c=st.integers(0, 300))
def test_the_sign_test_is_exact(b: int, c: int) -> None:
    """As the binomial test of scipy; nothing on either side says nothing."""
    expected = stats.binomtest(b, b + c).pvalue if b + c else 1.0
    assert sign_test(b, c) == pytest.approx(expected, rel=1e-9)


@given(n=st.integers(1, 400), bad=st.data())
def test_fishers_test_is_exact(n: int, bad: st.DataObject) -> None:
    """As scipy's, for two arms of one size."""
    own, other = (bad.draw(st.integers(0, n)) for _ in range(2))
    expected = stats.fisher_exact([[own, n - own], [other, n - other]]).pvalue
    assert fisher_exact(own, other, n) == pytest.approx(expected, rel=1e-6)


@given(x=SIDES, y=SIDES)
def test_ranks_are_compared_as_by_scipy(x: list[float], y: list[float]) -> None:
    """Ties and arms of two sizes included; where all is tied, nothing differs."""
    if len({*x, *y}) == 1:
        assert mann_whitney(np.array(x), np.array(y)) == (0.5, 1.0)
        return
    expected = stats.mannwhitneyu(x, y, method="asymptotic")
    larger, value = mann_whitney(np.array(x), np.array(y))
    assert larger == pytest.approx(expected.statistic / len(x) / len(y))
    assert value == pytest.approx(expected.pvalue, rel=1e-9)


def test_distributions_are_compared_as_by_scipy() -> None:
    """The distance is scipy's; its p-value is that of many values, which scipy's comes close to."""
    rng = np.random.default_rng(83)
    x, y = rng.normal(0, 1, 40_000), rng.normal(0.012, 1, 40_000)
    expected = stats.ks_2samp(x, y, method="asymp")
    apart, value = kolmogorov_smirnov(x, y)
    assert apart == pytest.approx(expected.statistic)
    assert value == pytest.approx(expected.pvalue, abs=0.002)


@pytest.mark.parametrize(("bad", "other", "n"), [(60_000, 61_000, 10**6), (5_000, 5_500, 10**5)])
def test_many_errors_are_compared_as_by_scipy(bad: int, other: int, n: int) -> None:
    """Only tables near what was seen, or likely, are added up; the others are never seen."""
    expected = stats.fisher_exact([[bad, n - bad], [other, n - other]]).pvalue
    assert fisher_exact(bad, other, n) == pytest.approx(expected, rel=1e-6, abs=0)
    signs = stats.binomtest(bad, bad + other).pvalue
    assert sign_test(bad, other) == pytest.approx(signs, rel=1e-6, abs=0)
