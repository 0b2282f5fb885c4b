"""The data of the demo: the figures that everything else is held against."""

from functools import cache

import numpy as np
import pytest

from demo.features import FEATURES, PLACE
from demo.forecasters import Boosting, Ewma, Forecaster, HarRidge, Persistence
from demo.market import FLOOR, Floats, Market, accurate, load_market, volatility


@pytest.fixture(scope="module")
def market() -> Market:
    """The whole data set."""
    return load_market()


@cache
def right(name: str) -> Floats:
    """Which held-out requests a version gets right."""
    market = load_market()
    past = market.train
    models: dict[str, Forecaster] = {
        "persistence": Persistence(),
        "ewma": Ewma(),
        "har": HarRidge().fit(past.features, past.target),
        "boosting": Boosting().fit(past.features, past.target),
    }
    return accurate(models[name].predict(market.held_out.features), market.held_out.target)


def test_the_periods_are_apart_and_complete(market: Market) -> None:
    """Trained before 2010, asked from 2011: as many stock-days as were measured."""
    assert len(market.train.target) == 95_820
    assert len(market.held_out.target) == 59_940
    for sample in (market.train, market.held_out):
        assert sample.features.shape == (len(sample.target), len(FEATURES))
        assert np.isfinite(sample.features).all()
        assert (sample.target > 0).all()
        assert (sample.features[:, : PLACE["return_1"]] >= FLOOR).all()


@pytest.mark.parametrize(
    ("name", "accuracy"), [("persistence", 0.833), ("ewma", 0.861), ("har", 0.883)]
)
def test_the_accuracies_are_those_of_the_design(name: str, accuracy: float) -> None:
    """To the last digit that was written down."""
    assert round(float(right(name).mean()), 3) == accuracy


def test_boosting_is_the_most_accurate() -> None:
    """With fewer trees than were measured first, about as good."""
    assert right("boosting").mean() == pytest.approx(0.892, abs=0.003)


@pytest.mark.parametrize(
    ("baseline", "candidate", "only_baseline", "only_candidate"),
    [("ewma", "har", 1_416, 2_771), ("har", "persistence", 5_006, 2_002)],
)
def test_the_paired_counts_are_the_truth_that_verdicts_are_held_against(
    baseline: str, candidate: str, only_baseline: int, only_candidate: int
) -> None:
    """How often just one of two versions is right, over all held-out requests."""
    one, other = right(baseline), right(candidate)

    assert int((one & ~other).sum()) == only_baseline
    assert int((~one & other).sum()) == only_candidate


def test_features_know_nothing_of_the_future(market: Market) -> None:
    """The target is the 21-day volatility that the same stock shows 21 days later."""
    stocks = 20
    past = market.held_out.features[21 * stocks :, PLACE["vol_21"]]

    np.testing.assert_array_equal(market.held_out.target[: -21 * stocks], past)


def test_volatility_is_the_root_mean_square_plus_one_basis_point() -> None:
    """Undefined until there are enough days."""
    returns = np.array([[0.0], [0.03], [0.04]])

    found = volatility(returns, 2)[:, 0]

    assert np.isnan(found[:2]).all()
    assert found[2] == pytest.approx(np.sqrt((0.03**2 + 0.04**2) / 2) + FLOOR)


@pytest.mark.parametrize(
    ("ratio", "good"), [(1.0, True), (1.74, True), (1.76, False), (0.57, False)]
)
def test_accurate_means_within_the_factor_both_ways(ratio: float, good: bool) -> None:
    """Too high and too low by the same factor are equally wrong."""
    assert accurate(np.array([0.01 * ratio]), np.array([0.01]))[0] == good
