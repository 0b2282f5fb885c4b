"""Each rule of others against a number that its authors, or the literature, have published."""

from math import log

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import ndtr

from rivals.argo import Limits, Phase, assess, measured
from rivals.dkw import constant, excess, radius
from rivals.flagger import DOCUMENTED, ticks
from rivals.group_sequential import boundaries
from rivals.kayenta import HIGH, PASS, QUANTILE, classify, score, shift_at
from rivals.peeking import mcnemar_z, shares_z
from rivals.pipecd import deviates
from rivals.ranks import binned_z, greater, u_statistic
from rivals.runbook import in_a_row

FAILED, ERROR, GOOD = Phase.FAILED, Phase.ERROR, Phase.SUCCESSFUL
UNSURE, RUNNING = Phase.INCONCLUSIVE, Phase.RUNNING


@pytest.mark.parametrize(
    ("measurements", "limits", "phase"),
    [
        pytest.param([FAILED] * 3, Limits(9, failures=3), RUNNING, id="third of limit 3"),
        pytest.param([FAILED] * 4, Limits(9, failures=3), FAILED, id="fourth of limit 3"),
        pytest.param([FAILED, GOOD] * 4, Limits(9, failures=3), FAILED, id="totals, not runs"),
        pytest.param([FAILED] * 9, Limits(9, failures=-1), GOOD, id="limit off"),
        pytest.param([ERROR] * 4, Limits(9), RUNNING, id="fourth error in a row"),
        pytest.param([ERROR] * 5, Limits(9), ERROR, id="fifth error in a row"),
        pytest.param([ERROR] * 4 + [GOOD] + [ERROR] * 4, Limits(9), RUNNING, id="errors broken"),
        pytest.param([UNSURE], Limits(9), UNSURE, id="inconclusive at once"),
        pytest.param([FAILED, UNSURE], Limits(9), UNSURE, id="a later rule overrides"),
        pytest.param([GOOD] * 9, Limits(9), GOOD, id="count reached"),
        pytest.param([GOOD] * 2, Limits(9, consecutive_successes=2), GOOD, id="successes"),
        pytest.param(
            [GOOD, FAILED] * 2, Limits(4, 9, consecutive_successes=2), UNSURE, id="both limits"
        ),
    ],
)
def test_argo_assesses_as_its_code_does(
    measurements: list[Phase], limits: Limits, phase: Phase
) -> None:
    """Defaults and limits of docs/features/analysis.md: 0 failures, 4 consecutive errors."""
    assert assess(measurements, limits) is phase


def test_argo_measures_nothing_as_an_error_and_nan_as_a_failure() -> None:
    """`result[0]` of no series is an error; NaN meets no condition."""
    assert measured(None, True) is ERROR
    assert measured(float("nan"), float("nan") <= 0.05) is FAILED
    assert measured(0.01, True) is GOOD


def test_flagger_takes_the_minutes_its_documentation_promises() -> None:
    """interval * maxWeight / stepWeight = 25 min to promote, interval * threshold = 10 to undo."""
    steps = DOCUMENTED.max_weight // DOCUMENTED.step_weight

    assert ticks([True] * 60, DOCUMENTED.threshold, steps) == (24, "PROMOTE")
    assert ticks([False] * 60, DOCUMENTED.threshold, steps) == (10, "ROLLBACK")
    assert ticks([True, False] * 60, DOCUMENTED.threshold, steps) == (20, "ROLLBACK")


SEVEN_OF_TEN = np.array([100.0] * 7 + [1.0] * 3)
FLAT = np.ones(10)


def test_kayenta_gives_the_numbers_of_its_issue_6278() -> None:
    """spinnaker#6278 prints lower limit and estimate; it passes 7 of 10 points at 100, not 8."""
    assert shift_at(SEVEN_OF_TEN, FLAT, QUANTILE) == pytest.approx(6.825022991538781e-5, rel=1e-12)
    assert shift_at(SEVEN_OF_TEN, FLAT, 0.0) == pytest.approx(98.99992904170193, rel=1e-15)
    assert classify(SEVEN_OF_TEN, FLAT) == PASS
    assert classify(np.array([100.0] * 8 + [1.0] * 2), FLAT) == HIGH


