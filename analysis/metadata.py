"""What a pair table says about itself: the two revisions it compares and how it was taken."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from analysis.errors import BadInput

SCHEMA_VERSION = "1"
DIGITS = 15
"""Of a count: more requests than that nobody has seen."""
REVISION_KEYS = ("component", "region", "baseline_revision", "candidate_revision")
TEXT_KEYS = (*REVISION_KEYS, "policy_digest")
COUNT_KEYS = ("left_out", "requests", "orphans")
METADATA_KEYS = (
    *REVISION_KEYS,
    "policy_digest",
    "mirror_fraction",
    "candidate_share",
    "schema_version",
    "watermark",
    *COUNT_KEYS,
)


@dataclass(frozen=True, slots=True)
class Metadata:
    """File metadata of any table; None where the writer said nothing."""

    component: str | None = None
    region: str | None = None
    baseline_revision: str | None = None
    candidate_revision: str | None = None
    policy_digest: str | None = None
    mirror_fraction: float | None = None
    schema_version: str | None = None
    watermark_us: int | None = None
    left_out: int = 0
    requests: int | None = None
    orphans: int = 0

    @property
    def revisions(self) -> dict[str, str] | None:
        """The component, the region and the two revisions; None unless all four are known."""
        known = {
            "component": self.component,
            "region": self.region,
            "baseline": self.baseline_revision,
            "candidate": self.candidate_revision,
        }
        stated = {name: value for name, value in known.items() if value is not None}
        return stated if len(stated) == len(known) else None


def metadata_of(raw: Mapping[str, object]) -> Metadata:
    """Check the known keys; keys of other writers (pandas, Arrow) are none of ours."""
    stated = {key: raw[key] for key in METADATA_KEYS if raw.get(key) not in (None, "")}
    version = str(stated.get("schema_version", SCHEMA_VERSION))
    if version != SCHEMA_VERSION:
        raise BadInput(
            f"metadata schema_version is {version}", f"this code reads version {SCHEMA_VERSION}"
        )
    counts = {key: _count(key, stated[key]) for key in COUNT_KEYS if key in stated}
    texts = {key: _text(key, stated[key]) for key in TEXT_KEYS if key in stated}
    return Metadata(
        **texts,
        schema_version=version if "schema_version" in stated else None,
        mirror_fraction=fraction("mirror_fraction", stated),
        watermark_us=_time(stated["watermark"]) if "watermark" in stated else None,
        left_out=counts.get("left_out", 0),
        requests=counts.get("requests"),
        orphans=counts.get("orphans", 0),
    )


def _text(key: str, value: object) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise BadInput(f"metadata {key} is {str(value)[:60]!r}", f"{key} must be a printable text")
    return value


def _count(key: str, value: object) -> int:
    text = str(value)[: DIGITS + 1]
    if not text.isascii() or not text.isdigit() or len(text) > DIGITS:
        raise BadInput(f"metadata {key} is {text!r}", f"{key} must be a whole number, 0 or more")
    return int(text)


def fraction(key: str, stated: Mapping[str, object]) -> float | None:
    """A fraction that the metadata states; None where it says nothing."""
    if stated.get(key) in (None, ""):
        return None
    number = pl.Series([str(stated[key])]).cast(pl.Float64, strict=False)[0]
    if number is None or not 0 <= number <= 1:
        raise BadInput(f"metadata {key} is {stated[key]!r}", "a fraction from 0 to 1")
    return float(number)


def _time(value: object) -> int:
    text = pl.Series([str(value)])
    parsed = text.str.to_datetime(time_unit="us", time_zone="UTC", strict=False).to_physical()[0]
    if parsed is None:
        raise BadInput(f"metadata watermark is {value!r}", "an ISO 8601 time in UTC")
    return int(parsed)
