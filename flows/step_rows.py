"""What the proxy noted about the answers of an observed component, counted by version."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from cluster.local.route import cluster_name
from models.tail import Tail, frame_of
from rollout.release import StepCounts

NOTED = {
    "rollout": pl.String,
    "cluster": pl.String,
    "status": pl.Int64,
    "ms": pl.Float64,
    "at": pl.Float64,
}
CLIENT_LEFT = 0
"""The status of a request whose client did not wait: nobody's error."""


class StepRows:
    """The answers noted for one rollout; rebuilt from the file at will."""

    def __init__(self, log: Path, rollout_id: str) -> None:
        self._tail = Tail(log)
        self._rollout = rollout_id
        self._rows = pl.DataFrame(schema=NOTED)

    def read(self) -> None:
        """Take in what was appended since the last time."""
        lines = self._tail.take()
        read, _ = frame_of(lines, {**NOTED, "at": pl.String}, list(NOTED))
        new = read.with_columns(pl.col("at").cast(pl.Float64))
        ours = (pl.col("rollout") == self._rollout) & (pl.col("status") != CLIENT_LEFT)
        self._rows = pl.concat([self._rows, new.filter(ours)])

    def before(
        self, component: str, version: str, since: datetime, least: int
    ) -> tuple[int, float | None]:
        """Requests to a version since then, and the p95 (ms) of the first `least` of them."""
        ms = self._of(component, version, since)["ms"]
        if len(ms) < least:
            return len(ms), None
        p95 = ms.head(least).quantile(0.95, "higher")
        return len(ms), p95

    def counts(
        self, component: str, candidate: str, beside: str, since: datetime, slow_ms: float
    ) -> StepCounts:
        """The candidate's requests since then and those to the version beside it."""
        own, other = (self._of(component, version, since) for version in (candidate, beside))
        return StepCounts(
            requests=own.height,
            errors=_errors(own),
            slow=_slow(own, slow_ms),
            beside=other.height,
            errors_beside=_errors(other),
            slow_beside=_slow(other, slow_ms),
        )

    def _of(self, component: str, version: str, since: datetime) -> pl.DataFrame:
        named = pl.col("cluster") == cluster_name(component, version)
        return self._rows.filter(named & (pl.col("at") >= since.astimezone(UTC).timestamp()))


def _slow(rows: pl.DataFrame, slow_ms: float) -> int:
    return int((rows["ms"] > slow_ms).sum())


def _errors(rows: pl.DataFrame) -> int:
    return int((rows["status"] >= 500).sum())
