"""Late harm: a Shiryaev-Roberts mixture over blocks of one second of arrival.

R_t = e_t (R_{t-1} + 1) per bet, one start for each block up to the horizon T; R/T is an e-process
at every time, so R >= T/level alarms with a probability of at most `level`.
Starts after the horizon carry no weight: those that began before it go on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import numpy as np

from analysis.bets import Bets, Drawn, Flags, Floats, Integers, Trace, shown_looks
from analysis.stretches import stretches_of

SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Blocks:
    """The complete, non-empty one-second blocks: first row, end row, end time, starts."""

    first: Integers
    stop: Integers
    end_us: Integers
    starts: Floats


@dataclass(frozen=True, slots=True)
class Late:
    """Pairs of each kind, the rest last, in each block; `before` came ahead of the first judged.

    `asked` are the requests of the candidate in each block; None where that is all.
    """

    blocks: Blocks
    counts: Floats
    before: int
    asked: Integers | None = None

    def requests(self, window: slice) -> int:
        """Requests of the candidate in some blocks."""
        if self.asked is not None:
            return int(self.asked[window].sum())
        return int((self.blocks.stop - self.blocks.first)[window].sum())


def blocks_of(arrived_us: Integers, watermark_us: int, horizon: float) -> Blocks:
    """Cut rows in arrival order into whole seconds; a second that may still grow is left out."""
    seconds = stretches_of(arrived_us // SECOND_US)
    return blocks_at(seconds.ids, seconds.size, watermark_us, horizon)


def blocks_at(second: Integers, n: Integers, watermark_us: int, horizon: float) -> Blocks:
    """The same from how many rows came in each second that had any."""
    complete = (second + 1) * SECOND_US <= watermark_us
    second, n = second[complete], n[complete]
    stop = n.cumsum()
    age = np.minimum(second - second[:1].sum() + 1, int(horizon))
    starts = np.diff(age, prepend=0).astype(np.float64)
    return Blocks(stop - n, stop, (second + 1) * SECOND_US, starts)


def counts_by_block(events: Sequence[Flags], blocks: Blocks) -> Floats:
    """Counts of each kind per block; the last kind is the rest."""
    rows = int(blocks.stop[-1]) if len(blocks.stop) else 0
    if rows == 0:
        return np.zeros((len(events) + 1, 0))
    kinds = [np.add.reduceat(kind[:rows].astype(np.int64), blocks.first) for kind in events]
    rest = (blocks.stop - blocks.first) - np.sum(kinds, axis=0)
    return np.stack([*kinds, rest]).astype(np.float64)


def follow_late(
    bets: Bets, counts: Floats, blocks: Blocks, horizon: float, level: float
) -> tuple[Trace, int]:
    """Look at the end of every block; also the block at which the strongest window now begins."""
    threshold = log(1 / level)
    gained = bets.log_wealth(counts).cumsum(axis=1)
    if not gained.shape[1]:
        nothing = np.zeros(0, dtype=np.bool_)
        drawn = Drawn(shown_looks(0, 0), counts, np.zeros(0))
        return Trace(bets, (0,) * len(counts), -log(int(horizon)), threshold, nothing, drawn), 0
    before = np.concatenate([np.zeros((len(gained), 1)), gained[:, :-1]], axis=1)
    log_starts = np.full(len(blocks.starts), -np.inf)
    np.log(blocks.starts, out=log_starts, where=blocks.starts > 0)
    wealth = gained + np.logaddexp.accumulate(log_starts - before, axis=1)
    path = bets.mixture(wealth) - log(int(horizon))
    above = path >= threshold
    at = int(above.argmax()) if above.any() else len(path) - 1
    strongest = int(wealth[:, at].argmax())
    window = int((before[strongest] - log_starts)[: at + 1].argmin())
    totals = tuple(int(total) for total in counts.sum(axis=1))
    looks = shown_looks(0, len(path))
    drawn = Drawn(looks, counts.cumsum(axis=1)[:, looks], path[looks])
    return Trace(bets, totals, float(path[-1]), threshold, above, drawn), window
