"""Versions so small that a rollout takes seconds.

`python -m flows.rehearsal.small_models DIRECTORY` saves them there.

Two that forecast alike, and three that fail or dawdle on a share of the requests which their
first feature decides, uniform between 0 and 1. A server loads them without scikit-learn; what
MLflow's own `save_model` wrote is loaded in the tests of the model room and in the demo.
"""

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import cloudpickle
import numpy as np

from demo.forecasters import Floats
from demo.train import save

FEATURES = ["a", "b"]
EXAMPLE = [0.5, 0.5]
NAPPING = 0.6


@dataclass
class Small:
    """One and the first feature; fails on its lowest values, and naps on the highest."""

    shift: float = 0.0
    failing: float = 0.0
    slow: float = 0.0

    def predict(self, rows: Floats) -> Floats:
        """One forecast for each row, as the first row decides."""
        first = np.asarray(rows)[:, 0]
        if first[0] < self.failing:
            raise RuntimeError("this forecast cannot be made")
        if first[0] > 1 - self.slow:
            time.sleep(NAPPING)
        forecast: Floats = 1 + self.shift + first
        return forecast


VERSIONS = {
    "v1.0.0": Small(),
    "v2.0.0": Small(shift=0.01),
    "v3.0.0": Small(failing=0.05),
    "v4.0.0": Small(slow=0.2),
    "v5.0.0": Small(failing=0.02),
}


def main(directory: Path) -> None:
    """Save every version; run as a script, its class goes into the file by value."""
    for version, model in VERSIONS.items():
        save(model, directory / version, EXAMPLE, FEATURES, cloudpickle.dumps)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
