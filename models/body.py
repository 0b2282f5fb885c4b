"""From the bytes of a request to the values a model takes, or a sentence saying what is wrong."""

import math
from collections.abc import Sequence

import orjson

from models.signature import Feature

LARGEST_FLOAT = 3.4e38
"""Of 32 bits; a larger one would reach the model as infinity."""


class BadBody(Exception):
    """A request nobody can answer; `status` is its HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def parse_json(body: bytes) -> object:
    """The JSON value of a body; BadBody 400 when it is none."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadBody(400, f"the body is not JSON: {error.msg}") from None


def read_features(body: bytes, features: Sequence[Feature]) -> list[float | str | bool]:
    """The values of `{"features": {...}}` in the model's order; BadBody 400 or 422."""
    parsed = parse_json(body)
    given = parsed.get("features") if isinstance(parsed, dict) else None
    if not isinstance(given, dict):
        raise BadBody(400, 'the body must be {"features": {"name": value, ...}}')
    values = [_value(feature, given) for feature in features]
    if len(given) > len(features):
        unknown = min(given.keys() - {feature.name for feature in features})
        names = ", ".join(feature.name for feature in features)
        raise BadBody(422, f'unknown feature "{unknown[:80]}"; this model takes {names}')
    return values


def _value(feature: Feature, given: dict[str, object]) -> float | str | bool:
    try:
        value = given[feature.name]
    except KeyError:
        raise BadBody(422, f'feature "{feature.name}" is missing') from None
    if not feature.numeric:
        wanted = bool if feature.column_type == "boolean" else str
        if isinstance(value, wanted):
            return value
        raise BadBody(422, f'feature "{feature.name}" must be a {feature.column_type}')
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadBody(422, f'feature "{feature.name}" must be a finite number')
    if feature.column_type == "float" and abs(value) > LARGEST_FLOAT:
        raise BadBody(422, f'feature "{feature.name}" must fit into 32 bits')
    if feature.column_type in ("long", "integer"):
        return _whole(feature, value)
    return value


def _whole(feature: Feature, value: float) -> int:
    limit = 2**63 if feature.column_type == "long" else 2**31
    if value != int(value) or not -limit <= value < limit:
        raise BadBody(422, f'feature "{feature.name}" must be a whole number')
    return int(value)
