"""A digest of what a pair table says, the same for a frame, a Parquet file and a JSONL file."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict

import numpy as np
import polars as pl

from analysis.bets import Flags
from analysis.metadata import Metadata

SLICE = 65_536


def content_digest(columns: Iterable[pl.Series], about: Metadata) -> str:
    """SHA-256 over the metadata and the columns, texts or numbers, in the order given."""
    digest = hashlib.sha256(json.dumps(asdict(about), sort_keys=True).encode())
    for column in columns:
        digest.update(f"\n{column.name} ".encode())
        present = _present(column)
        of = _texts if column.dtype == pl.String else _numbers
        for begin, values in zip(range(0, len(column), SLICE), of(column), strict=True):
            digest.update(np.packbits(present[begin : begin + SLICE]).tobytes())
            digest.update(values)
    return digest.hexdigest()


def _present(column: pl.Series) -> Flags:
    """Tells null apart from every value."""
    if not column.null_count():
        return np.ones(len(column), dtype=np.bool_)
    return column.is_not_null().to_numpy()


def _numbers(column: pl.Series) -> Iterator[bytes | memoryview]:
    """As floats of eight bytes, slice by slice."""
    for begin in range(0, len(column), SLICE):
        filled = column.slice(begin, SLICE).cast(pl.Float64)
        yield (filled.fill_null(0.0) if filled.null_count() else filled).to_numpy().data


def _texts(column: pl.Series) -> Iterator[bytes | memoryview]:
    """Lengths, which keep texts apart, then the texts, slice by slice."""
    filled = column.fill_null("") if column.null_count() else column
    lengths = filled.str.len_bytes().to_numpy()
    for begin in range(0, len(filled), SLICE):
        joined: str = filled.slice(begin, SLICE).str.join("").item()
        yield lengths[begin : begin + SLICE].tobytes() + joined.encode()
