"""Split traffic, as its gates read it: which requests were bad, on which side, by each second.

Each row is a request of one side, so that both sides are never bad at once; kinds are those of
`Sides`. A look follows every request.
"""

from dataclasses import dataclass

import numpy as np

from analysis.bets import Bets, Flags, Floats, Integers
from analysis.clock import Clock
from analysis.constant import apart, never_differs
from analysis.drift import SHORTEST_MS, Guard, guard_over
from analysis.frozen import Frozen, past_ms, pinned
from analysis.late import SECOND_US, Late, blocks_of, counts_by_block
from analysis.policy import Drift, JudgePolicy
from analysis.requests import Requests
from analysis.sides import Sides
from analysis.strays import Ends, ends_of

ERROR, ANY_ERROR = 500, 400


@dataclass(frozen=True, slots=True)
class RequestSample:
    """Requests under a policy."""

    requests: Requests
    policy: JudgePolicy

    @property
    def n(self) -> int:
        """Requests of both sides."""
        return len(self.requests)

    @property
    def arrival(self) -> Clock:
        """One look after every request."""
        return Clock(self.requests.arrived_us, np.arange(1, self.n + 1), "requests")

    @property
    def ends(self) -> Ends:
        """When the first and the last requests came."""
        return Ends(self.n, self.requests.arrived_us[ends_of(self.n)] // SECOND_US)

    def never_differs(self, baseline: str) -> str:
        """Why the latency of a side is none that was measured, in words; empty if it may be."""
        seen = self.requests
        for name, side in (("candidate", seen.candidate), (baseline, ~seen.candidate)):
            ms = seen.latency_ms[side & (seen.status > 0)]
            if fault := never_differs(name, apart(ms), len(ms)):
                return fault
        return ""

    def errors(self, least: int) -> Sides:
        """No answer in time, or a status from `least` on.

        Those from 400 on are common to both sides where the client is at fault.
        """
        seen = self.requests
        bad = (seen.status == 0) | (seen.status >= least)
        bad |= seen.latency_ms > self.policy.timeout * 1000
        return self._sides(bad, bad)

    def over(self, candidate_ms: float, baseline_ms: float) -> Sides:
        """Slower than the limit of its side; without an answer slower than any limit."""
        seen = self.requests
        limit = np.where(seen.candidate, candidate_ms, baseline_ms)
        slow = (seen.latency_ms > limit) | (seen.status == 0)
        return self._sides(slow, slow | self.unknown())

    def unknown(self) -> Flags:
        """Answers that nobody timed."""
        return np.asarray(np.isnan(self.requests.latency_ms) & (self.requests.status > 0))

    def _sides(self, known: Flags, at_most: Flags) -> Sides:
        """What is not known is good for the candidate's harm, bad for its safety, and mirrored."""
        own, other = self.requests.candidate, ~self.requests.candidate
        return Sides(own & known, own & at_most, other & at_most, other & known)

    def frozen(self, name: str) -> Frozen:
        """Pinned, or of the baseline's first requests; what came until then is not judged."""
        stated = pinned(self.policy, name)
        if stated is not None:
            return Frozen(name, stated, 0, self.n)
        seen, first = self.requests, self.policy.reference_pairs
        rows = np.flatnonzero(~seen.candidate)[:first]
        limit_ms = past_ms(seen.latency_ms[rows], self.policy, name)
        if limit_ms is None:
            return Frozen(name, None, self.n, 0)
        start = int(rows[-1]) + 1
        return Frozen(name, limit_ms, start, self.n - start)

    def late(self, events: tuple[Flags, ...], start: int = 0) -> Late:
        """Events of each kind in each second of arrival."""
        seen = self.requests
        blocks = blocks_of(seen.arrived_us[start:], seen.watermark_us, self.policy.horizon)
        counts = counts_by_block([event[start:] for event in events], blocks)
        asked = counts_by_block([seen.candidate[start:]], blocks)[0].astype(np.int64)
        return Late(blocks, counts, start, asked)

    def latencies(self, ratio: float, floor_ms: float) -> tuple[Floats, Floats]:
        """Milliseconds of each side, the candidate's less what is allowed; none is lowest.

        Imputed as the claim of harm sees it.
        """
        seen, silent = self.requests, self.requests.status == 0
        less = np.minimum(seen.latency_ms / (1 + ratio), seen.latency_ms - floor_ms)
        own = np.where(silent, np.inf, np.nan_to_num(np.maximum(less, 0.0), nan=-np.inf))
        other = np.where(silent, np.inf, np.nan_to_num(seen.latency_ms, nan=np.inf))
        return (
            np.where(seen.candidate, own, -np.inf),
            np.where(seen.candidate, -np.inf, other),
        )

    def guard(self, drift: Drift) -> Guard:
        """As for pairs: the difference of the sides' mean log latencies, block by block."""
        seen = self.requests
        nothing = np.zeros(0, dtype=np.int64)
        if drift.kind != "guard" or not self.n:
            none = np.zeros(0)
            return Guard(drift.kind, nothing, none, none, drift.blocks, none > 0)
        length = round(drift.block) * SECOND_US
        origin = int(seen.arrived_us[0]) // SECOND_US * SECOND_US
        block = (seen.arrived_us - origin) // length
        known = ~np.isnan(seen.latency_ms) & (seen.status > 0)
        score = np.log(np.maximum(seen.latency_ms, SHORTEST_MS))
        sides = [_moments(block, score, known & side) for side in (seen.candidate, ~seen.candidate)]
        (own_n, own, own_spread), (other_n, other, other_spread) = sides
        end_us = origin + (np.arange(len(own_n)) + 1) * length
        kept = (end_us <= seen.watermark_us) & (own_n >= 2) & (other_n >= 2)
        variance = own_spread[kept] / own_n[kept] + other_spread[kept] / other_n[kept]
        n = (own_n + other_n)[kept]
        return guard_over(end_us[kept], n, (own - other)[kept], variance, drift)


def _moments(block: Integers, score: Floats, where: Flags) -> tuple[Integers, Floats, Floats]:
    """Requests, mean and variance in each block; constant latencies must not divide by nothing."""
    number = int(block[-1]) + 1
    n = np.bincount(block[where], minlength=number)
    total = np.bincount(block[where], weights=score[where], minlength=number)
    mean = total / np.maximum(n, 1)
    about = np.bincount(
        block[where], weights=(score[where] - mean[block[where]]) ** 2, minlength=number
    )
    return n, mean, np.maximum(about / np.maximum(n - 1, 1), 1e-9)


def of_one_side(bets: Bets) -> Bets:
    """The same bets where requests of the other side come, too, and tell nothing."""
    nothing = np.zeros((1, bets.gains.shape[1]))
    return Bets(np.concatenate([bets.gains, nothing]), bets.log_weights)
