"""Requests that are split between the sides: which test of two rates needs fewest of them.

Two counts (Lindon and Malek 2022), as the judge uses them, beside the e-variable for blocks of
requests of both sides (Turner, Ly and Grünwald 2024), which has to guess the baseline's rate: here
it is told, or told a third of it. Beside both what pairs would need, their errors independent or
half of them shared.
"""

from collections.abc import Iterator

import numpy as np
from scipy.stats import binom

from analysis import paired
from analysis.bets import Bets, Floats, even
from benchmarks.calibration import crossings, delay, importance_level

Row = dict[str, object]
SHARES = (0.5, 0.1)
TRUTHS = ((0.001, 0.002), (0.001, 0.005), (0.01, 0.05), (0.05, 0.1), (0.1, 0.15))
LEVEL = 0.05
MOST = 20.0
"""Bounds after which a test that found nothing counts as if it had found it there."""


def rows(full: bool) -> Iterator[Row]:
    """Mean requests until harm is proven, of both sides together."""
    reps = 2_000 if full else 200
    for share in SHARES:
        for baseline, candidate in TRUTHS:
            yield _row(share, baseline, candidate, reps)


def block_bets(base: float, odds: Floats, others: int) -> Bets:
    """Blocks of one request of the candidate and so many of the baseline.

    Against "both rates are equal", for pairs (base, base at these odds); kinds are the number of
    bad requests of the baseline where the candidate's was good, then where it was bad, the first
    (none bad) last (Turner, Ly and Grünwald, theorem 1).
    """
    own = odds * base / (1 - base)
    own = own / (1 + own)
    middle = (own + others * base) / (1 + others)
    gains = [_gain(bad, k, others, own, base, middle) for bad, k in kinds(others)]
    return even(np.stack(gains))


def kinds(others: int) -> list[tuple[int, int]]:
    """Bad requests of the candidate and of the baseline in a block; none bad comes last."""
    return [(bad, k) for bad in (1, 0) for k in range(others, -1, -1)]


def chances(candidate: float, baseline: float, others: int) -> Floats:
    """How likely each kind of block is."""
    own = {1: candidate, 0: 1 - candidate}
    return np.array([own[bad] * binom.pmf(k, others, baseline) for bad, k in kinds(others)])


def _gain(bad: int, k: int, others: int, own: Floats, base: float, middle: Floats) -> Floats:
    mine = np.log(own / middle) if bad else np.log((1 - own) / (1 - middle))
    theirs = k * np.log(base / middle) + (others - k) * np.log((1 - base) / (1 - middle))
    return np.asarray(mine + theirs)


def counted(share: float, baseline: float, candidate: float) -> tuple[float, float, float]:
    """Requests that are bad on the candidate, on the baseline, and the rest."""
    own, other = share * candidate, (1 - share) * baseline
    return own, other, 1 - own - other


def requests(bets: Bets, truth: Floats, reps: int, horizon: float, seed: int) -> float:
    """Mean of what a test needs, in units of the kinds it counts."""
    rng = np.random.default_rng(seed)
    found = crossings(bets, np.tile(truth, (reps, 1)), LEVEL, horizon, rng).pair
    return float(np.minimum(found, horizon).mean())


def _row(share: float, baseline: float, candidate: float, reps: int) -> Row:
    payoff, others = paired.split_payoff(share), round(1 / share) - 1
    odds = paired.EVEN_SHARES / (1 - paired.EVEN_SHARES)
    bets, null = paired.harm_bets(0.0, payoff), counted(share, baseline, baseline)
    two = requests(bets, np.array(counted(share, baseline, candidate)), reps, 1e7, 101)
    truth = chances(candidate, baseline, others)
    told, guessed = (
        (1 + others) * requests(block_bets(base, odds, others), truth, reps, MOST * two, 102)
        for base in (baseline, baseline / 3)
    )
    shared = baseline / 2
    pairs = [
        delay(paired.harm_bets(0.0), 0.0, _pairs(candidate, baseline, both), LEVEL, reps, 103).mean
        for both in (candidate * baseline, shared)
    ]
    return {
        "share of the candidate": share,
        "baseline": baseline,
        "candidate": candidate,
        "level of two counts, at most": importance_level(bets, null, LEVEL, reps, 1e6, 104).upper,
        "requests, two counts": two,
        "blocks, rate known": told,
        "blocks, a third of it": guessed,
        "pairs, independent": pairs[0],
        "pairs, half of the errors shared": pairs[1],
    }


def _pairs(candidate: float, baseline: float, both: float) -> tuple[float, float, float]:
    b, c = candidate - both, baseline - both
    return b, c, 1 - b - c
