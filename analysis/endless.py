"""Watching without an end: late harm of a rate, with a false alarm no more often than asked.

R_t = e_t (R_{t-1} + 1) for each bet, from one second with requests to the next: the mean over the
bets is an e-detector, so that the mean time to a false alarm at R >= A is at least A (Shin, Ramdas
and Rinaldo 2023). It fires for nothing now and then, for ever: it spends no budget of a rollout and
undoes nothing. State: a number for each bet.
"""

from dataclasses import dataclass
from math import log

import numpy as np

from analysis.bets import Floats
from analysis.error_gates import late_rate_bets
from analysis.triggers import Counts

PART = 3_600
QUIET = 3_600
"""Seconds after an alarm that it speaks for; then watching begins anew."""
MINUTE = 60


@dataclass(frozen=True, slots=True)
class Alarm:
    """The second (from 0) of an alarm, with the requests and the bad ones of the minute before."""

    second: int
    requests: int
    bad: int


def alarms(counts: Counts, limit: float, every: float) -> list[Alarm]:
    """Where more than `limit` are bad since some second, at most one false alarm in `every` s."""
    bets, threshold = late_rate_bets(limit), log(every)
    filled = np.flatnonzero(counts.requests)
    state = np.full(len(bets.log_weights), -np.inf)
    found: list[Alarm] = []
    begin = 0
    while begin < len(filled):
        own = filled[begin : begin + PART]
        bad = counts.bad[own]
        kinds = np.stack([bad, counts.requests[own] - bad]).astype(np.float64)
        wealth = recursion(bets.log_wealth(kinds), state)
        above = bets.mixture(wealth) >= threshold
        if above.any():
            second = int(own[above.argmax()])
            last = slice(max(second + 1 - MINUTE, 0), second + 1)
            n, over = (int(part[last].sum()) for part in (counts.requests, counts.bad))
            found.append(Alarm(second, n, over))
            state = np.full_like(state, -np.inf)
            begin = int(np.searchsorted(filled, second + QUIET))
        else:
            state = wealth[:, -1]
            begin += len(own)
    return found


def recursion(gains: Floats, state: Floats) -> Floats:
    """log R after each block from the log wealth won in it, bets x blocks, and log R before."""
    gained = gains.cumsum(axis=1)
    before = np.concatenate([np.zeros((len(gained), 1)), gained[:, :-1]], axis=1)
    started = np.logaddexp.accumulate(-before, axis=1)
    return np.asarray(gained + np.logaddexp(started, state[:, None]))
