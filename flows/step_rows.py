"""What the proxy noted about the answers of an observed component, counted by version."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from cluster.local.route import cluster_name
from flows.second_counts import SecondCounts
from models.tail import Tail, frame_of
from rollout.release import Side, StepCounts
from rollout.watching import Seen

NOTED = {
    "rollout": pl.String,
    "cluster": pl.String,
    "flags": pl.String,
    "status": pl.Int64,
    "ms": pl.Float64,
    "at": pl.Float64,
}
LEFT = pl.col("status") == 0
"""The client did not wait: nobody's error, and an answer that nobody got in time."""

PIECE = 16 * 2**20
"""Bytes at a time: whoever goes on with a watch finds all of it."""

CUT_OFF = ("UC", "UT", "UR", "UPE", "LR")
"""The version broke off or was too late, though the first bytes of an answer said 200."""


class StepRows:
    """The answers noted for one rollout, rebuilt from the file at will, and what is under way.

    `under_way` tells of a component and version how many requests wait for an answer now.
    """

    def __init__(self, log: Path, rollout_id: str, under_way: Callable[[str, str], int]) -> None:
        self._tail = Tail(log)
        self._rollout = rollout_id
        self._under_way = under_way
        self._rows = pl.DataFrame(schema=NOTED)
        self._watched: dict[str, SecondCounts] = {}

    def read(self) -> None:
        """Take in what was appended since the last time."""
        while lines := self._tail.take(PIECE):
            read, _ = frame_of(lines, {**NOTED, "at": pl.String}, list(NOTED))
            new = read.with_columns(pl.col("at").cast(pl.Float64))
            self._take(new.filter(pl.col("rollout") == self._rollout))

    def before(
        self, component: str, version: str, since: datetime, least: int, seconds: float
    ) -> tuple[int, float | None]:
        """Requests to a version since then, and the p95 (ms) of its first answers without errors.

        Of at least so many, over at least so many seconds: the same however late one looks.
        """
        answered = self._of(component, version, since).filter(~LEFT & ~_errors()).sort("at")
        whole = answered.filter(pl.col("at") >= _stamp(since) + seconds)
        if answered.height < least or whole.is_empty():
            return answered.height, None
        first = answered.head(max(least, answered.height - whole.height))
        return answered.height, first["ms"].quantile(0.95, "higher")

    def counts(
        self, component: str, candidate: str, beside: str, since: datetime, slow_ms: float
    ) -> StepCounts:
        """The candidate's requests since then and those to the version beside it."""
        own, other = (
            self._side(component, version, since, slow_ms) for version in (candidate, beside)
        )
        return StepCounts(own, other)

    def seen(self, component: str, version: str, since: datetime, slow_ms: float) -> Seen:
        """Requests to a version that serves by the second of their answer; its rows are let go."""
        name = cluster_name(component, version)
        if name not in self._watched:
            self._watched[name] = SecondCounts(_stamp(since), slow_ms)
            rows, self._rows = self._rows, self._rows.clear()
            self._take(rows)
        return self._watched[name].until(datetime.now(UTC).timestamp())

    def _take(self, rows: pl.DataFrame) -> None:
        """What is watched is counted at once: a watch is long, and its rows would fill memory."""
        for name, counts in self._watched.items():
            counts.add(_noted(rows.filter(pl.col("cluster") == name)))
        self._rows = pl.concat(
            [self._rows, rows.filter(~pl.col("cluster").is_in(list(self._watched)))]
        )

    def _side(self, component: str, version: str, since: datetime, slow_ms: float) -> Side:
        rows, under_way = self._of(component, version, since), self._under_way(component, version)
        slow, refused = pl.col("ms") > slow_ms, pl.col("status").is_between(400, 499)
        counted = rows.select(
            requests=(~LEFT).sum(),
            errors=(~LEFT & _errors()).sum(),
            refused=(refused & ~_errors()).sum(),
            slow=slow.sum(),
            unsure=(LEFT & ~slow).sum() + under_way,
            without=LEFT.sum() + under_way,
        )
        return Side(**counted.row(0, named=True))

    def _of(self, component: str, version: str, since: datetime) -> pl.DataFrame:
        named = pl.col("cluster") == cluster_name(component, version)
        return self._rows.filter(named & (pl.col("at") >= _stamp(since)))


def _noted(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows as they are counted by the second."""
    return rows.select("at", "ms", left=LEFT, error=~LEFT & _errors())


def _stamp(moment: datetime) -> float:
    return moment.astimezone(UTC).timestamp()


def _errors() -> pl.Expr:
    flags = pl.col("flags").str.split(",")
    return (pl.col("status") >= 500) | flags.list.eval(pl.element().is_in(CUT_OFF)).list.any()
