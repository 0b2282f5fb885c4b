"""Row groups of a Parquet file: those that hold rows, some columns of them, and its footer.

Like `read.py` it opens files.
"""

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.bets import Integers
from analysis.columns import times
from analysis.read import unreadable


def opened(file: Path) -> pq.ParquetFile:
    """The file with its footer; BadInput where it is none."""
    try:
        return pq.ParquetFile(file, pre_buffer=False)
    except (pa.ArrowException, OSError) as error:
        raise unreadable(file, error) from error


def with_rows(parquet: pq.ParquetFile) -> list[int]:
    """The numbers of the row groups that are not empty."""
    about = parquet.metadata
    return [at for at in range(about.num_row_groups) if about.row_group(at).num_rows]


def column(parquet: pq.ParquetFile, groups: Sequence[int], name: str) -> pl.Series:
    """One column of some row groups."""
    read = parquet.read_row_groups(list(groups), columns=[name])
    # What a writer says of the whole file need not be text, which polars takes it for.
    return pl.DataFrame(pl.from_arrow(read.replace_schema_metadata(None)))[name]


def arrivals(parquet: pq.ParquetFile, group: int) -> Integers:
    """When the rows of a row group arrived, in microseconds."""
    return times(column(parquet, [group], "arrived_at"))


def footer_digest(file: Path) -> str:
    """SHA-256 of the end of a file, which holds place, size and extremes of every column chunk."""
    try:
        with file.open("rb") as stream:
            stream.seek(-8, io.SEEK_END)
            size = int.from_bytes(stream.read(4), "little")
            stream.seek(-8 - size, io.SEEK_END)
            return hashlib.sha256(stream.read()).hexdigest()
    except OSError as error:
        raise unreadable(file, error) from error
