"""Labels: what turned out to be true, taken in by request id, seconds or days after the answer."""

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson

from models.errors import BadLabels

LAST_YEAR = 9999
"""Neither the first nor the last year: elsewhere a time may belong to no year at all."""


@dataclass(frozen=True, slots=True)
class Label:
    """The truth for one request, and when it was known (aware UTC)."""

    request_id: str
    label: float | str
    labelled_at: datetime

    def line(self) -> bytes:
        """One row of the label file."""
        at = self.labelled_at.isoformat(timespec="microseconds")
        row = {"request_id": self.request_id, "label": self.label, "labelled_at": at}
        return orjson.dumps(row) + b"\n"


def parse_label(entry: object) -> Label:
    """Check one label as posted or read; BadLabels says what would be right."""
    if not isinstance(entry, Mapping):
        raise BadLabels('a label is an object with "request_id", "label" and "labelled_at"')
    for key in ("request_id", "label", "labelled_at"):
        if key not in entry:
            raise BadLabels(f'"{key}" is missing')
    request_id = entry["request_id"]
    if not isinstance(request_id, str) or not request_id:
        raise BadLabels('"request_id" must be a text that is not empty')
    return Label(request_id, _truth(entry["label"]), _moment(entry["labelled_at"]))


def parse_labels(entries: Iterable[object]) -> list[Label]:
    """Check a batch; BadLabels for the first bad one, and for an id that comes twice."""
    labels: dict[str, Label] = {}
    for number, entry in enumerate(entries, start=1):
        try:
            label = parse_label(entry)
        except BadLabels as error:
            raise BadLabels(f"label {number}: {error}") from None
        if label.request_id in labels:
            raise BadLabels(f'label {number}: request_id "{label.request_id}" comes twice')
        labels[label.request_id] = label
    if not labels:
        raise BadLabels("there is no label in the list")
    return list(labels.values())


def read_labels(path: Path) -> list[Label]:
    """Read a JSONL file whole; BadLabels names the first bad line, and nothing is taken."""
    first_seen: dict[str, int] = {}
    labels = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            label = parse_label(orjson.loads(line))
        except orjson.JSONDecodeError as error:
            raise BadLabels(f"{path}, line {number}: not JSON ({error.msg})") from None
        except BadLabels as error:
            raise BadLabels(f"{path}, line {number}: {error}") from None
        before = first_seen.setdefault(label.request_id, number)
        if before != number:
            raise BadLabels(
                f'{path}, line {number}: request_id "{label.request_id}" is also in line {before}'
            )
        labels.append(label)
    if not labels:
        raise BadLabels(f"{path} holds no labels")
    return labels


def append_labels(path: Path, labels: Iterable[Label]) -> None:
    """Add a batch to a component's label file in one write; OSError when it did not fit."""
    content = b"".join(label.line() for label in labels)
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        if _ends_half(file):
            content = b"\n" + content
        written = os.write(file, content)
        if written < len(content):
            # Several servers append here, so a torn batch is not cut off but closed as a bad line.
            raise OSError(f"only {written} of {len(content)} bytes fit into {path}")
    finally:
        os.close(file)


def _ends_half(file: int) -> bool:
    size = os.fstat(file).st_size
    return size > 0 and os.pread(file, 1, size - 1) != b"\n"


def _truth(value: object) -> float | str:
    if isinstance(value, bool) or not isinstance(value, int | float | str) or value == "":
        raise BadLabels('"label" must be a number or a text')
    if isinstance(value, float) and not math.isfinite(value):
        raise BadLabels('"label" must be a finite number')
    return value if isinstance(value, str) else float(value)


def _moment(value: object) -> datetime:
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        at = None
    if at is None:
        raise BadLabels('"labelled_at" must be an ISO 8601 time such as 2026-01-31T12:00:00Z')
    if at.tzinfo is None:
        raise BadLabels(f'"labelled_at" {value} has no time zone; add Z for UTC')
    if not 1 < at.year < LAST_YEAR:
        raise BadLabels(f'"labelled_at" {value} is no time of a request')
    return at.astimezone(UTC)
