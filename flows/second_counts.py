"""Answers of a version that serves, counted by whole seconds since a moment."""

import numpy as np
import polars as pl

from rollout.watching import Seen

LATE = 1.0
"""Seconds after an answer by which the proxy has noted it: it flushes its log every 200 ms."""
KINDS = 4


class SecondCounts:
    """Counts of answers by the second in which they ended; all moments are in epoch seconds.

    Whoever did not wait (`left`) asked nothing that can be an error, but may have been slow.
    """

    def __init__(self, since: float, slow_ms: float) -> None:
        self._since = since
        self._slow_ms = slow_ms
        self._counts = np.zeros((KINDS, 0), dtype=np.int64)

    def add(self, rows: pl.DataFrame) -> None:
        """Count rows with `at`, `ms`, `left` and `error`; not what ended before the moment."""
        ended = rows.with_columns(second=pl.col("at") + pl.col("ms") / 1000 - self._since)
        kept = ended.filter(pl.col("second") >= 0)
        if kept.is_empty():
            return
        second = kept["second"].to_numpy().astype(np.int64)
        missing = int(second.max()) + 1 - self._counts.shape[1]
        if missing > 0:
            self._counts = np.pad(self._counts, ((0, 0), (0, missing)))
        answered, slow = ~kept["left"].to_numpy(), kept["ms"].to_numpy() > self._slow_ms
        kinds = (answered, kept["error"].to_numpy(), answered | slow, slow)
        for counts, flags in zip(self._counts, kinds, strict=True):
            counts += np.bincount(second[flags], minlength=len(counts))

    def until(self, now: float) -> Seen:
        """All whole seconds of which every answer is noted by now; what was noted after them."""
        seconds = max(0, int(now - LATE - self._since))
        kept, after = self._counts[:, :seconds], self._counts[:2, seconds:].sum(axis=1)
        requests, errors, timed, slow = np.pad(kept, ((0, 0), (0, seconds - kept.shape[1])))
        return Seen(requests, errors, timed, slow, (int(after[0]), int(after[1])))
