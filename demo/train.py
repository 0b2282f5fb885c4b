"""Train the versions of the demo's price predictor and save them as MLflow model directories."""

import json
import pickle
import platform
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

from demo.features import FEATURES
from demo.forecasters import Boosting, Ewma, Failing, Forecaster, HarRidge, Persistence, Slow
from demo.market import Sample, load_market

NAME = "price-predictor"

VERSIONS: dict[str, tuple[str, Callable[[Sample], Forecaster]]] = {
    "v2.0.0": ("EWMA", lambda _: Ewma()),
    "v2.1.0": ("HAR ridge", lambda past: HarRidge().fit(past.features, past.target)),
    "v2.2.0": (
        "1 in 5 is 150 ms late",
        lambda past: Slow(HarRidge().fit(past.features, past.target), share=0.2, seconds=0.150),
    ),
    "v2.3.0": (
        "3 % errors",
        lambda past: Failing(HarRidge().fit(past.features, past.target), share=0.03),
    ),
    "v2.4.0": ("last month's range", lambda _: Persistence()),
    "v2.5.0": ("boosting, slower", lambda past: Boosting().fit(past.features, past.target)),
}
"""Release -> what it is, in words, and how to make it from the past."""


def train(directory: Path, versions: Iterable[str] | None = None) -> dict[str, Path]:
    """Make the given versions (all by default); release -> its model directory.

    The same versions trained twice are the same bytes.
    """
    past = load_market().train
    made = {}
    for release in VERSIONS if versions is None else versions:
        model = VERSIONS[release][1](past)
        made[release] = save(model, directory / release, past.features[-1].tolist())
    return made


def save(
    model: Forecaster,
    directory: Path,
    example: list[float],
    columns: Sequence[str] = FEATURES,
    pickled: Callable[[Forecaster], bytes] = pickle.dumps,
) -> Path:
    """Write what MLflow's own `save_model` would write, without its four seconds of import."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "model.pkl").write_bytes(pickled(model))
    split = {"columns": list(columns), "data": [example]}
    (directory / "input_example.json").write_text(json.dumps(split))
    requirements = [f"{package}=={version(package)}" for package in ("numpy", "scikit-learn")]
    (directory / "requirements.txt").write_text("\n".join([*requirements, ""]))
    # JSON is YAML, which is what MLflow reads here.
    (directory / "MLmodel").write_text(json.dumps(_description(columns), indent=2) + "\n")
    return directory


def _description(columns: Sequence[str]) -> dict[str, object]:
    inputs = [{"name": name, "type": "double", "required": True} for name in columns]
    return {
        "flavors": {
            "python_function": {
                "loader_module": "mlflow.sklearn",
                "model_path": "model.pkl",
                "predict_fn": "predict",
                "python_version": platform.python_version(),
            },
            "sklearn": {
                "code": None,
                "pickled_model": "model.pkl",
                "serialization_format": "pickle",
                "sklearn_version": version("scikit-learn"),
            },
        },
        "mlflow_version": version("mlflow"),
        "saved_input_example_info": {
            "artifact_path": "input_example.json",
            "pandas_orient": "split",
            "type": "dataframe",
        },
        "signature": {
            "inputs": json.dumps(inputs),
            "outputs": json.dumps([{"type": "double", "required": True}]),
            "params": None,
        },
    }


if __name__ == "__main__":
    for made, place in train(Path(sys.argv[1]), sys.argv[2:] or None).items():
        print(made, place)  # noqa: T201
