"""The pair table as this room writes it: schema of `analysis`, one file, whole or not at all."""

import os
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from analysis.metadata import SCHEMA_VERSION
from analysis.pairs import PAIR_SCHEMA

COLUMNS = tuple(PAIR_SCHEMA)


def write_pairs(path: Path, frame: pl.DataFrame, metadata: Mapping[str, str | int | float]) -> None:
    """Store the pairs of one shadow as Parquet with what they are about, in one rename."""
    about = {"schema_version": SCHEMA_VERSION, **metadata}
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        frame.select(COLUMNS).write_parquet(
            fresh, metadata={key: str(value) for key, value in about.items()}
        )
        os.replace(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)
