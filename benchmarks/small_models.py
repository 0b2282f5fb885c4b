"""`python -m benchmarks.small_models DIRECTORY`: versions so small that a rollout takes seconds.

Two that forecast alike, and three that fail or dawdle on a share of the requests which their
first feature decides, uniform between 0 and 1.
"""

import sys
import time
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import infer_signature
from sklearn.linear_model import LinearRegression

FEATURES = ["a", "b"]
NAPPING = 0.6


class Unreliable(LinearRegression):
    """Fails on the lowest values of its first feature, and takes 600 ms for the highest."""

    def __init__(self, failing: float, slow: float) -> None:
        super().__init__()
        self.failing = failing
        self.slow = slow

    def predict(self, rows: Any) -> Any:
        first = np.asarray(rows)[0, 0]
        if first < self.failing:
            raise RuntimeError("this forecast cannot be made")
        if first > 1 - self.slow:
            time.sleep(NAPPING)
        return super().predict(rows)


VERSIONS = {
    "v1.0.0": (LinearRegression(), 0.0),
    "v2.0.0": (LinearRegression(), 0.01),
    "v3.0.0": (Unreliable(failing=0.05, slow=0.0), 0.0),
    "v4.0.0": (Unreliable(failing=0.0, slow=0.2), 0.0),
    "v5.0.0": (Unreliable(failing=0.02, slow=0.0), 0.0),
}


def main(directory: Path) -> None:
    """Save every version as an MLflow model."""
    rows = pd.DataFrame(np.random.default_rng(1).random((100, 2)), columns=FEATURES)
    example = pd.DataFrame([[0.5, 0.5]], columns=FEATURES)
    for version, (model, shift) in VERSIONS.items():
        model.fit(rows, 1 + rows["a"] + shift)
        mlflow.sklearn.save_model(
            model,
            directory / version,
            signature=infer_signature(example, np.array([1.5])),
            input_example=example,
            serialization_format="cloudpickle",
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
