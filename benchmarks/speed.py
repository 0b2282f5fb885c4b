"""Speed and memory of the judge on a million pairs, each beside a bare scan of the same columns."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.hosts import table

Row = dict[str, object]

MEASURE = """
import json, resource, sys, time
{body}
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({{"cpu": time.process_time(), "rss": used.ru_maxrss * 1024, "said": str(said)}}))
"""
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
        scanned = _child(SCAN, path, ",".join(names))
        for what, body in (("verdict", JUDGE), ("verdict and its report", REPORT)):
            made = _child(body, path)
            yield {
                "what": f"1,000,000 pairs from Parquet to the {what}",
                "came to": made["said"],
                "CPU s": made["cpu"],
                "peak RSS, MB": float(str(made["rss"])) / 1e6,
                "bare polars scan, CPU s": scanned["cpu"],
                "bare polars scan, peak RSS, MB": float(str(scanned["rss"])) / 1e6,
                "CPU ratio": float(str(made["cpu"])) / float(str(scanned["cpu"])),
                "RSS ratio": float(str(made["rss"])) / float(str(scanned["rss"])),
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


def _child(body: str, *arguments: object) -> dict[str, object]:
    """CPU seconds and peak memory of a fresh process, start of Python and imports included."""
    command = [sys.executable, "-c", MEASURE.format(body=body), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told: dict[str, object] = json.loads(done.stdout)
    return told
