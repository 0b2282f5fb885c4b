"""Row groups of a Parquet file: those that hold rows, and one column of them at a time.

Like `read.py` it opens files.
"""

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


def column(parquet: pq.ParquetFile, group: int, name: str) -> pl.Series:
    """One column of a row group."""
    return pl.DataFrame(pl.from_arrow(parquet.read_row_group(group, columns=[name])))[name]


def arrivals(parquet: pq.ParquetFile, group: int) -> Integers:
    """When the rows of a row group arrived, in microseconds."""
    return times(column(parquet, group, "arrived_at"))
