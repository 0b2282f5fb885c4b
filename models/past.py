"""Latency of a version before it was judged: what its servers wrote outside of any shadow."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from models.streams import ROW
from models.tail import frame_of
from models.wrote import written_by

PAST_ROWS = 20_000
TAIL_BYTES = 8 * 2**20
"""Enough for twice that many rows."""


def baseline_p95(traffic: Path, version: str, at_least: int = 5000) -> float | None:
    """95th percentile in milliseconds of the last 20,000 good answers of a version.

    None with fewer than `at_least`: then there is no past to hold a candidate against.
    """
    return _p95(written_by(version, traffic.glob(f"{version}-*.jsonl*")), at_least)


def past_p95(records: Path, version: str, rollout_id: str, at_least: int) -> float | None:
    """The same at the moment of a promotion: outside of shadows and as baseline of this one."""
    outside = (records / "traffic").glob(f"{version}-*.jsonl*")
    shadowed = (records / rollout_id).glob(f"baseline-{version}-*.jsonl")
    return _p95(written_by(version, [*outside, *shadowed]), at_least)


def _p95(files: Sequence[Path], at_least: int) -> float | None:
    frames = [frame_of(_last_lines(path), ROW, ("at", "status", "ms"))[0] for path in files]
    if not frames:
        return None
    rows = pl.concat(frames).filter(pl.col("status") == 200).sort("at").tail(PAST_ROWS)
    if rows.height < at_least:
        return None
    return float(np.quantile(rows["ms"].to_numpy(), 0.95, method="higher"))


def _last_lines(path: Path) -> bytes:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - TAIL_BYTES))
        content = file.read()
    start = content.find(b"\n") + 1 if size > TAIL_BYTES else 0
    return content[start : content.rfind(b"\n") + 1]