def test_kayenta_passes_the_sparse_errors_of_its_issue_426() -> None:
    """Errors in half of the minutes against none at all are a Pass, as reported there."""
    assert classify(np.array([0.0, 1.0, 2.0, 1.0, 0.0, 0.0]), np.zeros(6)) == PASS
    assert score([PASS, PASS, HIGH]) == 66.67


def test_kayenta_fails_identical_versions_whose_minutes_are_correlated() -> None:
    """Research note 5.5: cv 10 %, rho .8, three growing hours, 25.5 % of 400 runs."""
    rng = np.random.default_rng(3)
    failed = 0
    for _ in range(120):
        arms = [1 + 0.1 * _ar1(rng, 180, 0.8) for _ in range(2)]
        failed += any(classify(arms[0][:n], arms[1][:n]) == HIGH for n in (60, 120, 180))

    assert failed / 120 == pytest.approx(0.255, abs=0.09)


def _ar1(rng: np.random.Generator, n: int, rho: float) -> np.ndarray:
    values = rng.normal(0, 1, n)
    values[1:] *= np.sqrt(1 - rho**2)
    for index in range(1, n):
        values[index] += rho * values[index - 1]
    return values


SMALL = [np.array(s, dtype=float) for s in ([2, 1, 3, 5], [12, 11, 13, 15], [0, 4, 6, 7])]
LARGE = np.arange(500) * 2.0
SHIFTED = np.arange(600) * 2.0 - 41
TIED = np.concatenate([LARGE[:30], SHIFTED[30:]])


@pytest.mark.parametrize(
    ("first", "second", "u", "p"),
    [
        pytest.param(SMALL[0], SMALL[1], 0, 1.0, id="4 below 4"),
        pytest.param(SMALL[1], SMALL[0], 16, 0.014285714285714289, id="4 above 4"),
        pytest.param(SMALL[0], SMALL[2], 5, 0.8285714285714285, id="4 among 4"),
        pytest.param(LARGE, SHIFTED, 135250, 0.9975346930458906, id="500 and 600"),
        pytest.param(LARGE, TIED, 134845, 0.9980659818257166, id="500 and 600 with ties"),
    ],
)
def test_pipecd_gives_the_p_values_of_its_own_tests(
    first: np.ndarray, second: np.ndarray, u: float, p: float
) -> None:
    """U and one-sided p of mannwhitney_test.go, which were checked against R's wilcox.test."""
    assert u_statistic(first, second) == u
    assert greater(first, second, exact_up_to=50) == pytest.approx(p, rel=1e-9)


def test_pipecd_shares_no_level_between_its_looks() -> None:
    """Six looks at 20 points each, none correlated: 26 % (1 - .95 ** 6) of equal versions fail."""
    rng = np.random.default_rng(4)
    failed = np.mean(
        [any(deviates(*rng.normal(0, 1, (2, 20))) for _ in range(6)) for _ in range(400)]
    )

    assert failed == pytest.approx(1 - 0.95**6, abs=0.05)


@pytest.mark.parametrize(
    ("per_minute", "rate", "share"),
    [(10, 0.01, 0.39), (5, 0.01, 0.13), (20, 0.01, 0.016), (10, 0.02, 0.82), (100, 0.02, 0.014)],
)
def test_the_runbooks_error_rule_fires_on_healthy_services(
    per_minute: int, rate: float, share: float
) -> None:
    """More than 5 % in two minutes running, an hour of a healthy service: research note 5.5."""
    rng = np.random.default_rng(5)
    errors = rng.binomial(per_minute, rate, (4_000, 60)) / per_minute
    fired = np.mean([len(in_a_row(hour > 0.05, 2)) > 0 for hour in errors])

    assert fired == pytest.approx(share, abs=0.025)


