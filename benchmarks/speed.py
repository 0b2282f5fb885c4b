"""Speed and memory of the judge on a million pairs, each beside a bare scan of the same columns."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.fresh import cost
from benchmarks.hosts import table

Row = dict[str, object]

JUDGE = """
from pathlib import Path
from analysis import judge, parse_policy
policy = parse_policy('[drift]\\nkind = "none"\\nreason = "benchmark"\\n')
said = judge(Path(sys.argv[1]), policy).decision
"""
REPORT = """
from pathlib import Path
from flows.cli import answer
home = Path(sys.argv[1]).parent
policy = home / "policy.toml"
policy.write_text('[drift]\\nkind = "none"\\nreason = "benchmark"\\n')
page = home / "report.html"
answer(["judge", sys.argv[1], "--policy", str(policy), "--report", str(page)])
said = f"{page.stat().st_size / 1e6:.2f} MB"
"""
SCAN = """
import polars as pl
said = pl.read_parquet(sys.argv[1], columns=sys.argv[2].split(",")).height
"""


def rows(full: bool) -> list[Row]:
    """A million pairs from Parquet to the verdict and its page, beside a scan of the columns.

    The short run is the full one: it takes half a minute.
    """
    return list(_rows())


def _rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pairs.parquet"
        names = million(path)
        scanned = cost(SCAN, path, ",".join(names))
        for what, body in (("verdict", JUDGE), ("verdict and its report", REPORT)):
            made = cost(body, path)
            yield {
                "what": f"1,000,000 pairs from Parquet to the {what}",
                "came to": made.said,
                "CPU s": made.cpu_s,
                "peak RSS, MB": made.peak_mb,
                "bare polars scan, CPU s": scanned.cpu_s,
                "bare polars scan, peak RSS, MB": scanned.peak_mb,
                "CPU ratio": made.cpu_s / scanned.cpu_s,
                "RSS ratio": made.peak_mb / scanned.peak_mb,
            }


def million(path: Path, n: int = 1_000_000, row_group_size: int | None = None) -> list[str]:
    """A healthy shadow of a million pairs with labels; the names of its columns."""
    rng = np.random.default_rng(79)
    arrived = 1_760_000_000_000_000 + np.cumsum(rng.exponential(3_000, n)).astype(np.int64)
    common = rng.normal(0, 0.3, n)
    latency = [9 * np.exp(common + rng.normal(0, 0.15, n)) for _ in range(2)]
    label = np.exp(rng.normal(0, 1, n))
    wrong = rng.random((2, n)) < np.array([[0.139], [0.117]])
    frame = table(arrived, *latency).with_columns(
        request_id=pl.int_range(n).cast(pl.String).str.zfill(32),
        segment=pl.int_range(n).mod(7).cast(pl.String),
        baseline_prediction=pl.Series(label * np.where(wrong[0], 2.5, 1.1)),
        candidate_prediction=pl.Series(label * np.where(wrong[1], 2.6, 1.2)),
        candidate_outcome=pl.lit("answered"),
        label=pl.Series(label),
        labelled_at=pl.col("arrived_at") + pl.duration(seconds=3),
    )
    frame.write_parquet(path, row_group_size=row_group_size)
    return frame.columns
