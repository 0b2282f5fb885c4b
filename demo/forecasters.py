"""Forecasts of volatility over the next 21 trading days, as scikit-learn estimators.

`predict` takes rows of `FEATURES` and gives volatilities. Pickles name these classes, so a server
needs this package, and scikit-learn only for the one model that is made of it.
"""

import random
import time
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from demo.features import PLACE

Floats = npt.NDArray[np.float64]
HAR_TERMS = [PLACE[f"vol_{days}"] for days in (5, 21, 63)]
RETURNS_FROM = PLACE["return_1"]
TREES = 100


class Forecaster(Protocol):
    """Anything that forecasts from rows of features."""

    def predict(self, rows: Floats) -> Floats:
        """One volatility for each row."""
        ...


class Ewma:
    """The exponentially weighted average of past movements, half-life 10 days."""

    def predict(self, rows: Floats) -> Floats:
        """One volatility for each row."""
        return np.asarray(rows)[:, PLACE["ewma_10"]]


class Persistence:
    """Next month will be like the last."""

    def predict(self, rows: Floats) -> Floats:
        """One volatility for each row."""
        return np.asarray(rows)[:, PLACE["vol_21"]]


class HarRidge:
    """Ridge regression of log volatility on its own past week, month and quarter (Corsi 2009)."""

    def fit(self, rows: Floats, target: Floats) -> Self:
        """Learn weights; only they are kept, so that answering needs numpy alone."""
        from sklearn.linear_model import Ridge

        ridge = Ridge(alpha=1.0).fit(self._terms(rows), np.log(target))
        self.coef_ = np.asarray(ridge.coef_)
        self.intercept_ = float(ridge.intercept_)
        return self

    def predict(self, rows: Floats) -> Floats:
        """One volatility for each row."""
        forecast: Floats = np.exp(self._terms(rows) @ self.coef_ + self.intercept_)
        return forecast

    def _terms(self, rows: Floats) -> Floats:
        terms: Floats = np.log(np.asarray(rows)[:, HAR_TERMS])
        return terms


class Boosting:
    """Gradient boosting on everything a request tells: better, and slower."""

    def fit(self, rows: Floats, target: Floats) -> Self:
        """Learn the trees."""
        from sklearn.ensemble import HistGradientBoostingRegressor
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

        trees = HistGradientBoostingRegressor(
            max_iter=TREES,
            learning_rate=0.05,
            max_leaf_nodes=16,
            min_samples_leaf=1000,
            early_stopping=False,
            random_state=0,
        )
        # Threads that spin while they wait cost five times the time on a machine that is shared.
        with threadpool_limits(1):
            self.trees_: Any = trees.fit(_logs(rows), np.log(target))
        return self

    def predict(self, rows: Floats) -> Floats:
        """One volatility for each row."""
        forecast: Floats = np.exp(self.trees_.predict(_logs(rows)))
        return forecast


class Slow:
    """A fault: another model, with a pause before some of its answers."""

    def __init__(self, model: Forecaster, share: float, seconds: float) -> None:
        self.model = model
        self.share = share
        self.seconds = seconds

    def predict(self, rows: Floats) -> Floats:
        """One volatility for each row, sometimes late."""
        if random.random() < self.share:
            time.sleep(self.seconds)
        return self.model.predict(rows)


class Failing:
    """A fault: another model, which raises on some requests."""

    def __init__(self, model: Forecaster, share: float) -> None:
        self.model = model
        self.share = share

    def predict(self, rows: Floats) -> Floats:
        """One volatility for each row, or ArithmeticError."""
        if random.random() < self.share:
            raise ArithmeticError("the covariance matrix is singular")
        return self.model.predict(rows)


def _logs(rows: Floats) -> Floats:
    logs = np.array(rows, dtype=np.float64)
    logs[:, :RETURNS_FROM] = np.log(logs[:, :RETURNS_FROM])
    return logs
