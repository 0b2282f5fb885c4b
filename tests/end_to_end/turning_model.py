"""`python turning_model.py DIRECTORY SWITCH`: v6.0.0, which is what the file SWITCH says it is.

The file holds one word and a share: "fail 0.5" fails on half of the requests, "slow 0.5" takes
80 ms for them, "wrong 1" forecasts ten times too much. Without the file all is well.
"""

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import cloudpickle
import numpy as np

from demo.forecasters import Floats
from demo.train import save

NAP = 0.08


@dataclass
class Turning:
    """One and the first feature, until its switch is thrown while it serves."""

    switch: str

    def predict(self, rows: Floats) -> Floats:
        """One forecast for each row."""
        forecast: Floats = 1 + np.asarray(rows)[:, 0]
        try:
            with open(self.switch) as file:
                word, share = file.read().split()
        except FileNotFoundError:
            return forecast
        if forecast[0] - 1 >= float(share):
            return forecast
        if word == "fail":
            raise RuntimeError("this forecast cannot be made")
        if word == "slow":
            time.sleep(NAP)
        return (10 if word == "wrong" else 1) * forecast


if __name__ == "__main__":
    save(Turning(sys.argv[2]), Path(sys.argv[1]), [0.5, 0.5], ["a", "b"], cloudpickle.dumps)
