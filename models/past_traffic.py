"""The last answers of a version, as its servers wrote them, with the labels that came since."""

from pathlib import Path

import polars as pl

from models.past import PAST_ROWS, TAIL_BYTES
from models.streams import LABEL, ROW
from models.tail import PolarsType, frame_of
from models.wrote import written_by

WRITTEN = {name: ROW[name] for name in ("id", "at", "status", "ms", "prediction")}


def past_traffic(records: Path, version: str) -> pl.DataFrame:
    """The last 20,000 rows: at (epoch s), status, ms, prediction, label, delay of the label (s).

    Rows outside of shadows and those of the baseline in shadows; empty where there are none.
    """
    outside = (records / "traffic").glob(f"{version}-*.jsonl*")
    shadowed = records.glob(f"*/baseline-{version}-*.jsonl")
    rows = _rows(written_by(version, [*outside, *shadowed])).sort("at").tail(PAST_ROWS)
    # A shadow refuses labels that are older than their request, so nothing is planned with them.
    late = pl.when(pl.col("told") >= pl.col("at"))
    return rows.join(_labels(records / "labels.jsonl"), on="id", how="left").select(
        *("at", "status", "ms", "prediction"),
        late.then(pl.col("label")).alias("label"),
        late.then(pl.col("told") - pl.col("at")).alias("delay"),
    )


def _rows(files: list[Path]) -> pl.DataFrame:
    schema: dict[str, PolarsType] = dict(WRITTEN)
    frames = [frame_of(_tail(path), schema, ("id", "at", "status", "ms"))[0] for path in files]
    return pl.concat([pl.DataFrame(schema=schema), *frames])


def _labels(path: Path) -> pl.DataFrame:
    """The first label of each request among the last ones written."""
    lines = _tail(path) if path.is_file() else b""
    found = frame_of(lines, LABEL, tuple(LABEL))[0].unique("request_id", keep="first")
    moment = pl.col("labelled_at").str.to_datetime(
        time_unit="us", time_zone="UTC", format="%+", strict=False
    )
    told = moment.to_physical().cast(pl.Float64) / 1e6
    return found.select(pl.col("request_id").alias("id"), "label", told.alias("told"))


def _tail(path: Path) -> bytes:
    """The last whole lines of a file."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - TAIL_BYTES))
        content = file.read()
    start = content.find(b"\n") + 1 if size > TAIL_BYTES else 0
    return content[start : content.rfind(b"\n") + 1]
