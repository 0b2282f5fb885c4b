"""A digest of what a pair table says, the same for a frame, a Parquet file and a JSONL file."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict

import numpy as np
import polars as pl

from analysis.metadata import Metadata

SLICE = 65_536


def content_digest(columns: Iterable[pl.Series], about: Metadata) -> str:
    """SHA-256 over the metadata and the columns, texts or numbers, in the order given."""
    digest = hashlib.sha256(json.dumps(asdict(about), sort_keys=True).encode())
    for column in columns:
        digest.update(f"\n{column.name} ".encode())
        for begin in range(0, len(column), SLICE):
            digest.update(_bytes(column.slice(begin, SLICE)))
    return digest.hexdigest()


def _bytes(series: pl.Series) -> bytes:
    """Values of one slice; null is told apart from every value, lengths keep texts apart."""
    present = np.packbits(series.is_not_null().to_numpy()).tobytes()
    if series.dtype == pl.String:
        texts = series.fill_null("")
        joined: str = texts.str.join("").item()
        return present + texts.str.len_bytes().to_numpy().tobytes() + joined.encode()
    return present + series.cast(pl.Float64).fill_null(0.0).to_numpy().tobytes()
