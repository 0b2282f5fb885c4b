"""Daily prices of 20 large US stocks, 1990 to 2022, as features and targets.

The prices lie inside the skfolio wheel; nothing is downloaded and no copy is kept. Volatility is
the root mean square of daily log returns plus one basis point: prices are rounded, and some
stocks did not move for weeks. The target is the volatility of the next 21 trading days.
"""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from demo.features import FEATURES, MARKET_DAYS, RETURN_DAYS, VOLATILITY_DAYS

Floats = npt.NDArray[np.float64]

HORIZON = 21
HALF_LIFE = 10
FLOOR = 1e-4
FACTOR = 1.75
"""A forecast is accurate when it is within this factor of what happened."""

TRAINED_BEFORE, HELD_OUT_FROM = 2010, 2011


@dataclass(frozen=True, slots=True)
class Sample:
    """Stock-days: one row of features each, and the volatility that followed."""

    features: Floats
    target: Floats


@dataclass(frozen=True, slots=True)
class Market:
    """What models learn from, and what nobody has seen before it is asked for."""

    train: Sample
    held_out: Sample


def load_market() -> Market:
    """Read the prices; a day counts once it has 252 days of past, and 21 of future to compare."""
    found = importlib.util.find_spec("skfolio")
    assert found is not None
    assert found.submodule_search_locations is not None
    folder = Path(found.submodule_search_locations[0])
    prices = pl.read_csv(folder / "datasets/data/sp500_dataset.csv.gz", try_parse_dates=True)
    years = prices["Date"].dt.year().to_numpy()
    returns = np.zeros((prices.height, prices.width - 1))
    returns[1:] = np.diff(np.log(prices.drop("Date").to_numpy()), axis=0)
    features = _features(returns)
    target = np.full_like(returns, np.nan)
    target[:-HORIZON] = volatility(returns, HORIZON)[HORIZON:]
    complete = ~np.isnan(features).any(axis=(1, 2)) & ~np.isnan(target).any(axis=1)

    def sample(days: npt.NDArray[np.bool_]) -> Sample:
        chosen = days & complete
        return Sample(features[chosen].reshape(-1, len(FEATURES)), target[chosen].ravel())

    return Market(sample(years < TRAINED_BEFORE), sample(years >= HELD_OUT_FROM))


def volatility(returns: Floats, days: int) -> Floats:
    """Volatility over the last `days` days, by day and stock; NaN while there are too few."""
    squares = np.cumsum(returns**2, axis=0)
    result = np.full_like(returns, np.nan)
    result[days:] = np.sqrt(np.maximum(squares[days:] - squares[:-days], 0) / days) + FLOOR
    return result


def accurate(prediction: Floats, target: Floats) -> npt.NDArray[np.bool_]:
    """Which forecasts are within the factor."""
    within: npt.NDArray[np.bool_] = np.abs(np.log(prediction / target)) < np.log(FACTOR)
    return within


def _ewma(returns: Floats) -> Floats:
    keep = 0.5 ** (1 / HALF_LIFE)
    mean = np.zeros_like(returns)
    for day in range(1, len(returns)):
        mean[day] = keep * mean[day - 1] + (1 - keep) * returns[day] ** 2
    # The first days weigh as much as they would in an average without a beginning.
    weight = 1 - keep ** np.arange(len(returns))[:, None]
    result = np.full_like(returns, np.nan)
    result[1:] = np.sqrt(mean[1:] / weight[1:]) + FLOOR
    return result


def _features(returns: Floats) -> Floats:
    own = [volatility(returns, days) for days in VOLATILITY_DAYS]
    whole = [volatility(returns, days).mean(axis=1, keepdims=True) for days in MARKET_DAYS]
    market = [np.broadcast_to(column, returns.shape) for column in whole]
    recent = [_over(returns, days) for days in RETURN_DAYS]
    return np.stack([_ewma(returns), *own, *market, *recent], axis=-1)


def _over(returns: Floats, days: int) -> Floats:
    total = np.cumsum(returns, axis=0)
    result = np.full_like(returns, np.nan)
    result[days:] = total[days:] - total[:-days]
    return result
