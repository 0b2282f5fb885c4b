"""A machine that stops for a moment: how often the p95 limit undoes a healthy candidate, and how
late it finds a slow one; requests counted one by one beside seconds as well. Simulated.

Both sides wait together, as they do on one machine, so that nothing is wrong with the candidate.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import log

import numpy as np

from analysis import default_policy, rates
from analysis.bets import Flags, Floats
from analysis.by_seconds import Seconds
from analysis.late import SECOND_US

GATE = default_policy().gates["p95-limit"]
LEVEL = default_policy().rollback_level(GATE)
SEED = 67
USUAL = 0.005
"""The share over the limit while nothing stops."""
STOPPED = 0.96


@dataclass(frozen=True, slots=True)
class Stops:
    """A share of the time in stops of so many seconds on average; `first` begins with one of those.

    Their lengths are exponential, what lies between them, too.
    """

    share: float
    seconds: float
    first: bool = False

    def stopped(self, at: Floats, rng: np.random.Generator) -> Flags:
        """Which of these times, in seconds, lie in a stop."""
        if self.first:
            begin = rng.random() * 5
            return np.asarray((at >= begin) & (at < begin + self.seconds))
        number = int(at[-1] / self.seconds * self.share) * 3 + 20
        between = self.seconds * (1 - self.share) / self.share
        lengths = rng.exponential([[between, self.seconds]] * number).ravel()
        return np.searchsorted(lengths.cumsum(), at) % 2 == 1


NULLS = {
    "one stop of 0.5 s": Stops(0, 0.5, True),
    "one stop of 1 s": Stops(0, 1.0, True),
    "one stop of 4 s": Stops(0, 4.0, True),
    "one stop of 10 s": Stops(0, 10.0, True),
    "stops of 0.5 s, 2 % of the time": Stops(0.02, 0.5),
    "stops of 1 s, 2 % of the time": Stops(0.02, 1.0),
    "stops of 2 s, 2 % of the time": Stops(0.02, 2.0),
    "stops of 4 s, 2 % of the time": Stops(0.02, 4.0),
    "stops of 1 s, 4 % of the time": Stops(0.04, 1.0),
}
HARMS = (0.07, 0.1, 0.2, 0.5, 1.0)
RATES = (25.0, 300.0)


def arrivals(rate: float, seconds: float, rng: np.random.Generator) -> Floats:
    """Times of requests, in order."""
    return np.sort(rng.random(max(rng.poisson(rate * seconds), 1))) * seconds


def found(at: Floats, over: Flags) -> tuple[float, float]:
    """Seconds until harm is proven one by one, and in seconds as well; infinite where never."""
    counts = np.stack([over.cumsum(), (~over).cumsum()]).astype(np.float64)
    above = rates.harm_bets(GATE.tolerance or 0.0).path(counts) >= log(1 / LEVEL)
    second = at.astype(np.int64)
    ended = np.unique(second[second < int(at[-1])])
    asked = np.bincount(second)[ended].astype(np.float64)
    bad = np.bincount(second, weights=over)[ended]
    seconds = Seconds((ended + 1) * SECOND_US, asked, bad)
    last = np.searchsorted(at, ended + 1) - 1
    both = seconds.proven(GATE, LEVEL) & above[last]
    alone = float(at[above.argmax()]) if above.any() else np.inf
    return alone, float(ended[both.argmax()] + 1) if both.any() else np.inf


def false_alarms(stops: Stops, rate: float, records: int, seconds: float) -> tuple[float, float]:
    """The share of records of a healthy candidate that are undone, either way of counting."""
    hits = np.zeros(2)
    for seed in range(records):
        rng = np.random.default_rng([SEED, seed])
        at = arrivals(rate, seconds, rng)
        stopped = stops.stopped(at, rng)
        hits += np.isfinite(found(at, rng.random(len(at)) < np.where(stopped, STOPPED, USUAL)))
    return float(hits[0] / records), float(hits[1] / records)


def delays(share: float, rate: float, records: int, seconds: float) -> tuple[float, float]:
    """Mean seconds until a share of slow requests is found, at most those of the record."""
    waited = []
    for seed in range(records):
        rng = np.random.default_rng([SEED, 7, seed])
        at = arrivals(rate, seconds, rng)
        waited.append(np.minimum(found(at, rng.random(len(at)) < share), seconds))
    alone, both = np.mean(waited, axis=0)
    return float(alone), float(both)


def rows(full: bool) -> Iterable[dict[str, object]]:
    """Level, then delay."""
    records, seconds = (1_000, 600.0) if full else (100, 120.0)
    for name, stops in NULLS.items():
        for rate in RATES:
            alone, both = false_alarms(stops, rate, records, seconds)
            yield {
                "nothing is wrong": name,
                "requests a second": rate,
                "undone, one by one": alone,
                "undone, by seconds as well": both,
                "level": LEVEL,
            }
    for share in HARMS:
        for rate in RATES:
            alone, both = delays(share, rate, records // 4, seconds)
            yield {
                "slow requests": share,
                "requests a second": rate,
                "found after, one by one, s": alone,
                "by seconds as well, s": both,
            }
