"""Both latencies of each pair, the candidate's less what is allowed, for gates of all latencies.

A latency y of the candidate counts as min(y / (1 + ratio), y - floor): it is over x exactly where y
is over max((1 + ratio) x, x + floor). Unknown is imputed as in `sides`: against either claim.
"""

from dataclasses import dataclass

import numpy as np

from analysis.bets import Flags, Floats
from analysis.drift import SHORTEST_MS
from analysis.pairs import ANSWERED, TIMEOUT, Pairs
from analysis.policy import Gate
from analysis.quantiles import Binned, binned
from analysis.sample import Claim


@dataclass(frozen=True, slots=True)
class Arms:
    """Milliseconds, 0 for the fastest and infinite for the slowest, as one claim sees them."""

    candidate: Floats
    baseline: Floats


def allowance(gate: Gate) -> tuple[float, float]:
    """By which ratio the candidate may be slower before it is harm, and before it is not safe."""
    ratio = max(gate.tolerance or 0.0, gate.limits.get("floor", 0.0))
    ratio = max(ratio, gate.limits.get("envelope", 0.0))
    return ratio, gate.margin if gate.margin is not None else ratio


def harm_arms(pairs: Pairs, gate: Gate) -> Arms:
    """Who is not known was as fast, on the candidate's side, and as slow, on the baseline's."""
    return _arms(pairs, allowance(gate)[0], gate.limits["floor_ms"], 0.0, np.inf)


def safety_arms(pairs: Pairs, gate: Gate) -> Arms:
    """The other way round."""
    return _arms(pairs, allowance(gate)[1], gate.limits["floor_ms"], np.inf, 0.0)


def bare_arms(pairs: Pairs) -> Arms:
    """As measured, NaN where not known."""
    return _arms(pairs, 0.0, 0.0, np.nan, np.nan)


def _arms(
    pairs: Pairs, ratio: float, floor_ms: float, candidate_unknown: float, baseline_unknown: float
) -> Arms:
    own, baseline = pairs.candidate_latency_ms, pairs.baseline_latency_ms
    unknown = (pairs.outcome != ANSWERED) | np.isnan(own)
    candidate = filled(_less(own, ratio, floor_ms), unknown, candidate_unknown)
    candidate = filled(candidate, pairs.outcome == TIMEOUT, np.inf)
    return Arms(candidate, filled(baseline, np.isnan(baseline), baseline_unknown))


def _less(ms: Floats, ratio: float, floor_ms: float) -> Floats:
    """Latencies less what is allowed: the very array where nothing is."""
    if not ratio and not floor_ms:
        return ms
    less = np.minimum(ms / (1 + ratio), ms - floor_ms)
    return np.maximum(less, 0.0, out=less)


def filled(ms: Floats, where: Flags, value: float) -> Floats:
    """The same with a value in some places: the very array where there are none."""
    if not where.any():
        return ms
    told = ms.copy()
    told[where] = value
    return told


@dataclass(frozen=True, slots=True)
class Ascending:
    """What each side took, in milliseconds and ascending order: of either as many as are known."""

    candidate: Floats
    baseline: Floats


def ascending(pairs: Pairs, timeout: float) -> Ascending:
    """What each side took where it is known, in ascending order, with `timeout` in seconds.

    A copy that timed out took as long as the timeout; one that was never sent is left out.
    """
    own = filled(pairs.candidate_latency_ms, pairs.outcome == TIMEOUT, timeout * 1000)
    asked = (pairs.outcome == ANSWERED) | (pairs.outcome == TIMEOUT)
    candidate = own[asked & ~np.isnan(own)]
    baseline = pairs.baseline_latency_ms[~np.isnan(pairs.baseline_latency_ms)]
    for side in (candidate, baseline):
        side.sort()
    return Ascending(candidate, baseline)


class ArmsOf:
    """Latencies of both sides with their bins, made once for all gates that allow the same."""

    def __init__(self, pairs: Pairs) -> None:
        self._pairs = pairs
        self._made: dict[tuple[Claim, float, float], tuple[Binned, Binned]] = {}

    def seen_by(self, gate: Gate, claim: Claim) -> tuple[Binned, Binned]:
        """Candidate and baseline as one claim of a gate sees them."""
        allowed = allowance(gate)[0 if claim == "harm" else 1]
        key = (claim, allowed, gate.limits["floor_ms"])
        if key not in self._made:
            arms = (harm_arms if claim == "harm" else safety_arms)(self._pairs, gate)
            self._made[key] = (binned(arms.candidate), binned(arms.baseline))
        return self._made[key]

    def ratios(self, gate: Gate, claim: Claim) -> Floats:
        """Logarithms of candidate over baseline, as one claim of a gate sees them."""
        own, other = self.seen_by(gate, claim)
        return log_ratio(Arms(own.ms, other.ms))


def log_ratio(arms: Arms) -> Floats:
    """Logarithm of candidate over baseline; infinite or NaN where one of them is 0 or infinite."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.maximum(arms.candidate, SHORTEST_MS)
        ratio /= np.maximum(arms.baseline, SHORTEST_MS)
        return np.log(ratio, out=ratio)
