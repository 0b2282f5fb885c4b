"""Pairs as JSON lines: the one line about them, the rows in batches, how many there are.

Like `read.py` it opens files.
"""

import io
import json
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import polars as pl

from analysis.blocks import BATCH, MANY
from analysis.columns import times
from analysis.errors import NO_ROWS, BadInput, missing
from analysis.pairs import OPTIONAL, PAIR_SCHEMA, check_names
from analysis.requests import REQUEST_SCHEMA, is_split

SUFFIXES = (".jsonl", ".ndjson", ".json")
SHORTEST = 60
"""Bytes that a pair takes at least: an id, a time and their names; others may be left out."""
MARK = b"\xef\xbb\xbf"
"""What some editors put ahead of UTF-8."""
COLUMNS = PAIR_SCHEMA.keys() | REQUEST_SCHEMA.keys()
NULLABLE = tuple(
    name for name in PAIR_SCHEMA if name not in ("request_id", "arrived_at", *OPTIONAL)
)


def whole_file(path: Path) -> tuple[pl.DataFrame, Mapping[str, object]]:
    """All rows at once, with the file's metadata."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _unopened(path, error) from error
    head, _, rest = content.partition(b"\n")
    found = told_by(head, path)
    content = rest if found else content
    if not content.strip():
        raise BadInput(f"{path} has no rows", NO_ROWS)
    return _frame(content, path, 1 + bool(found)), found


def batches_of(path: Path) -> Iterator[pl.DataFrame]:
    """The rows, some at a time; what is no row names its line.

    A column that no row of a batch has is null there, as writers leave out what is not known yet.
    """
    seen: set[str] = set()
    try:
        with path.open("rb") as stream:
            _, number = _begin(stream, path)
            while lines := list(islice(stream, BATCH)):
                if any(line.strip() for line in lines):
                    frame = _frame(b"".join(lines), path, number)
                    seen.update(frame.columns)
                    yield frame if is_split(frame.columns) else _with_nulls(frame)
                number += len(lines)
    except OSError as error:
        raise _unopened(path, error) from error
    try:
        check_names(seen)
    except BadInput as error:
        raise BadInput(f"{path}: {error.message}", error.hint) from error


def _with_nulls(frame: pl.DataFrame) -> pl.DataFrame:
    absent = [name for name in NULLABLE if name not in frame.columns]
    return frame.with_columns(pl.lit(None).alias(name) for name in absent)


def extent_of(path: Path) -> tuple[Mapping[str, object], int, int]:
    """Metadata of the file, how many rows it has, and when the last of them arrived."""
    try:
        with path.open("rb") as stream:
            found, begin = _begin(stream, path)
            rows, last, at = 0, b"", 0
            for number, line in enumerate(stream, start=begin):
                if line.strip():
                    rows, last, at = rows + 1, line, number
    except OSError as error:
        raise _unopened(path, error) from error
    if not rows:
        raise BadInput(f"{path} has no rows", NO_ROWS)
    arrived = _object(last, path, at).get("arrived_at")
    try:
        last_us = int(times(pl.Series("arrived_at", [arrived], strict=False))[0])
    except BadInput as error:
        what = error.message.replace(", row 1:", ":")
        raise BadInput(f"{path}, line {at:,}: {what}", error.hint) from error
    return found, rows, last_us


def state_of(path: Path) -> tuple[int, ...]:
    """What tells whether a file was written between two looks: which one, its size, its time."""
    try:
        told = path.stat()
    except OSError as error:
        raise _unopened(path, error) from error
    return told.st_ino, told.st_size, told.st_mtime_ns


def more_than_many(path: Path) -> bool:
    """Whether there are more pairs than are judged one by one; counted in large files alone."""
    try:
        if path.stat().st_size <= MANY * SHORTEST:
            return False
        with path.open("rb") as stream:
            _, number = _begin(stream, path)
            row = stream.readline()
            if row.strip() and is_split(_object(row, path, number)):
                return False
            return sum(1 for line in stream if line.strip()) + 1 > MANY
    except OSError as error:
        raise _unopened(path, error) from error


def _begin(stream: BinaryIO, path: Path) -> tuple[Mapping[str, object], int]:
    """What a file says about itself, and the number of the line of its first row, which is next."""
    found = told_by(stream.readline(), path)
    if not found:
        stream.seek(0)
    return found, 1 + bool(found)


def _unopened(path: Path, error: OSError) -> BadInput:
    """A file that the system does not hand out."""
    if isinstance(error, FileNotFoundError):
        return missing(path)
    return BadInput(f"{path} cannot be read: {error.strerror}", "a readable file")


def told_by(line: bytes, path: Path) -> dict[str, Any]:
    """What the first line says about the file; nothing where it has a column of rows."""
    if line.startswith(MARK):
        raise BadInput(f"{path} begins with a byte-order mark", "UTF-8 without one")
    if not line.strip() or (first := _object(line, path, 1)).keys() & COLUMNS:
        return {}
    return first


def _frame(content: bytes, path: Path, begin: int) -> pl.DataFrame:
    """Lines from the one with the number `begin` on."""
    try:
        return pl.read_ndjson(io.BytesIO(content), infer_schema_length=None)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        for number, line in enumerate(content.split(b"\n"), start=begin):
            if line.strip():
                _object(line, path, number)
        raise BadInput(
            f"{path} cannot be read as JSON lines: {first_line(error)}",
            "one JSON object a line, each column of one type",
        ) from error


def _object(line: bytes, path: Path, number: int) -> dict[str, Any]:
    hint = "one JSON object a line; null where a value is missing, never NaN"
    try:
        value = json.loads(line, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path}, line {number:,}: {error}", hint) from error
    if not isinstance(value, dict):
        raise BadInput(f"{path}, line {number:,}: not an object", hint)
    return value


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is not a number in JSON")


def first_line(error: BaseException) -> str:
    """What went wrong, or at least its kind."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
