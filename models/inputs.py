"""A sample of what a version was asked, so that a report can tell whether its inputs moved.

records/<component>/inputs/<version>-<instance>.jsonl, rotated like the rows of traffic.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import orjson

from models.rows import ROTATE_AT, RowFile
from models.signature import Feature
from models.wrote import written_by

FOLDER = "inputs"
EVERY = 1.0
"""Seconds between two requests that are kept: even in time, whatever the traffic."""

Value = float | str | bool


class Inputs:
    """Keeps the features of one request a second, beside the rows of one server process."""

    def __init__(self, records: Path, version: str, instance: str) -> None:
        self._path = records / FOLDER / f"{version}-{instance}.jsonl"
        self._file: RowFile | None = None
        self._next = 0.0

    def offer(self, at: float, features: Sequence[Feature], values: Sequence[Value]) -> None:
        """Keep these (epoch seconds), or not; OSError when the disk does not take them."""
        if at < self._next:
            return
        self._next = at + EVERY
        if self._file is None:
            self._file = RowFile(self._path, ROTATE_AT)
        told = {feature.name: value for feature, value in zip(features, values, strict=True)}
        self._file.append(orjson.dumps({"at": round(at, 3), "inputs": told}) + b"\n")


def past_inputs(
    records: Path, version: str, start: float, end: float
) -> Iterator[tuple[float, dict[str, Value]]]:
    """The kept requests of a version between two moments (epoch seconds), in no order."""
    for path in written_by(version, (records / FOLDER).glob(f"{version}-*.jsonl*")):
        if path.stat().st_mtime < start:
            continue
        with path.open("rb") as lines:
            for line in lines:
                try:
                    kept = orjson.loads(line)
                except orjson.JSONDecodeError:
                    # The half-written last line of a server that is at it, or of a crash.
                    continue
                if start <= kept["at"] < end:
                    yield kept["at"], kept["inputs"]
