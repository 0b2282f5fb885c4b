"""A record of split traffic: its share and whether it held, and what both sides differ by.

Differences rest on the share that was to go to the candidate: whatever goes wrong for reasons of
its own goes wrong on the candidate in just that share of the cases, however traffic and rates move
(`paired`). Once the requests that came contradict the share, they prove nothing more.
"""

from dataclasses import dataclass
from functools import cached_property
from math import log

import numpy as np

from analysis import paired, rates
from analysis.bets import Bets, Flags, Floats, Integers, follow
from analysis.clock import Clock
from analysis.course import INTERVAL_LEVEL, Judged
from analysis.drift import Guard, Guarded, guarded_by
from analysis.findings import Estimate
from analysis.minutes import Shifts
from analysis.paired import Payoff, split_payoff
from analysis.policy import PAIRLESS, Gate, JudgePolicy
from analysis.request_sample import RequestSample
from analysis.sides import Sides
from analysis.words import percent


@dataclass(frozen=True)
class SplitRecord:
    """Everything these gates read; `trusted` says after which requests the share still held.

    All gates look by `arrival`; none waits for a label.
    """

    sample: RequestSample
    policy: JudgePolicy
    guard: Guard
    trusted: Flags
    arrival: Clock
    labels: Clock
    baseline: str = "baseline"
    shifts: Shifts | None = None

    @cached_property
    def guarded(self) -> Guarded:
        """The looks of the gates that speak only while the guard is open."""
        return guarded_by(self.guard, self.arrival)

    @property
    def n(self) -> int:
        """Requests of both sides."""
        return self.sample.n

    @property
    def watermark_us(self) -> int:
        """The time of the last look."""
        return self.sample.requests.watermark_us

    @property
    def payoff(self) -> Payoff:
        """What a bad request of either side counts."""
        return split_payoff(self.sample.requests.share)

    def allowed_at(self, gate: Gate, at_us: Integers) -> Flags | None:
        """Where the share held until then; gates about the candidate alone rest on none."""
        if gate.name in PAIRLESS:
            return None
        seen = np.searchsorted(self.sample.requests.arrived_us, at_us, side="right")
        return np.concatenate([np.ones(1, dtype=np.bool_), self.trusted])[seen]


def split_record(sample: RequestSample, policy: JudgePolicy) -> SplitRecord:
    """With what the share that came says of the share that was stated."""
    own, level = sample.requests.candidate, policy.gates["split-share"].limits["level"]
    off = follow(share_bets(sample.requests.share), [own], level)
    held = ~np.maximum.accumulate(off.above)
    never = np.zeros(0, dtype=np.int64)
    labels = Clock(never, never)
    return SplitRecord(sample, policy, sample.guard(policy.drift), held, sample.arrival, labels)


def share_bets(stated: float) -> Bets:
    """Bets that the share of requests that come to the candidate is another one, either way."""
    more, less = rates.harm_bets(stated), rates.safety_bets(stated)
    weights = np.concatenate([more.log_weights, less.log_weights]) - log(2)
    return Bets(np.concatenate([more.gains, less.gains], axis=1), weights)


def _of_sides(record: SplitRecord, sides: Sides) -> tuple[Floats, Floats]:
    """Requests, and bad ones, of the candidate and of the baseline."""
    own = record.sample.requests.candidate
    n = np.array([own.sum(), (~own).sum()], dtype=np.float64)
    return n, np.array([sides.candidate_harm.sum(), sides.baseline_safety.sum()], dtype=np.float64)


def errors_words(record: SplitRecord, sides: Sides) -> str:
    n, bad = _of_sides(record, sides)
    own, other = bad / np.maximum(n, 1)
    return f"errors {percent(float(own))}, {record.baseline} {percent(float(other))}"


def estimate_of(record: SplitRecord, sides: Sides, start: int) -> Estimate:
    """The difference of both shares; its interval rests on the share of the traffic."""
    own = record.sample.requests.candidate[start:]
    n, asked = len(own), int(own.sum())
    if not asked or asked == n:
        return Estimate(None, None, None, n)
    (b, least_c), (most_b, c) = (
        [int(flags[start:].sum()) for flags in kinds] for kinds in (sides.harm(), sides.safety())
    )
    least, most = (b, least_c), (most_b, c)
    low, high = paired.interval(least, most, n, INTERVAL_LEVEL, record.payoff)
    return Estimate(b / asked - c / (n - asked), low, high, n)


def own_estimate(own: Flags, sides: Sides) -> Estimate:
    """The share of bad requests of the candidate."""
    n, least, most = (int(f.sum()) for f in (own, sides.candidate_harm, sides.candidate_safety))
    low, high = rates.interval_between(least, most, n, INTERVAL_LEVEL)
    known = n - (most - least)
    return Estimate(least / known if known else None, low, high, n)


def judged_split(
    record: SplitRecord,
    gate: Gate,
    claims: tuple[float, float],
    sides: tuple[Sides, Sides],
    start: int,
) -> Judged:
    """A difference against (tolerance, margin), by the sides as harm and as safety see them."""
    payoff, policy = record.payoff, record.policy
    harm = follow(
        paired.harm_bets(claims[0], payoff), sides[0].harm(), policy.rollback_level(gate), start
    )
    safety = follow(
        paired.safety_bets(claims[1], payoff), sides[1].safety(), policy.alpha_promote, start
    )
    estimate = estimate_of(record, sides[0], start)
    found = paired.smallest_harm(harm.bets, harm.counts[1], estimate.n, harm.threshold, payoff)
    return Judged(harm, safety, estimate, found)


def trouble(record: SplitRecord) -> str:
    """Why a difference of the sides proves nothing, in words; empty where it may."""
    if len(record.trusted) and not record.trusted[-1]:
        return "requests did not come in the share that was stated"
    return ""
