"""Shadow records: what the servers and the proxy wrote, joined into pairs by request id.

The table only grows at its end, in order of arrival, so whoever judged a part of it has judged
the beginning of the whole; labels alone are filled in later.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from models.join import NOT_SENT, TIMEOUT, TRACES, pairs_of, settled, settled_none
from models.pairs import write_pairs
from models.past import baseline_p95
from models.streams import LabelFile, ProxyLog, RowFiles, no_rows
from models.truths import Truths

__all__ = ["Shadow", "ShadowRecords", "baseline_p95", "write_pairs"]

SECOND = 1_000_000
GRACE = SECOND
"""How long (us) after the timeout a copy may still leave a trace, written and flushed."""

RECENTLY = timedelta(seconds=10)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CHUNKS = 64
"""Looks between two copies of the whole table."""


@dataclass(frozen=True, slots=True)
class Shadow:
    """The pairs of a shadow so far and what is not in them.

    requests: answered by the baseline; left_out: of these, not chosen for mirroring; pending:
    chosen, but not settled; orphans: copies without a request, and ids used twice at a time;
    not_sent, timeouts: outcomes in `pairs`; late: turned up after their place in the table was
    passed; labels_refused: contradictory, or older than their request; damaged: unusable lines.
    """

    pairs: pl.DataFrame
    requests: int
    left_out: int
    pending: int
    orphans: int
    not_sent: int
    timeouts: int
    late: int
    labels_refused: int
    damaged: int

    def requests_per_second(self, now: datetime) -> float:
        """Pairs that arrived within the last ten seconds, per second."""
        if not self.pairs.height:
            return 0.0
        arrived = self.pairs["arrived_at"]
        first = max(arrived[0], now - RECENTLY)
        recent = int((arrived >= first).sum())
        seconds: float = (now - first).total_seconds()
        return recent / max(seconds, 1.0)


class ShadowRecords:
    """The growing pair table of one rollout; it can be rebuilt from the files at any time."""

    def __init__(
        self, directory: Path, labels: Path, proxy_log: Path, rollout_id: str, timeout: float
    ) -> None:
        self.directory = directory
        self._timeout = round(timeout * SECOND)
        self._baseline = RowFiles(directory, "baseline")
        self._candidate = RowFiles(directory, "candidate")
        self._proxy = ProxyLog(proxy_log, rollout_id)
        self._label_file = LabelFile(labels)
        self._truths = Truths()
        self._waiting = no_rows()
        self._copies = no_rows()
        self._traces = pl.DataFrame(schema=TRACES)
        self._pairs: list[pl.DataFrame] = []
        self._last = 0
        self._left_out = self._orphans = self._ambiguous = self._late = 0

    def read(self) -> None:
        """Take in what was appended since the last time."""
        # A label is written after its row, so of the labels that were there before the rows were
        # read, one whose request is unknown belongs to another shadow.
        labels = self._label_file.unread
        rows = self._baseline.read()
        chosen = rows.filter(pl.col("mirrored"))
        self._left_out += rows.height - chosen.height
        self._waiting = pl.concat([self._waiting, self._truths.unplaced(chosen)])
        for piece in self._label_file.pieces(labels):
            self._truths.take(piece)
        self._copies = pl.concat([self._copies, self._candidate.read()])
        new = self._proxy.read().with_columns(pl.lit(None, pl.Int64).alias("since"))
        self._traces = pl.concat([self._traces, new])

    def shadow(self, now: datetime) -> Shadow:
        """The pairs settled by `now`, of what was read."""
        moment = (now - EPOCH) // timedelta(microseconds=1)
        complete = self._baseline.complete_until(moment, self._timeout, GRACE)
        arrived = pl.col("at") < complete
        ready = self._in_order(self._waiting.filter(arrived))
        joined = settled(
            ready, self._copies, self._traces, now=moment, timeout=self._timeout, grace=GRACE
        )
        self._append(joined)
        self._waiting = pl.concat([ready.slice(joined.height), self._waiting.filter(~arrived)])
        self._forget(moment)
        pairs, refused = self._truths.label(self._table(), moment, numbers=self._numbers)
        outcomes = pairs["candidate_outcome"]
        dropped = self._ambiguous + self._late
        return Shadow(
            pairs=pairs,
            requests=self._left_out + pairs.height + self._waiting.height + dropped,
            left_out=self._left_out,
            pending=self._waiting.height,
            orphans=self._orphans + self._ambiguous,
            not_sent=int((outcomes == NOT_SENT).sum()),
            timeouts=int((outcomes == TIMEOUT).sum()),
            late=self._late,
            labels_refused=refused,
            damaged=sum(
                source.damaged
                for source in (self._baseline, self._candidate, self._proxy, self._label_file)
            ),
        )

    @property
    def _numbers(self) -> bool:
        return self._baseline.numbers is not False

    def _in_order(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Waiting rows by arrival, without those that can have no place in the table.

        Of several attempts at one request the first that ended counts: a row that was judged
        cannot be replaced by a later attempt. An id with two copies is two requests at a time.
        """
        late = rows.filter(pl.col("at") < self._last)
        twice = self._copies.filter(pl.col("id").is_duplicated())["id"].unique()
        rows = rows.filter(pl.col("at") >= self._last).sort("at", "id")
        rows = rows.unique("id", keep="first", maintain_order=True)
        mixed = rows.filter(pl.col("id").is_in(twice))
        self._late += late.height
        self._ambiguous += mixed.height
        self._truths.drop([*late["id"], *mixed["id"]])
        return rows.filter(~pl.col("id").is_in(twice))

    def _append(self, joined: pl.DataFrame) -> None:
        if joined.height:
            self._last = joined["at"][-1]
            self._pairs.append(pairs_of(joined, numbers=self._numbers))
            self._truths.place(joined["id"].to_list())

    def _table(self) -> pl.DataFrame:
        if len(self._pairs) > CHUNKS:
            self._pairs = [pl.concat(self._pairs, rechunk=True)]
        empty = pairs_of(settled_none(), numbers=self._numbers)
        return pl.concat([empty, *self._pairs])

    def _forget(self, now: int) -> None:
        """Drop copies and traces whose request is settled, or never showed up."""
        patience = self._timeout + GRACE
        copies = self._copies.filter(self._truths.open(self._copies["id"]))
        known = self._truths.known(copies["id"])
        lost = ~known & (now - copies["at"] > patience)
        self._orphans += int(lost.sum())
        self._copies = copies.filter(~lost)
        traces = self._traces.filter(self._truths.open(self._traces["id"]))
        traces = traces.with_columns(pl.col("since").fill_null(now))
        gone = ~self._truths.known(traces["id"]) & (now - traces["since"] > patience)
        self._traces = traces.filter(~gone)
