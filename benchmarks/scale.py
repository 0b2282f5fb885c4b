"""Many pairs from Parquet to the verdict: time and memory, beside what a bare scan of them costs.

Every figure is of a fresh process. The file is written in parts of a million rows, so that making
it takes no more memory than judging it; a row is 13 columns, of which the judge reads all.
"""

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from benchmarks.fresh import cost
from benchmarks.hosts import table

Row = dict[str, object]
PART = 1_000_000
ROW_GROUP = 131_072

JUDGE = """
from pathlib import Path
from analysis import judge, parse_policy
policy = parse_policy('[drift]\\nkind = "none"\\nreason = "benchmark"\\n')
said = judge(Path(sys.argv[1]), policy, blocks=True).decision
"""
SCAN = """
import pyarrow.parquet as pq
file = pq.ParquetFile(sys.argv[1], pre_buffer=False)
said = sum(batch.num_rows for batch in file.iter_batches(131_072))
"""
POLARS_SCAN = """
import polars as pl
frame = pl.scan_parquet(sys.argv[1])
names = frame.collect_schema().names()
said = frame.select(pl.col(names).is_null().sum()).collect(engine="streaming").height
"""
POLARS = """
import polars as pl
said = (
    pl.scan_parquet(sys.argv[1])
    .group_by("segment")
    .agg(pl.len(), (pl.col("candidate_status") >= 500).sum(),
         (pl.col("candidate_latency_ms") > 100).sum())
    .collect(engine="streaming").height
)
"""
DUCKDB = """
import duckdb
duckdb.sql("set enable_progress_bar = false")
said = len(duckdb.sql(
    "select segment, count(*), count(*) filter (candidate_status >= 500), "
    "count(*) filter (candidate_latency_ms > 100) "
    "from read_parquet('" + sys.argv[1] + "') group by 1"
).fetchall())
"""
RUNS = {
    "verdict, in blocks": JUDGE,
    "bare scan, pyarrow batches": SCAN,
    "bare scan, polars streaming": POLARS_SCAN,
    "group counts, polars": POLARS,
    "group counts, duckdb": DUCKDB,
}


def rows(full: bool) -> Iterator[Row]:
    """10M and 100M pairs; in short 1M. `python -m benchmarks.scale 10_000_000` measures others."""
    yield from measured((10_000_000, 100_000_000) if full else (1_000_000,))


def measured(sizes: tuple[int, ...]) -> Iterator[Row]:
    """Each run on a file of each size, with the ratio to the bare scan of the same size."""
    with tempfile.TemporaryDirectory() as folder:
        for n in sizes:
            path = Path(folder) / "pairs.parquet"
            written(path, n)
            bare = cost(SCAN, path)
            for what, body in RUNS.items():
                run = bare if body == SCAN else cost(body, path)
                yield {
                    "pairs": f"{n:,}",
                    "what": what,
                    "came to": run.said,
                    "wall s": run.wall_s,
                    "CPU s": run.cpu_s,
                    "peak RSS, MB": run.peak_mb,
                    "CPU / bare scan": run.cpu_s / bare.cpu_s,
                }


def written(path: Path, n: int) -> None:
    """A healthy shadow with labels at 1,000 requests a second."""
    writer, begin_us = None, 1_760_000_000_000_000
    for begin in range(0, n, PART):
        rng = np.random.default_rng([79, begin])
        rows = min(PART, n - begin)
        arrived = begin_us + np.cumsum(rng.exponential(1_000, rows)).astype(np.int64)
        begin_us = int(arrived[-1])
        read = _part(arrived, begin, rng).to_arrow()
        writer = writer or pq.ParquetWriter(path, read.schema, compression="zstd")
        writer.write_table(read, row_group_size=ROW_GROUP)
    if writer:
        writer.close()


def _part(arrived: np.ndarray, begin: int, rng: np.random.Generator) -> pl.DataFrame:
    n = len(arrived)
    common = rng.normal(0, 0.3, n)
    latency = [9 * np.exp(common + rng.normal(0, 0.15, n)) for _ in range(2)]
    label = np.exp(rng.normal(0, 1, n))
    wrong = rng.random((2, n)) < np.array([[0.139], [0.117]])
    return table(arrived, *latency).with_columns(
        request_id=pl.int_range(begin, begin + n).cast(pl.String).str.zfill(16),
        segment=pl.int_range(n).mod(7).cast(pl.String),
        baseline_prediction=pl.Series(label * np.where(wrong[0], 2.5, 1.1)),
        candidate_prediction=pl.Series(label * np.where(wrong[1], 2.6, 1.2)),
        candidate_outcome=pl.lit("answered"),
        label=pl.Series(label),
        labelled_at=pl.col("arrived_at") + pl.duration(seconds=3),
    )


if __name__ == "__main__":
    for row in measured(tuple(map(int, sys.argv[1:]))):
        print(json.dumps(row), flush=True)
