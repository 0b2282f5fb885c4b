"""`python turning_model.py DIRECTORY SWITCH`: v6.0.0, which is what the file SWITCH says it is.

The file holds one word and a share: "fail 0.5" fails on half of the requests, "slow 0.5" takes
80 ms for them, "wrong 1" forecasts ten times too much. Without the file all is well.
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
NAP = 0.08


class Turning(LinearRegression):
    """A linear forecast that goes bad while it serves."""

    def __init__(self, switch: str) -> None:
        super().__init__()
        self.switch = switch

    def predict(self, rows: Any) -> Any:
        try:
            with open(self.switch) as file:
                word, share = file.read().split()
        except FileNotFoundError:
            return super().predict(rows)
        if np.asarray(rows)[0, 0] >= float(share):
            return super().predict(rows)
        if word == "fail":
            raise RuntimeError("this forecast cannot be made")
        if word == "slow":
            time.sleep(NAP)
        return (10 if word == "wrong" else 1) * super().predict(rows)


def main(directory: Path, switch: str) -> None:
    """Save it as an MLflow model."""
    rows = pd.DataFrame(np.random.default_rng(1).random((100, 2)), columns=FEATURES)
    model = Turning(switch)
    model.fit(rows, 1 + rows["a"])
    mlflow.sklearn.save_model(
        model,
        directory,
        signature=infer_signature(rows.head(1), np.array([1.5])),
        input_example=rows.head(1),
        serialization_format="cloudpickle",
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
