"""Two-sided bands for both distributions of latency that hold at all times: Netflix' construction.

Source: Howard and Ramdas, Sequential estimation of quantiles (arXiv 1906.09712), theorem 2: the
iterated-logarithm version of Dvoretzky, Kiefer and Wolfowitz; used as in Lindon, Sanden and
Shirikian (arXiv 2205.14762). A = .85, from m = 100 values on, half of .05 for each side. Rolls back
where some latency is exceeded more often by the candidate than both bands allow.
"""

from functools import lru_cache
from math import log

import numpy as np
from scipy.optimize import brentq

from analysis.bets import Floats
from rivals.evidence import Evidence
from rivals.ruling import ROLLBACK, Ruling, undecided

FACTOR, FROM = 0.85, 100
ALPHA = 0.05


def band_level(constant: float) -> float:
    """The level of the band with this constant C: the least over eta of the theorem's bound."""

    eta = np.geomspace(1e-6, 2 * FACTOR**2 - 1, 20_000) + 1
    gamma = np.sqrt(2 / eta) * (FACTOR - np.sqrt(2 * (eta - 1) / constant))
    eta, excess = eta[gamma > 1], gamma[gamma > 1] ** 2 - 1
    bounds = 4 * np.exp(-(excess + 1) * constant) * (1 + 1 / (excess * np.log(eta)))
    return float(bounds.min())


@lru_cache(maxsize=16)
def constant(level: float) -> float:
    """The constant C whose band has this level."""
    return float(brentq(lambda c: log(band_level(c)) - log(level), 5.0, 20.0, xtol=1e-6))


def radius(n: Floats, level: float) -> Floats:
    """Half the width of the band after n values."""
    least = np.maximum(n, FROM)
    return np.asarray(FACTOR * np.sqrt((np.log1p(np.log(least / FROM)) + constant(level)) / least))


def excess(baseline: Floats, candidate: Floats) -> Floats:
    """Per row of counts: the largest excess of the candidate's exceedances, minus both radii."""
    n, m = candidate.sum(axis=1), baseline.sum(axis=1)
    enough = (n >= FROM) & (m >= FROM)
    shares = baseline.cumsum(axis=1) / np.maximum(m, 1)[:, None]
    shares -= candidate.cumsum(axis=1) / np.maximum(n, 1)[:, None]
    found = shares.max(axis=1) - radius(n, ALPHA / 2) - radius(m, ALPHA / 2)
    return np.where(enough, found, -1.0)


def judge(seen: Evidence) -> Ruling:
    """Look every hundred pairs."""
    latencies = seen.latencies
    above = excess(latencies.baseline, latencies.candidate) > 0
    if not above.any():
        return undecided("the bands overlap")
    pair = int(latencies.pair[int(above.argmax())])
    return Ruling(ROLLBACK, seen.look(pair - 1), "latency: the bands part")
