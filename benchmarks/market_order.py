"""Answers on real prices in market order, where labels counted one by one are no evidence.

Days follow each other from a day drawn by chance, its 20 stocks side by side, on to the end and
round to the day before: versions whose difference over all of it is known. Whatever proves a harm
or a safety that is none there, is a false alarm.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from analysis import paired
from analysis.answer_blocks import Claim, block_trace
from analysis.answer_time import autocorrelation_time
from analysis.bets import Flags, Trace, follow
from analysis.dependence import Dependence
from analysis.sides import Sides
from demo.forecasters import Boosting, Ewma, Forecaster, HarRidge, Persistence
from demo.market import accurate, load_market

STOCKS = 20
SEED = 2026
LEVEL = 0.05
SHORT, FULL = 100, 1_000


@dataclass(frozen=True, slots=True)
class Replay:
    """A champion and a candidate, a limit of the difference of wrong answers, what is claimed."""

    champion: str
    candidate: str
    limit: float | None
    harm: bool

    @property
    def true(self) -> bool:
        """Whether what is claimed is so over all requests; at the limit it is not."""
        if self.limit is None:
            return False
        more = difference(self.champion, self.candidate)
        return more > self.limit if self.harm else more < self.limit

    @property
    def at(self) -> float:
        """The limit; None is the difference itself."""
        return difference(self.champion, self.candidate) if self.limit is None else self.limit


NULLS = (
    Replay("EWMA", "HAR", 0.0, True),
    Replay("HAR", "boosting", 0.0, True),
    Replay("HAR", "EWMA", None, True),
    Replay("boosting", "HAR", None, True),
    Replay("HAR", "EWMA", None, False),
    Replay("boosting", "HAR", None, False),
)
TRUE = (
    Replay("HAR", "EWMA", 0.0, True),
    Replay("HAR", "persistence", 0.0, True),
    Replay("EWMA", "HAR", 0.01, False),
    Replay("EWMA", "boosting", 0.01, False),
)


@cache
def wrong() -> dict[str, Flags]:
    """Which held-out requests each version gets wrong, in market order."""
    market = load_market()
    past, asked = market.train, market.held_out
    versions: dict[str, Forecaster] = {
        "EWMA": Ewma(),
        "persistence": Persistence(),
        "HAR": HarRidge().fit(past.features, past.target),
        "boosting": Boosting().fit(past.features, past.target),
    }
    return {
        name: ~accurate(version.predict(asked.features), asked.target)
        for name, version in versions.items()
    }


def difference(champion: str, candidate: str) -> float:
    """The share of wrong answers of the candidate less that of the champion, over all."""
    return float(wrong()[candidate].mean() - wrong()[champion].mean())


def known(champion: str) -> Dependence:
    """What the champion's own errors say of all of it."""
    errors = wrong()[champion]
    return Dependence("calibrated", window=len(errors), tau=autocorrelation_time(errors))


def judged(replay: Replay, start: int, block: int | None, level: float = LEVEL) -> Trace:
    """From one day on, once round; one by one, or in blocks."""
    own, other = (
        np.roll(wrong()[name], -start * STOCKS) for name in (replay.candidate, replay.champion)
    )
    if block is None:
        bets = paired.harm_bets if replay.harm else paired.safety_bets
        return follow(bets(replay.at), (own & ~other, other & ~own), level)
    sides = Sides(own, own, other, other)
    return block_trace(sides, block, len(own), Claim(replay.at, True, replay.harm), level)


def proven(replay: Replay, block: int | None, times: int) -> list[int]:
    """After how many labels it was proven, of replays from so many days."""
    days = len(wrong()["HAR"]) // STOCKS
    starts = np.random.default_rng(SEED).integers(0, days, times)
    firsts = (judged(replay, int(start), block).first() for start in starts)
    return [first + 1 for first in firsts if first is not None]


def rows(full: bool) -> Iterable[dict[str, Any]]:
    """How often each is proven, one by one and in blocks, with the labels it took."""
    times = FULL if full else SHORT
    for replay in (*NULLS, *TRUE):
        dependence = known(replay.champion)
        one, many = (proven(replay, block, times) for block in (None, dependence.block))
        yield {
            "champion -> candidate": f"{replay.champion} -> {replay.candidate}",
            "claim": f"{'over' if replay.harm else 'under'} {100 * replay.at:+.2f} points",
            "true": "yes" if replay.true else "no",
            "autocorrelation time": dependence.tau,
            "block": dependence.block,
            "proven one by one": len(one) / times,
            "proven in blocks": len(many) / times,
            "labels, blocks": float(np.mean(many)) if many else "-",
        }
