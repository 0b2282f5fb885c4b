"""The files behind a shadow, each read as it grows: rows of servers, log of the proxy, labels."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from models.tail import PolarsType, Tail, frame_of
from models.wrote import wrote

ROW: dict[str, PolarsType] = {
    "id": pl.String,
    "at": pl.Float64,
    "status": pl.Int64,
    "ms": pl.Float64,
    "prediction": pl.String,
    "segment": pl.String,
    "mirrored": pl.Boolean,
    "open": pl.Float64,
}
NEEDED = ("id", "at", "status", "ms")
IS_ROW = pl.all_horizontal(pl.col(NEEDED).is_not_null())
ANNOUNCES = pl.col("open").is_not_null() & pl.all_horizontal(pl.col(NEEDED).is_null())
"""What a server says alone: since when none of its requests is open."""
PROXIED: dict[str, PolarsType] = {
    "id": pl.String,
    "status": pl.Int64,
    "flags": pl.String,
    "rollout": pl.String,
}
LABEL: dict[str, PolarsType] = {
    "request_id": pl.String,
    "label": pl.String,
    "labelled_at": pl.String,
}
NOT_SENT_FLAGS = ("UO", "UF", "UH", "NR", "NC")
"""The proxy's response flags for a copy that never reached a server: overflow, no connection,
no healthy host, no route, no cluster. Any other flag means that it was cut off on the way."""

PIECE = 32 * 2**20
"""Bytes of labels at a time: a component's file goes back to its first day."""

FIRST_PREDICTION = re.compile(rb'"prediction": ?(["0-9-])')


@dataclass(slots=True)
class RowFiles:
    """All rows that the servers of one side wrote, and how far they are known to be complete.

    `side` is a role in a shadow, a version outside of one.
    `numbers` says whether predictions are numbers (the first decides), None before there is one.
    """

    directory: Path
    side: str
    damaged: int = 0
    numbers: bool | None = None
    _tails: dict[Path, Tail] = field(default_factory=dict)
    _ends: dict[Path, tuple[int, int | None]] = field(default_factory=dict)

    def read(self) -> pl.DataFrame:
        """The rows that are new; `at` and `open` in microseconds since 1970."""
        for path in sorted(self.directory.glob(f"{self.side}-*.jsonl")):
            if self.side in wrote(path):
                self._tails.setdefault(path, Tail(path))
        return pl.concat([no_rows(), *(self._read_one(path) for path in self._tails)])

    def complete_until(self, now: int, timeout: int, grace: int) -> int:
        """The moment (us) before which no further arrival can turn up in any of the files.

        A file promises it with every line. One that makes no promise, or whose oldest request
        hangs, is complete once requests have timed out; one that fell silent is followed at a
        short distance, since its next request will be announced.
        """
        moments = [now]
        timed_out = now - timeout - grace
        for last, promised in self._ends.values():
            silent = last < timed_out
            moments.append(now - grace if silent else max(promised or 0, timed_out))
        return min(moments)

    def _read_one(self, path: Path) -> pl.DataFrame:
        lines = self._tails[path].take()
        if self.numbers is None and (first := FIRST_PREDICTION.search(lines)):
            self.numbers = first[1] != b'"'
        said, damaged = _said(lines)
        self.damaged += damaged
        if said.height:
            ended = said["at"] + (said["ms"] * 1000).cast(pl.Int64)
            written = ended.fill_null(said["open"]).max()
            assert isinstance(written, int)
            self._ends[path] = (written, said["open"][-1])
        return said.drop_nulls("id")


@dataclass(slots=True)
class ProxyLog:
    """What the proxy says about the copies of one rollout: `timeout`, `not_sent` or `answered`."""

    path: Path
    rollout_id: str
    damaged: int = 0
    _tail: Tail = field(init=False)

    def __post_init__(self) -> None:
        self._tail = Tail(self.path)

    def read(self) -> pl.DataFrame:
        """The copies that are new, as `id` and `trace`."""
        frame, damaged = frame_of(self._tail.take(), PROXIED, ("id", "rollout"))
        self.damaged += damaged
        flags = pl.col("flags").fill_null("-").str.split(",")
        unsent = flags.list.eval(pl.element().is_in(NOT_SENT_FLAGS)).list.any()
        cut_off = (pl.col("flags").fill_null("-") != "-") | (pl.col("status").fill_null(0) == 0)
        trace = pl.when(unsent).then(pl.lit("not_sent")).when(cut_off).then(pl.lit("timeout"))
        mine = frame.filter(pl.col("rollout") == self.rollout_id)
        return mine.select("id", trace.otherwise(pl.lit("answered")).alias("trace"))


@dataclass(slots=True)
class LabelFile:
    """The labels of a component, of this shadow and of all others."""

    path: Path
    damaged: int = 0
    _tail: Tail = field(init=False)

    def __post_init__(self) -> None:
        self._tail = Tail(self.path)

    @property
    def unread(self) -> int:
        """Bytes of labels that are new."""
        return self._tail.unread

    def pieces(self, size: int) -> Iterator[pl.DataFrame]:
        """The next `size` bytes of labels, a bounded piece at a time."""
        for start in range(0, size, PIECE):
            yield self._labels(self._tail.take(min(PIECE, size - start)))

    def read(self) -> pl.DataFrame:
        """All labels that are new, as `id`, `label` (text) and `labelled_at` in microseconds."""
        return self._labels(self._tail.take())

    def _labels(self, lines: bytes) -> pl.DataFrame:
        frame, damaged = frame_of(lines, LABEL, tuple(LABEL))
        at = pl.col("labelled_at").str.to_datetime(
            time_unit="us", time_zone="UTC", format="%+", strict=False
        )
        dated = frame.select(
            pl.col("request_id").alias("id"), "label", at.to_physical().alias("labelled_at")
        )
        whole = dated.drop_nulls()
        self.damaged += damaged + dated.height - whole.height
        return whole


def no_rows() -> pl.DataFrame:
    """A table of rows without any."""
    return _said(b"")[0]


def _said(lines: bytes) -> tuple[pl.DataFrame, int]:
    """Rows and, with all else null, announcements (`open` alone); how many lines were neither."""
    frame, damaged = frame_of(lines, ROW, ())
    moments = [
        (pl.col(name) * 1_000_000).round().cast(pl.Int64).alias(name) for name in ("at", "open")
    ]
    whole = frame.filter(IS_ROW | ANNOUNCES)
    return whole.with_columns(*moments), damaged + frame.height - whole.height
