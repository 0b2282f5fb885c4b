"""What the servers of the version that serves write: counted by the second, joined to labels."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from models.join import failed, typed
from models.streams import LabelFile, RowFiles, no_rows

SECOND = 1_000_000
GRACE = SECOND
"""How long (us) after the timeout a request may still leave its row."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Integers = npt.NDArray[np.int64]
ANSWER = ("id", "at", "prediction")
LATEST = {"at": pl.Int64, "error": pl.Boolean}
TOLD = {
    "at": pl.Int64,
    "prediction": pl.String,
    "label": pl.String,
    "labelled_at": pl.Int64,
}


@dataclass(frozen=True, slots=True)
class Live:
    """The requests since the beginning, up to a moment before which none can still turn up.

    `requests`, `errors`, `slow` count by whole seconds since the beginning; `unfinished` are the
    requests and errors of the second in which that moment lies. `answers` has `at` and
    `labelled_at` in microseconds, `prediction` and `label` as numbers, texts as codes.
    """

    requests: Integers
    errors: Integers
    slow: Integers
    unfinished: tuple[int, int]
    answers: pl.DataFrame
    numbers: bool
    watermark_us: int


class LiveRows:
    """The rows of one version outside of shadows since a moment; rebuilt from the files at will.

    An error is a status from 500 or an answer after `timeout` seconds; slow is one after `slow_ms`.
    """

    def __init__(
        self,
        records: Path,
        version: str,
        since: datetime,
        *,
        timeout: float,
        slow_ms: float,
    ) -> None:
        self._since = (since - EPOCH) // timedelta(microseconds=1)
        self._timeout = timeout
        self._slow_ms = slow_ms
        self._rows = RowFiles(records / "traffic", version)
        self._labels = LabelFile(records / "labels.jsonl")
        self._counts = np.zeros((3, 0), dtype=np.int64)
        self._latest = pl.DataFrame(schema=LATEST)
        self._open = no_rows().select(ANSWER)
        self._told = pl.DataFrame(schema=TOLD)

    def read(self, now: datetime) -> Live:
        """Take in what was appended since the last time."""
        # A label is written after its row, so of the labels that were there before the rows were
        # read, one whose request is unknown belongs to another time.
        labels = self._labels.unread
        rows = self._rows.read().filter(pl.col("at") >= self._since)
        self._count(rows)
        self._open = pl.concat([self._open, rows.select(ANSWER)])
        for piece in self._labels.pieces(labels):
            self._join(piece.unique("id", keep="first", maintain_order=True))
        return self._live((now - EPOCH) // timedelta(microseconds=1))

    def _join(self, labels: pl.DataFrame) -> None:
        told = self._open.join(labels, on="id", how="inner")
        self._told = pl.concat([self._told, told.select(*TOLD)])
        self._open = self._open.join(labels, on="id", how="anti")

    def _count(self, rows: pl.DataFrame) -> None:
        if not rows.height:
            return
        second = ((rows["at"] - self._since) // SECOND).to_numpy()
        missing = int(second.max()) + 1 - self._counts.shape[1]
        if missing > 0:
            self._counts = np.pad(self._counts, ((0, 0), (0, missing)))
        ms, errors = rows["ms"].to_numpy(), failed(rows, self._timeout).to_numpy()
        latest = pl.DataFrame({"at": rows["at"], "error": errors}, schema=LATEST)
        self._latest = pl.concat([self._latest, latest])
        for kind, flags in enumerate((np.ones_like(errors), errors, ms > self._slow_ms)):
            self._counts[kind] += np.bincount(second[flags], minlength=self._counts.shape[1])

    def _live(self, now_us: int) -> Live:
        timeout_us = round(SECOND * self._timeout)
        watermark = self._rows.complete_until(now_us, timeout_us, GRACE)
        seconds = max(0, (watermark - self._since) // SECOND)
        counts = self._counts[:, :seconds]
        counts = np.pad(counts, ((0, 0), (0, seconds - counts.shape[1])))
        numbers = self._rows.numbers is not False
        nothing = [pl.lit(None, pl.String).alias("label"), pl.lit(None, pl.Int64)]
        unlabelled = self._open.with_columns(nothing[0], nothing[1].alias("labelled_at"))
        answers = pl.concat([self._told, unlabelled.select(*TOLD)])
        answers = answers.filter(pl.col("at") < watermark).sort("at", "labelled_at")
        requests, errors, slow = counts
        return Live(
            requests,
            errors,
            slow,
            self._unfinished(self._since + seconds * SECOND, watermark),
            _numbered(answers, numbers=numbers),
            numbers,
            watermark,
        )

    def _unfinished(self, begin: int, watermark: int) -> tuple[int, int]:
        """Requests and errors from the begin of a second up to the watermark."""
        # The watermark may step back by a timeout when another server's file turns up.
        kept = begin - round(SECOND * self._timeout) - GRACE
        self._latest = self._latest.filter(pl.col("at") >= kept)
        errors = self._latest.filter((pl.col("at") >= begin) & (pl.col("at") < watermark))["error"]
        return len(errors), int(errors.sum())


def _numbered(answers: pl.DataFrame, *, numbers: bool) -> pl.DataFrame:
    """Predictions and labels as numbers; texts as codes that are equal where the texts are."""
    if numbers:
        told = [typed(pl.col(name), numbers=True) for name in ("prediction", "label")]
        return answers.with_columns(*told)
    texts = pl.concat([answers["prediction"], answers["label"]])
    codes = texts.rank("dense").cast(pl.Float64)
    return answers.with_columns(
        codes.head(answers.height).alias("prediction"), codes.tail(answers.height).alias("label")
    )
