"""Simulations of the gates' own code: level while looking at every pair, delay, naive peeking.

Paths are drawn from event to event (a pair that is not the last kind), so that a million quiet
pairs cost nothing; the gap before an event is searched for the pair at which evidence sufficed.
"""

from dataclasses import dataclass
from math import exp, log, sqrt

import numpy as np
import numpy.typing as npt

from analysis.bets import Bets

Floats = npt.NDArray[np.float64]
Probabilities = tuple[float, ...]

STEP = 64


@dataclass(frozen=True, slots=True)
class Crossings:
    """For each repetition the pair at which evidence sufficed (inf: never) and 1/E there."""

    pair: Floats
    inverse: Floats

    @property
    def share(self) -> float:
        """Share of repetitions that ever crossed."""
        return float(np.isfinite(self.pair).mean())


def crossings(
    bets: Bets,
    probabilities: npt.NDArray[np.float64],
    level: float,
    horizon: float,
    rng: np.random.Generator,
) -> Crossings:
    """Follow one path per row of probabilities (of each kind of pair) up to the horizon."""
    reps, kinds = probabilities.shape
    rate = probabilities[:, :-1].sum(axis=1)
    shares = probabilities[:, :-1].cumsum(axis=1) / rate[:, None]
    counts = np.zeros((reps, kinds))
    found = Crossings(np.full(reps, np.inf), np.zeros(reps))
    live = np.arange(reps)
    while len(live):
        gaps = rng.geometric(rate[live, None], (len(live), STEP)) - 1.0
        which = (rng.random((len(live), STEP, 1)) > shares[live, None, :]).sum(axis=2)
        path = np.zeros((len(live), STEP, kinds))
        for kind in range(kinds - 1):
            path[:, :, kind] = (which == kind).cumsum(axis=1)
        path[:, :, -1] = gaps.cumsum(axis=1)
        path += counts[live, None, :]
        last = path.copy()
        for kind in range(kinds - 1):
            last[:, :, kind] -= which == kind
        _note(bets, path, last, live, log(1 / level), found)
        counts[live] = path[:, -1]
        live = live[np.isinf(found.pair[live]) & (counts[live].sum(axis=1) < horizon)]
    late = found.pair > horizon
    found.pair[late] = np.inf
    found.inverse[late] = 0.0
    return found


def log_e(bets: Bets, counts: Floats) -> Floats:
    """Log wealth of the mixture for counts in the last axis."""
    totals = counts @ bets.gains + bets.log_weights
    peak = totals.max(axis=-1)
    return np.asarray(peak + np.log(np.exp(totals - peak[..., None]).sum(axis=-1)))


def _note(
    bets: Bets,
    after: Floats,
    before: Floats,
    live: npt.NDArray[np.int64],
    threshold: float,
    found: Crossings,
) -> None:
    """Record the first crossing of each path: at an event, or in the gap before it."""
    in_gap = log_e(bets, before) >= threshold
    at_event = log_e(bets, after) >= threshold
    crossed = (in_gap | at_event).any(axis=1)
    rows = np.flatnonzero(crossed)
    first = (in_gap | at_event)[rows].argmax(axis=1)
    for row, index in zip(rows, first, strict=True):
        counts = after[row, index].copy()
        wealth = float(log_e(bets, counts))
        if in_gap[row, index]:
            counts = before[row, index].copy()
            counts[-1] = _first_in_gap(bets, counts, threshold)
            wealth = threshold
        found.pair[live[row]] = counts.sum()
        found.inverse[live[row]] = exp(-wealth)


def _first_in_gap(bets: Bets, counts: Floats, threshold: float) -> float:
    """The least count of the last kind at which the evidence suffices."""
    low, high = 0.0, float(counts[-1])
    while high - low > 1:
        counts[-1] = middle = np.floor((low + high) / 2)
        low, high = (low, middle) if log_e(bets, counts) >= threshold else (middle, high)
    return high


@dataclass(frozen=True, slots=True)
class Level:
    """A level by importance sampling and a 99.5 % bound that includes what never stopped."""

    estimate: float
    upper: float


def importance_level(
    bets: Bets, null: Probabilities, level: float, reps: int, horizon: float, seed: int
) -> Level:
    """P(ever crossing) at the boundary of the null, sampled from the gate's own mixture.

    Each path is drawn from one bet's distribution; dP/dQ at the crossing is 1/E. Paths that never
    cross before the horizon could still do so with 1/E <= level, which the upper bound adds.
    """
    rng = np.random.default_rng(seed)
    tilted = np.asarray(null)[:, None] * np.exp(bets.gains)
    weights = np.exp(bets.log_weights)
    chosen = rng.choice(len(weights), reps, p=weights / weights.sum())
    found = crossings(bets, (tilted / tilted.sum(axis=0)).T[chosen], level, horizon, rng)
    worst = np.where(np.isfinite(found.pair), found.inverse, level)
    error = 2.81 * float(worst.std()) / sqrt(reps)
    return Level(float(found.inverse.mean()), min(float(worst.mean()) + error, 1.0))


@dataclass(frozen=True, slots=True)
class Delay:
    """Restricted mean delay in pairs, the information bound and the share undetected."""

    mean: float
    bound: float
    events: float
    undetected: float

    @property
    def ratio(self) -> float:
        """Mean delay over the bound."""
        return self.mean / self.bound


def delay(
    bets: Bets, null_side: float, truth: Probabilities, level: float, reps: int, seed: int
) -> Delay:
    """Delay at a truth, with a horizon of 20 bounds; `null_side` is tolerance or margin."""
    bound = log(1 / level) / information(truth, null_side)
    rng = np.random.default_rng(seed)
    many = np.tile(np.asarray(truth), (reps, 1))
    found = crossings(bets, many, level, 20 * bound, rng)
    events = bound * min(sum(truth[:-1]), 1 - sum(truth[:-1]))
    mean = float(np.minimum(found.pair, 20 * bound).mean())
    return Delay(mean, bound, events, 1 - found.share)


def information(truth: Probabilities, null_side: float) -> float:
    """Information per pair against the composite null: kl for a rate, else the best bet."""
    if len(truth) == 2:
        bad, good = truth
        return bad * log(bad / null_side) + good * log(good / (1 - null_side))
    b, c, rest = truth
    stakes = np.linspace(-0.99999, 0.99999, 200_001) / (1 + abs(null_side))
    growth = b * np.log1p(stakes * (1 - null_side)) + c * np.log1p(-stakes * (1 + null_side))
    return float((growth + rest * np.log1p(-stakes * null_side)).max())


def naive_peeking(p: float, horizon: int, reps: int, seed: int, block: int = 1) -> float:
    """Share of healthy repetitions that p < 0.05, computed anew after every look, ever condemns.

    The one-sided z test of a share of p against the limit p; with p = 1/2 it is McNemar's on the
    discordant pairs. From the 30th pair on.
    """
    rng = np.random.default_rng(seed)
    n = np.arange(1, horizon + 1)
    condemned = 0
    for _ in range(reps):
        bad = (rng.random(horizon) < p).cumsum()
        z = (bad - n * p) / np.sqrt(n * p * (1 - p))
        condemned += bool((z[29::block] > 1.6449).any())
    return condemned / reps


def wilson_upper(hits: int, n: int, z: float = 1.96) -> float:
    """Upper end of Wilson's interval."""
    share = hits / n
    centre = share + z * z / (2 * n)
    spread = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return (centre + spread) / (1 + z * z / n)
