"""In which order the files of a folder came, and that no request is in two of them.

Like `read.py` it opens files. Those that follow each other are counted one after the other; those
of several writers hold the same time, and are put into one order, of times and ids alone, first.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import polars as pl
import pyarrow as pa

from analysis import columns
from analysis.blocks import BATCH
from analysis.errors import BadInput
from analysis.read import unreadable
from analysis.row_groups import arrivals, opened, with_rows


@dataclass(frozen=True, slots=True)
class Span:
    """A file and when its first and its last row arrived, in microseconds."""

    path: Path
    first_us: int
    last_us: int


def spans_of(files: Sequence[Path]) -> list[Span]:
    """The files that hold rows, in order of arrival."""
    spans = []
    for file in files:
        parquet = opened(file)
        if groups := with_rows(parquet):
            first, last = arrivals(parquet, groups[0]), arrivals(parquet, groups[-1])
            spans.append(Span(file, int(first[0]), int(last.max())))
    return sorted(spans, key=lambda span: (span.first_us, span.last_us))


def overlap(spans: Sequence[Span]) -> bool:
    """Whether a file begins before the one ahead of it ended."""
    return any(one.last_us > other.first_us for one, other in pairwise(spans))


def require_apart(spans: Sequence[Span]) -> None:
    """No id is in two files within REACH rows of all; BadInput names the files."""
    seen = None
    for rows in _merged(spans):
        known = (rows if seen is None else pl.concat([seen, rows])).with_columns(
            row=pl.int_range(pl.len(), dtype=pl.Int64)
        )
        twice = known.filter(pl.col("request_id").is_duplicated()).with_columns(
            gap=pl.col("row").diff().over("request_id"),
            before=pl.col("file").shift(1).over("request_id"),
        )
        of_two = pl.col("before") != pl.col("file")
        found = twice.filter(of_two & (pl.col("gap") <= columns.REACH))
        if len(found):
            one, other = (spans[found[name][0]].path for name in ("before", "file"))
            raise BadInput(
                f"request_id {found['request_id'][0]!r} is in {one} and in {other}",
                "each request in one file of a folder",
            )
        seen = known.tail(columns.REACH).drop("row")


def _merged(spans: Sequence[Span]) -> Iterator[pl.DataFrame]:
    """Times and ids of all files in order of arrival, in memory of those that overlap."""
    waiting = deque(enumerate(spans))
    reading: list[tuple[Iterator[pl.DataFrame], pl.DataFrame]] = []
    while waiting or reading:
        ends = [int(rows["arrived_us"][-1]) for _, rows in reading]
        while waiting and waiting[0][1].first_us <= min(ends, default=waiting[0][1].first_us):
            batches = _batches(*waiting.popleft())
            rows = next(batches)
            reading.append((batches, rows))
            ends.append(int(rows["arrived_us"][-1]))
        until = min(ends)
        came = pl.col("arrived_us") <= until
        yield pl.concat([rows.filter(came) for _, rows in reading]).sort(
            "arrived_us", maintain_order=True
        )
        later = [(batches, rows.filter(~came)) for batches, rows in reading]
        reading = []
        for batches, rows in later:
            rest = rows if len(rows) else next(batches, None)
            if rest is not None:
                reading.append((batches, rest))


def _batches(number: int, span: Span) -> Iterator[pl.DataFrame]:
    try:
        for batch in opened(span.path).iter_batches(BATCH, columns=["arrived_at", "request_id"]):
            rows = pl.DataFrame(pl.from_arrow(batch.replace_schema_metadata(None)))
            if len(rows):
                arrived = pl.Series(columns.times(rows["arrived_at"]))
                yield rows.select("request_id", arrived_us=arrived, file=pl.lit(number))
    except (pa.ArrowException, OSError) as error:
        raise unreadable(span.path, error) from error
