"""Harm that must show second by second as well: requests that wait together are no evidence apart.

A machine that stops for a moment delays every request of that moment. So the share s of bad
requests in a second is one payoff, and a bet multiplies 1 + lambda (s - limit), lambda < 1/limit:
exact where a second, given those before it, is expected to have at most the limit, however its
requests hang together (research notes, 1.4; Waudby-Smith and Ramdas 2023). Stops last longer than
a second, so that harm also needs some number of seconds over the limit.
"""

from dataclasses import dataclass
from math import log

import numpy as np

from analysis.bets import Counted, Events, Flags, Floats, Integers, Trace
from analysis.clock import Clock, Look
from analysis.late import Late, blocks_of, counts_by_block
from analysis.payoffs import STAKES
from analysis.policy import Gate
from analysis.rates import last_true


@dataclass(frozen=True, slots=True)
class Seconds:
    """Requests, and the bad ones, in each whole second that had any, and when it ended."""

    end_us: Integers
    asked: Floats
    bad: Floats

    def proven(self, gate: Gate, level: float) -> Flags:
        """Where, by the end of each, the seconds prove a share over the tolerance of a gate."""
        limit = gate.tolerance or 0.0
        share = self.bad / self.asked
        enough = (share > limit).cumsum() >= gate.limits["seconds"]
        return (self.wealth(share, limit) >= log(1 / level)) & enough

    @staticmethod
    def wealth(share: Floats, limit: float) -> Floats:
        """Log wealth of the mixture after each second, from the share of each."""
        grown = np.log1p(STAKES[:, None] / limit * (share - limit)).cumsum(axis=1)
        return np.asarray(np.logaddexp.reduce(grown, axis=0) - log(len(STAKES)))

    def filled(self) -> "Seconds":
        """Those of them in which anything was asked."""
        had = self.asked > 0
        return Seconds(self.end_us[had], self.asked[had], self.bad[had])

    def trouble(self, gate: Gate) -> str:
        """Why they prove no harm, where requests counted one by one do."""
        over = int((self.bad / self.asked > (gate.tolerance or 0.0)).sum())
        least = int(gate.limits["seconds"])
        if over < least:
            return f"over the limit in {over} of the {least} seconds that harm needs"
        return f"{over} of {len(self.end_us)} seconds, each counted once, prove no harm"

    def smallest(self, gate: Gate, level: float, found: float | None) -> float | None:
        """The smallest share, in each of as many seconds, that is proven; at least what `found` is.

        `found` is the smallest that requests counted one by one prove.
        """
        limit, number = gate.tolerance or 0.0, len(self.end_us)

        def missed(share: float) -> bool:
            return float(self.wealth(np.full(number, share), limit)[-1]) < log(1 / level)

        if found is None or number < gate.limits["seconds"] or not number or missed(1.0):
            return None
        return max(found, last_true(missed, limit, 1.0))


def seconds_in(late: Late) -> Seconds:
    """Those of a count by seconds, whose kinds are bad, good and, if any, what is not asked."""
    return Seconds(late.blocks.end_us, late.counts[:2].sum(axis=0), late.counts[0]).filled()


def seconds_of(clock: Clock, events: Events, watermark_us: int) -> Seconds:
    """Those of a part of a record; where it is counted in blocks, a block stands for a second."""
    if isinstance(events, Counted):
        counts = np.diff(events.counts, axis=1, prepend=0.0)
        return Seconds(clock.at_us, counts.sum(axis=0), counts[0]).filled()
    blocks = blocks_of(clock.at_us, watermark_us, 1.0)
    counts = counts_by_block(events, blocks)
    return Seconds(blocks.end_us, counts.sum(axis=0), counts[0])


def seen_at(seconds: Seconds, proven: Flags, at_us: Integers) -> Flags:
    """What the last second that had ended at these times says."""
    if not proven.any():
        return np.zeros(len(at_us), dtype=np.bool_)
    ended = np.searchsorted(seconds.end_us, at_us, side="right")
    return np.concatenate([np.zeros(1, dtype=np.bool_), proven])[ended]


def first_look(clock: Clock, harm: Trace, seconds: Seconds, proven: Flags) -> Look | None:
    """The first look, the ends of seconds among them, at which both ways of counting prove it."""
    if not harm.above.any():
        return None
    looks, rows = clock.with_looks_at(seconds.end_us)
    one_by_one = np.concatenate([np.zeros(1, dtype=np.bool_), harm.above])[rows]
    both = one_by_one & seen_at(seconds, proven, looks.at_us)
    return looks.look(int(both.argmax())) if both.any() else None
