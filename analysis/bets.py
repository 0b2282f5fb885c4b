"""Fixed mixtures of bets on integer counts: the kernel of every e-process here.

A bet j turns counts c into wealth exp(sum_k c_k gain_kj); the mixture over j is an e-process
whenever each bet is, and its state is the counts alone. Never plug-in bets: they do not merge.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Kinds = npt.NDArray[np.integer[Any]]
"""Which of some kinds each row is of, in as few bytes as hold them."""

CHUNK = 8_192
SHOWN = 240
"""Looks of which a trace keeps the evidence, so that its course can be drawn."""


class Evidence(Protocol):
    """What turns counts into log evidence: at one look, or along an array of kinds x looks."""

    def log_e(self, counts: Sequence[float] | Floats) -> float:
        """Log evidence at these counts."""

    def path(self, counts: Floats) -> Floats:
        """Log evidence at each look."""


@dataclass(frozen=True, slots=True)
class Bets:
    """Gains in log wealth, a row per kind of pair and a column per bet; the weights of the bets."""

    gains: Floats
    log_weights: Floats

    def log_e(self, counts: Sequence[float] | Floats) -> float:
        """Log wealth of the mixture at these counts."""
        totals = self.log_weights + np.asarray(counts, dtype=np.float64) @ self.gains
        peak = float(totals.max())
        return peak + log(float(np.exp(totals - peak).sum()))

    def path(self, counts: Floats) -> Floats:
        """Log wealth of the mixture at each look."""
        return self.mixture(self.log_wealth(counts))

    def between(self, before: Floats, after: Floats) -> tuple[Floats, Floats]:
        """Log wealth is never below the first, nor above the second, on any way between counts.

        For arrays of kinds x ways.
        """
        ends = np.stack([before, after])[..., None] * self.gains[:, None, :]
        least, most = (
            np.logaddexp.reduce(self.log_weights + bound(axis=0).sum(axis=0), axis=-1)
            for bound in (ends.min, ends.max)
        )
        return np.asarray(least), np.asarray(most)

    def mixture(self, log_wealth: Floats) -> Floats:
        """Log of the weighted sum over bets, for an array of bets x looks."""
        totals = log_wealth + self.log_weights[:, None]
        peak = totals.max(axis=0)
        totals -= peak
        return np.asarray(peak + np.log(np.exp(totals).sum(axis=0)))

    def log_wealth(self, counts: Floats) -> Floats:
        """Log wealth of each bet, for an array of kinds x looks."""
        wealth: Floats = self.gains[0][:, None] * counts[0]
        for gain, count in zip(self.gains[1:], counts[1:], strict=True):
            wealth += gain[:, None] * count
        return wealth


def even(gains: Floats) -> Bets:
    """The mixture that gives each bet the same weight."""
    number = gains.shape[1]
    return Bets(gains, np.full(number, -log(number)))


@dataclass(frozen=True, slots=True)
class Drawn:
    """Some looks of an e-process: their indices, the counts (kinds x looks), log evidence."""

    looks: Integers
    counts: Floats
    log_e: Floats


@dataclass(frozen=True, slots=True)
class Trace:
    """An e-process followed over looks: where it stands, and where it stood above its threshold."""

    bets: Evidence
    counts: tuple[int, ...]
    log_e: float
    threshold: float
    above: Flags
    drawn: Drawn

    @property
    def progress(self) -> float:
        """Evidence as a fraction of what decides, held to -1..1 for display."""
        return max(-1.0, min(1.0, self.log_e / self.threshold))

    def first(self, allowed: Flags | None = None) -> int | None:
        """The first look (from 0) above the threshold, among the allowed ones."""
        looks = self.above if allowed is None else self.above & allowed
        if not looks.any():
            return None
        return int(looks.argmax())


@dataclass(frozen=True, slots=True)
class Counted:
    """Pairs of each kind, the rest last, that had come by each look: kinds x looks."""

    counts: Floats


Events: TypeAlias = "Sequence[Flags] | Counted"


def follow(bets: Bets, events: Events, level: float, start: int = 0) -> Trace:
    """Look after every pair from `start` on; `events` flags all kinds but the last, the rest.

    Where events are counted already, each count is a look. Counts are integers and exact; the
    threshold is log(1/level), by Ville's inequality.
    """
    if isinstance(events, Counted):
        return followed(bets, events.counts, level)
    looks = len(events[0])
    threshold = log(1 / level)
    above = np.zeros(looks, dtype=np.bool_)
    begins = np.arange(start, looks, CHUNK)
    ends = _counts_at(events, start, np.append(begins[1:], looks)[: len(begins)])
    before = np.concatenate([np.zeros((len(ends), 1)), ends[:, :-1]], axis=1)[:, : len(begins)]
    least, most = bets.between(before, ends)
    for at in np.flatnonzero(most >= threshold):
        begin, stop = int(begins[at]), min(int(begins[at]) + CHUNK, looks)
        if least[at] >= threshold:
            above[begin:stop] = True
        else:
            inside = [kind[begin:stop].cumsum() for kind in events]
            rest = np.arange(1, stop - begin + 1) - np.sum(inside, axis=0)
            counts = before[:, [at]] + np.stack([*inside, rest])
            above[begin:stop] = bets.path(counts) >= threshold
    final = tuple(int(n) for n in ends[:, -1]) if len(begins) else (0,) * len(ends)
    return Trace(bets, final, bets.log_e(final), threshold, above, _drawn(bets, events, start))


def _counts_at(events: Sequence[Flags], start: int, ends: Integers) -> Floats:
    """Pairs of each kind and of the rest, from `start` up to each end."""
    if not len(ends):
        return np.zeros((len(events) + 1, 0))
    begins = np.append(start, ends[:-1])
    parts = [
        [np.count_nonzero(kind[begin:end]) for begin, end in zip(begins, ends, strict=True)]
        for kind in events
    ]
    running = np.cumsum(parts, axis=1, dtype=np.float64)
    return np.concatenate([running, [ends - start - running.sum(axis=0)]])


def followed(bets: Evidence, counts: Floats, level: float) -> Trace:
    """The same of counts at looks, kinds x looks."""
    threshold, number = log(1 / level), counts.shape[1]
    if not number:
        nothing = Drawn(np.zeros(0, dtype=np.int64), counts, np.zeros(0))
        none = np.zeros(0, dtype=np.bool_)
        return Trace(bets, (0,) * len(counts), 0.0, threshold, none, nothing)
    path, shown = bets.path(counts), shown_looks(0, number)
    final = tuple(int(count) for count in counts[:, -1])
    drawn = Drawn(shown, counts[:, shown], path[shown])
    return Trace(bets, final, float(path[-1]), threshold, path >= threshold, drawn)


def shown_looks(start: int, looks: int) -> Integers:
    """Half of them evenly spaced, half in ratio, the first and the last among them."""
    if looks <= start:
        return np.zeros(0, dtype=np.int64)
    even_spaced = np.linspace(0, looks - start - 1, SHOWN // 2)
    in_ratio = np.geomspace(1, looks - start, SHOWN // 2) - 1
    shown = np.concatenate([even_spaced, in_ratio]).round().astype(np.int64)
    return np.unique(shown) + start


def _drawn(bets: Bets, events: Sequence[Flags], start: int) -> Drawn:
    looks = shown_looks(start, len(events[0]))
    if not len(looks):
        return Drawn(looks, np.zeros((len(events) + 1, 0)), np.zeros(0))
    counts = _counts_at(events, start, looks + 1)
    return Drawn(looks, counts, bets.mixture(bets.log_wealth(counts)))