def test_peeking_at_mcnemar_condemns_equal_versions() -> None:
    """Research note 5.2: .1 % of independent errors each, a million pairs: 41 % of repetitions."""
    rng = np.random.default_rng(6)
    only_one = rng.random((1_000, 2_000)) < 0.5
    condemned = np.mean([(mcnemar_z(~row, row) > 1.6449).any() for row in only_one])

    assert condemned == pytest.approx(0.407, abs=0.06)


@pytest.mark.parametrize(("shared", "share"), [(0.0, 0.407), (0.9, 0.0)], ids=["alone", "shared"])
def test_peeking_at_two_shares_condemns_equal_versions(shared: float, share: float) -> None:
    """Research note 5.2: 41 % of repetitions, two thousand errors on both sides together.

    Where both sides fail on the same requests it never speaks: what is shared counts as spread.
    """
    rng = np.random.default_rng(8)
    condemned = 0
    for _ in range(800):
        both = rng.random(100_000) < 0.01 * shared
        own, other = (both | (rng.random(100_000) < 0.01 * (1 - shared)) for _ in range(2))
        condemned += bool((shares_z(other, own) > 1.6449).any())

    assert condemned / 800 == pytest.approx(share, abs=0.08)


def test_peeking_at_mann_whitney_rejects_a_third_of_equal_versions() -> None:
    """Research note 5.3: two-sided, independent arms, every 100 of 10,000 values: .373.

    Netflix' part 1 reports 70 % for a look at every value.
    """
    rng = np.random.default_rng(7)
    rejected = 0
    for _ in range(250):
        arms = [_cumulated(rng.normal(0, 1, 10_000)) for _ in range(2)]
        rejected += bool((np.abs(binned_z(*arms)) > 1.96).any())

    assert rejected / 250 == pytest.approx(0.373, abs=0.08)


def _cumulated(values: np.ndarray, bins: int = 400) -> np.ndarray:
    """Counts by bin after every hundred values."""
    cell = np.clip((values + 5) / 10 * bins, 0, bins - 1).astype(int)
    look = np.arange(len(values)) // 100 * bins
    return np.bincount(look + cell, minlength=len(values) // 100 * bins).reshape(-1, bins).cumsum(0)


@pytest.mark.parametrize(
    ("alpha", "bounds"),
    [
        # Lan-DeMets, O'Brien-Fleming type, five looks; two-sided .05 is .025 on each side.
        pytest.param(0.025, (4.877, 3.357, 2.680, 2.290, 2.031), id=".025"),
        pytest.param(0.05, (4.229, 2.888, 2.298, 1.962, 1.740), id=".05"),
    ],
)
def test_the_group_sequential_boundaries_are_those_of_the_tables(
    alpha: float, bounds: tuple[float, ...]
) -> None:
    """As Reboussin, DeMets, Kim and Lan's program prints them."""
    assert boundaries(5, alpha) == pytest.approx(bounds, abs=0.0015)


@pytest.mark.parametrize(
    ("level", "wanted"), [(0.05, 8.12), (0.025, 8.62), (0.01, 9.28), (0.001, 10.94)]
)
def test_the_band_constants_are_those_of_confseq(level: float, wanted: float) -> None:
    """Solved from the theorem; the closed form of the paper, .8 log(1612 / level), lies above."""
    assert constant(level) == pytest.approx(wanted, abs=0.005)
    assert constant(level) <= 0.8 * log(1612 / level)


def test_the_bands_part_where_the_distance_exceeds_both_radii() -> None:
    """Normals d apart differ by 2 Phi(d / 2) - 1 at most, into which two radii of .025 must fit."""
    rng = np.random.default_rng(8)
    apart = 0.4
    needed = brentq(lambda n: 2 * radius(n, 0.025) - (2 * ndtr(apart / 2) - 1), 100, 1e6)
    delays = []
    for _ in range(40):
        arms = [_cumulated(rng.normal(mean, 1, 4_000)) for mean in (0.0, apart)]
        above = excess(*arms) > 0
        delays.append(100 * (int(above.argmax()) + 1))

    assert np.mean(delays) == pytest.approx(needed, rel=0.15)
