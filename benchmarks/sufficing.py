"""When the evidence of a watch sufficed, recomputed from its rows and labels alone."""

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from analysis.triggers import State
from flows.site import Site
from flows.watch import Watcher, watcher
from models.join import typed
from models.live import EPOCH, SECOND, Live
from models.streams import LabelFile, RowFiles
from rollout.policy import Policy
from rollout.state import Rollout

FOREVER = 2**62


@dataclass
class Sufficing:
    """The records of one watch as they were at any moment, for its triggers to read again."""

    site: Site
    rollout: Rollout
    policy: Policy
    _eye: Watcher = field(init=False)
    _rows: pl.DataFrame = field(init=False)

    def __post_init__(self) -> None:
        self._eye = watcher(self.site, self.rollout, self.policy)
        records = self.site.home.records / self.rollout.component
        rows = RowFiles(records / "traffic", self.rollout.candidate.version).read()
        labels = LabelFile(records / "labels.jsonl").read().unique("id", keep="first")
        ended = (pl.col("at") + (pl.col("ms") * 1000).cast(pl.Int64)).alias("ended")
        rows = rows.filter(pl.col("at") >= self._since).with_columns(ended)
        told = rows.join(labels, on="id", how="left").sort("at", "labelled_at")
        numbers = [typed(pl.col(name), numbers=True) for name in ("prediction", "label")]
        self._rows = told.with_columns(*numbers)

    @property
    def _since(self) -> int:
        assert self.rollout.watch is not None
        return round((self.rollout.watch.since - EPOCH).total_seconds() * SECOND)

    def moment(self, after: float, before: float) -> float:
        """The first millisecond (epoch seconds) at which a trigger fires on what was written.

        Each at which there was something new is tried: a second that is under way may prove harm
        and, once it is over, not.
        """
        for now in self._changes(int(after * 1000), int(before * 1000)):
            if self._fires(now * 1000):
                return now / 1000
        raise AssertionError(f"the records do not show why it was undone: {self.rollout.reason}")

    def _changes(self, low: int, high: int) -> list[int]:
        """The milliseconds right after an arrival, an answer, a label or the end of a second."""
        said = [self._rows[name].drop_nulls().to_numpy() for name in ("at", "ended", "labelled_at")]
        seconds = np.arange(self._since, high * 1000, SECOND)
        found = np.unique(np.concatenate([*said, seconds]) // 1000 + 1)
        return [int(at) for at in found if low <= at <= high]

    def _fires(self, now: int) -> bool:
        live = self._live(now)
        readings = [*self._eye._rules(live), *self._eye._detectors(live)]
        return any(reading.state is State.FIRING for reading in readings)

    def _live(self, now: int) -> Live:
        """What a look at that very moment could have known."""
        written = self._rows.filter(pl.col("ended") <= now)
        under_way = self._rows.filter((pl.col("at") <= now) & (pl.col("ended") > now))["at"].min()
        watermark = min(now, under_way if isinstance(under_way, int) else FOREVER)
        second = ((written["at"] - self._since) // SECOND).to_numpy()
        seconds = max(0, (watermark - self._since) // SECOND)
        ms = written["ms"].to_numpy()
        errors = (written["status"].to_numpy() >= 500) | (ms > 1000 * self.policy.judging.timeout)
        slow = ms > self._eye.rows._slow_ms
        counted = second < seconds
        requests, bad, late = (
            np.bincount(second[flags & counted], minlength=seconds).astype(np.int64)
            for flags in (np.ones_like(errors), errors, slow)
        )
        open_second = (second == seconds) & (written["at"].to_numpy() < watermark)
        unfinished = int(open_second.sum()), int((open_second & errors).sum())
        unknown = pl.col("labelled_at") > now
        answers = written.filter(pl.col("at") < watermark).select(
            "at",
            "prediction",
            pl.when(unknown).then(None).otherwise(pl.col("label")).alias("label"),
            pl.when(unknown).then(None).otherwise(pl.col("labelled_at")).alias("labelled_at"),
        )
        return Live(requests, bad, late, unfinished, answers, True, watermark)
