"""What a component's servers wrote between two moments, of all versions, with the labels so far."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from models.join import typed
from models.streams import ANNOUNCES, IS_ROW, PIECE, ROW, LabelFile
from models.tail import PolarsType, Tail, frame_of
from models.wrote import wrote

WRITTEN: dict[str, PolarsType] = {
    name: ROW[name] for name in ("id", "at", "status", "ms", "prediction")
}


@dataclass(frozen=True, slots=True)
class Period:
    """Rows in order of arrival: version, at (epoch s), status, ms, prediction, label, labelled_at.

    Predictions and labels are numbers where `numbers`, else texts. The rows are complete from
    `reach` on (epoch s); what was before it was rotated away. None: nothing was.
    """

    rows: pl.DataFrame
    numbers: bool
    reach: float | None
    damaged: int


def read_period(records: Path, start: float, end: float) -> Period:
    """Requests that arrived in [start, end), epoch seconds: outside of shadows and as baseline."""
    frames, damaged = [], 0
    for path, version in _files(records, start):
        for frame, lost in _pieces(path):
            damaged += lost
            inside = frame.filter(pl.col("at").is_between(start, end, closed="left"))
            frames.append(inside.with_columns(pl.lit(version).alias("version")))
    empty = pl.DataFrame(schema={**WRITTEN, "version": pl.String})
    rows = pl.concat([empty, *frames]).sort("at", "id")
    labels = _labels(records / "labels.jsonl", rows.select("id"), start)
    joined = rows.join(labels, on="id", how="left", maintain_order="left")
    told, numbers = _typed(joined)
    return Period(told, numbers, _reach(records / "traffic"), damaged)


def pairs_between(file: Path, start: float, end: float) -> pl.DataFrame:
    """The answers of both sides in the pairs of a shadow that arrived in [start, end)."""
    arrived = pl.col("arrived_at").dt.epoch("ms") / 1000
    pairs = pl.read_parquet(
        file, columns=["arrived_at", "baseline_prediction", "candidate_prediction"]
    )
    return pairs.filter(arrived.is_between(start, end, closed="left")).drop_nulls()


def _files(records: Path, start: float) -> Iterator[tuple[Path, str]]:
    """Each file that may hold a row since then, with the version that wrote it."""
    outside = (records / "traffic").glob("*.jsonl*")
    for path in sorted([*outside, *records.glob("*/baseline-*.jsonl")]):
        if path.stat().st_mtime >= start:
            yield path, wrote(path)[1]


def _pieces(path: Path) -> Iterator[tuple[pl.DataFrame, int]]:
    """A file in bounded pieces."""
    tail = Tail(path)
    try:
        while tail.unread:
            yield _rows(tail.take(PIECE))
    finally:
        tail.close()


def _rows(lines: bytes) -> tuple[pl.DataFrame, int]:
    """The rows among these lines, and how many lines were neither a row nor an announcement."""
    frame, damaged = frame_of(lines, {**WRITTEN, "open": ROW["open"]}, ())
    known = frame.filter(IS_ROW | ANNOUNCES)
    return known.filter(IS_ROW).drop("open"), damaged + frame.height - known.height


def _labels(path: Path, ids: pl.DataFrame, start: float) -> pl.DataFrame:
    """The first label of each of these requests."""
    file = LabelFile(path)
    known = ids.unique()
    schema: dict[str, PolarsType] = {
        "id": pl.String,
        "label": pl.String,
        "labelled_at": pl.Int64,
    }
    found = [pl.DataFrame(schema=schema)]
    for piece in file.pieces(file.unread):
        recent = piece.filter(pl.col("labelled_at") >= start * 1e6)
        found.append(recent.join(known, on="id", how="semi"))
    return pl.concat(found).unique("id", keep="first", maintain_order=True)


def _typed(rows: pl.DataFrame) -> tuple[pl.DataFrame, bool]:
    """Answers as numbers where every prediction is one; a label that is none then is no label."""
    as_number = typed(pl.col("prediction"), numbers=True)
    lost = rows.select((as_number.is_null() & pl.col("prediction").is_not_null()).any()).item()
    if lost:
        return rows, False
    return rows.with_columns(typed(pl.col(n), numbers=True) for n in ("prediction", "label")), True


def _reach(traffic: Path) -> float | None:
    """The newest of the moments at which a file that was rotated begins."""
    begins = []
    for path in traffic.glob("*.jsonl.1"):
        with path.open("rb") as file:
            first, _ = frame_of(file.readline(), {"at": ROW["at"], "open": ROW["open"]}, ())
        moments = [told for name in ("at", "open") for told in first[name].drop_nulls()]
        if moments:
            begins.append(float(moments[0]))
    return max(begins, default=None)
