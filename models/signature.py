"""What a model says of itself in its MLmodel file: its inputs, read without running its code."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import yaml

from models.errors import Invalid, ModelFailure
from models.manifest import MODEL_FILE

# MLflow's column types and the numpy types that pass its schema enforcement.
COLUMN_TYPES = {
    "double": "float64",
    "float": "float32",
    "long": "int64",
    "integer": "int32",
    "boolean": "bool",
    "string": "object",
}


LOADED_FROM = ("pickled_model", "model_path", "data", "code")
"""What MLflow's flavors call the paths of their files."""


@dataclass(frozen=True, slots=True)
class Feature:
    """An input of a model; `column_type` is MLflow's word."""

    name: str
    column_type: str

    @property
    def numeric(self) -> bool:
        """Whether it takes a number."""
        return self.column_type not in ("boolean", "string")

    @property
    def blank(self) -> float | str | bool:
        """A value to warm up with where the model brings no example."""
        if self.column_type == "string":
            return ""
        return False if self.column_type == "boolean" else 0.0


def described(directory: Path) -> Mapping[str, Any]:
    """The MLmodel file of a model directory; ModelFailure where it names no flavors."""
    description = yaml.safe_load((directory / MODEL_FILE).read_text())
    if not isinstance(description, dict) or not isinstance(description.get("flavors"), dict):
        raise ModelFailure(f"{MODEL_FILE} in {directory} names no flavors")
    return description


def features_of(description: Mapping[str, Any]) -> tuple[Feature, ...]:
    """The named inputs of its signature, in order; ModelFailure where it has none."""
    signature = description.get("signature") or {}
    columns = orjson.loads(signature.get("inputs") or "[]")
    features = tuple(Feature(column.get("name", ""), column["type"]) for column in columns)
    if not features or not all(f.name and f.column_type in COLUMN_TYPES for f in features):
        raise ModelFailure(
            f"{MODEL_FILE} has no signature with named columns; save the model with signature="
        )
    return features


def require_whole(description: Mapping[str, Any], directory: Path) -> None:
    """ModelFailure where a file that the model is loaded from is not there."""
    for flavor in description["flavors"].values():
        for key in LOADED_FROM:
            named = flavor.get(key)
            if isinstance(named, str) and not (directory / named).exists():
                raise ModelFailure(f"{MODEL_FILE} names {named}, and there is none")


def require_servable(directory: Path) -> None:
    """Invalid unless a server can name the inputs of this model and finds its files."""
    try:
        description = described(directory)
        features_of(description)
        require_whole(description, directory)
    except ModelFailure as error:
        raise Invalid(f"{directory} cannot be served: {error}") from error
    except (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError) as error:
        said = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise Invalid(f"{directory} cannot be served: {MODEL_FILE}: {said}") from error
