"""Traffic that is split instead of copied: each request is answered by one side alone.

Where a request is sent to the candidate by chance, with a known share, whatever goes wrong for
reasons of its own goes wrong on the candidate in just that share of the cases, however traffic and
rates move. So events (errors, answers over a limit) are counted by side, and requests that went
well cost nothing: the two-count test (Lindon and Malek 2022), one-sided, as a mixture of bets.

With a ratio r allowed, the candidate's share s of the traffic turns into s (1 + r) / (1 + s r).
Kinds of events: on the candidate, on the baseline.
"""

from math import log

import numpy as np

from analysis import rates
from analysis.bets import Bets, Floats, even


def harm_bets(share: float, tolerance: float) -> Bets:
    """Bets against "the candidate's rate is at most 1 + tolerance times the baseline's"."""
    return rates.harm_bets(event_share(share, tolerance))


def safety_bets(share: float, margin: float) -> Bets:
    """Bets against "the candidate's rate is at least 1 + margin times the baseline's"."""
    return rates.safety_bets(event_share(share, margin))


def event_share(share: float, ratio: float) -> float:
    """The candidate's share of the events where its rate is 1 + ratio times the baseline's."""
    return share * (1 + ratio) / (1 + share * ratio)


def events(share: float, candidate: float, baseline: float) -> tuple[float, float, float]:
    """Shares of requests that are an event on the candidate, on the baseline, or none."""
    own, other = share * candidate, (1 - share) * baseline
    return own, other, 1 - own - other


def block_bets(base: float, odds: Floats) -> Bets:
    """The e-variable of Turner, Ly and Grünwald (2024) for blocks of one request of each side.

    Against "both rates are equal", for pairs (base, base at these odds): kinds are both bad, only
    the candidate, only the baseline, none. It needs a base rate to be guessed, which the two-count
    test does not; the benchmarks measure both.
    """
    own = odds * base / (1 - base)
    own = own / (1 + own)
    middle = (own + base) / 2
    bad, good = np.log(own / middle), np.log((1 - own) / (1 - middle))
    other_bad, other_good = np.log(base / middle), np.log((1 - base) / (1 - middle))
    return even(np.stack([bad + other_bad, bad + other_good, good + other_bad, good + other_good]))


def bound(share: float, candidate: float, baseline: float, ratio: float, level: float) -> float:
    """Requests that any test at this level needs on average, told which of them are events."""
    own, other, _ = events(share, candidate, baseline)
    p, q = own / (own + other), event_share(share, ratio)
    information = p * log(p / q) + (1 - p) * log((1 - p) / (1 - q))
    return log(1 / level) / information / (own + other)
