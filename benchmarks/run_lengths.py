"""How long a detector for endless watching stays quiet, and how soon it speaks: simulated."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from analysis.bets import Integers
from analysis.endless import QUIET, alarms
from analysis.triggers import Counts

LIMIT = 0.05
SEED = 41


def run_lengths(rate: float, requests: int, every: float, seconds: int, seed: int) -> Integers:
    """Seconds from each beginning of a watch to its alarm, in a stream of independent requests."""
    rng = np.random.default_rng([SEED, seed])
    n = np.full(seconds, requests)
    at = np.array([one.second for one in alarms(Counts(n, rng.binomial(n, rate)), LIMIT, every)])
    begun = np.concatenate([np.zeros(1), at[:-1] + QUIET]) if len(at) else at
    return np.asarray(at - begun + 1, dtype=np.int64)


def quiet(rate: float, requests: int, every: float, seconds: int, seed: int = 0) -> float:
    """Mean seconds of watching for each false alarm; the unfinished last watch counts as well."""
    runs = run_lengths(rate, requests, every, seconds, seed)
    watched = seconds - max(len(runs) - 1, 0) * QUIET
    return watched / max(len(runs), 1)


def delay(rate: float, requests: int, every: float, times: int) -> float:
    """Mean seconds from the onset, ten minutes after a beginning, to the alarm."""
    found = []
    for seed in range(times):
        rng = np.random.default_rng([SEED, 7, seed])
        n = np.full(4_200, requests)
        bad = rng.binomial(n, np.where(np.arange(4_200) < 600, 0.001, rate))
        first = [one.second for one in alarms(Counts(n, bad), LIMIT, every) if one.second >= 600]
        found.append(first[0] - 599 if first else 3_600)
    return float(np.mean(found))


def rows(full: bool) -> Iterable[dict[str, Any]]:
    """Asked for and measured, at the limit and below it; and the price in delay."""
    seconds, times = (6_000_000, 200) if full else (600_000, 20)
    for requests in (5, 50):
        for every in (3_600.0, 86_400.0):
            yield {
                "requests a second": requests,
                "asked: s to a false alarm": every,
                "measured at 5 %": quiet(0.05, requests, every, seconds),
                "measured at 4 %": quiet(0.04, requests, every, seconds),
                "delay at 10 %, s": delay(0.1, requests, every, times),
                "delay at 20 %, s": delay(0.2, requests, every, times),
            }
