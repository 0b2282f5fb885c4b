"""Loading an MLflow model directory into something that answers one request at a time."""

import importlib
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import orjson

from models.errors import ModelFailure
from models.manifest import verify_digest
from models.signature import COLUMN_TYPES, Feature, described, features_of

WARM_UP_ATTEMPTS = 5


class ModelCode(AbstractContextManager[None]):
    """Runs foreign code: whatever exception the model raises becomes a ModelFailure."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, Exception | SystemExit) and not isinstance(error, ModelFailure):
            said = " ".join(str(error).split())[:500]
            raise ModelFailure(f"{self.what}: {type(error).__name__}: {said}") from error


@dataclass(frozen=True, slots=True)
class Predictor:
    """A loaded model: its inputs in order, and one prediction for one row of values."""

    features: tuple[Feature, ...]
    ask: Callable[[Any], Any]
    as_frame: bool

    def predict(self, values: Sequence[float | str | bool]) -> float | str:
        """Answer one request; ModelFailure when the model raises or answers with nothing usable."""
        with ModelCode("the model failed"):
            answer = np.ravel(self.ask(self._row(values)))
        if answer.size != 1:
            raise ModelFailure(f"the model gave {answer.size} predictions for one request")
        prediction = answer[0].item() if isinstance(answer[0], np.generic) else answer[0]
        if isinstance(prediction, str):
            return prediction
        if not isinstance(prediction, int | float) or not math.isfinite(prediction):
            raise ModelFailure(f"the model's prediction is {prediction!r}, no number and no text")
        return float(prediction)

    def _row(self, values: Sequence[float | str | bool]) -> Any:
        if not self.as_frame:
            return np.array([values], dtype=np.float64)
        import pandas

        return pandas.DataFrame(
            {
                feature.name: np.array([value], dtype=COLUMN_TYPES[feature.column_type])
                for feature, value in zip(self.features, values, strict=True)
            }
        )


def load_verified(directory: Path, manifest_sha256: str) -> Predictor:
    """Check every file, only then run the model's code, and predict once so that it is warm."""
    verify_digest(directory, manifest_sha256)
    with ModelCode(f"the model in {directory} cannot be loaded"):
        description = described(directory)
        predictor = _load(directory, description)
        _warm(predictor, _example(directory, description, predictor.features))
        return predictor


def _warm(predictor: Predictor, values: Sequence[float | str | bool]) -> None:
    """Predict once; a model that fails now and then is for the judge, one that always does not."""
    for attempt in range(WARM_UP_ATTEMPTS):
        try:
            predictor.predict(values)
        except ModelFailure:
            if attempt + 1 == WARM_UP_ATTEMPTS:
                raise
        else:
            return


def example(directory: Path) -> dict[str, float | str | bool]:
    """A request's features for this model: its own example, or blanks where it brings none."""
    with ModelCode(f"the model in {directory} cannot be read"):
        description = described(directory)
        features = features_of(description)
        values = _example(directory, description, features)
        return {feature.name: value for feature, value in zip(features, values, strict=True)}


def _load(directory: Path, description: Mapping[str, Any]) -> Predictor:
    features = features_of(description)
    flavor = description["flavors"].get("sklearn")
    if flavor is None:
        # Any other flavor goes through MLflow's own loader, which takes seconds to import.
        loader = importlib.import_module("mlflow.pyfunc")
        return Predictor(features, loader.load_model(str(directory)).predict, as_frame=True)
    model = _load_sklearn(directory, flavor)
    # Fitted on named columns, scikit-learn wants them back (and warns on every call without).
    named = hasattr(model, "feature_names_in_") or not all(f.numeric for f in features)
    return Predictor(features, model.predict, as_frame=named)


def _load_sklearn(directory: Path, flavor: Mapping[str, Any]) -> Any:
    if flavor.get("code"):
        sys.path.insert(0, str(directory / flavor["code"]))
    path = directory / flavor["pickled_model"]
    kind = flavor.get("serialization_format", "pickle")
    if kind == "skops":
        skops = importlib.import_module("skops.io")
        return skops.load(path, trusted=flavor.get("skops_trusted_types"))
    if kind == "joblib":
        return importlib.import_module("joblib").load(path)
    # Pickles of either sort are read by pickle; cloudpickle's need its module importable.
    with path.open("rb") as file:
        return importlib.import_module("pickle").load(file)


def _example(
    directory: Path, description: Mapping[str, Any], features: Sequence[Feature]
) -> list[float | str | bool]:
    saved = description.get("saved_input_example_info") or {}
    if saved.get("pandas_orient") != "split":
        return [feature.blank for feature in features]
    example = orjson.loads((directory / saved["artifact_path"]).read_bytes())
    row = dict(zip(example["columns"], example["data"][0], strict=True))
    return [row[feature.name] for feature in features]
