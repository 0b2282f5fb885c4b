"""The exact comparison of two p95s, of paired latencies (research notes, 1.3, H3).

With q = 5 %, U = [y over bin j], V = [x in bin j or above]: if j holds the true p95 of x and that
of y is no larger, E[U] <= q <= E[V], so every bet 1 + l2 (U - q) + l1 (q - V) is fair or worse.
Which bin that is nobody knows: the evidence is the least over all bins, and fewer would not do.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import log

import numpy as np

from analysis.bets import Drawn, Flags, Floats, Integers, Kinds, Trace
from analysis.blocks import by_look, held
from analysis.quantiles import BINS, P95, Binned, bins

Q = 1 - P95
EVEN = np.array([0.04, 0.12, 0.25, 0.45, 0.75])
LOWER = np.array([0.0, 0.1, 0.3, 0.6, 0.9])
UPPER = np.array([0.1, 0.3, 0.8, 2.0])
ALONE = 0.1
SPREAD = 0.3
CHUNK = 32
CENTRAL = 7
MOST_SHOWN = 48
ENDS = bins(np.array([0.0, np.inf]))
"""What is not known is put into these, as what is for or against either claim."""
ROUNDING = 1e-12
"""What rounding may hide, for each pair."""


def _stakes() -> tuple[Floats, Floats, Floats]:
    """l1, l2 and weight of each bet: most on equal stakes, some on l1 alone, the rest spread."""
    spread = [(a, b) for a in LOWER for b in UPPER if a != b and P95 * a + Q * b < 0.98]
    lower = np.array([*EVEN, 1.0, *(a for a, _ in spread)])
    upper = np.array([*EVEN, 0.0, *(b for _, b in spread)])
    even = (1 - ALONE - SPREAD) / len(EVEN)
    shares = [even] * len(EVEN) + [ALONE] + [SPREAD / len(spread)] * len(spread)
    return lower, upper, np.array(shares)


L1, L2, WEIGHTS = _stakes()
LOG_WEIGHTS = np.log(WEIGHTS)
# Log gain of each bet where (U, V) is (1, 1), (1, 0), (0, 1), (0, 0).
GAINS = np.log1p(
    np.stack([L2 * (u - Q) + L1 * (Q - v) for u, v in ((1, 1), (1, 0), (0, 1), (0, 0))])
)
# One of these three settles most bins: below both p95s, above both, and above one of them.
PROBES = np.array(
    [int(np.flatnonzero((a == L1) & (b == L2))[0]) for a, b in ((0, 2), (1, 0), (0.9, 2))]
)


@dataclass(frozen=True, slots=True)
class QuantileBets:
    """Evidence from three histograms one after the other: bins passed by y, by x, by both."""

    def log_e(self, counts: Sequence[float] | Floats) -> float:
        """The least over all bins of the log wealth of the mixture."""
        passed = np.asarray(counts, dtype=np.float64).reshape(3, -1)
        return _least(_over(passed), np.float64(passed[0].sum()))

    def path(self, counts: Floats) -> Floats:
        """The same at each look."""
        return np.array([self.log_e(column) for column in counts.T])


@dataclass(frozen=True, slots=True)
class Passed:
    """How many bins y, x and both of each pair passed: three kinds, of so many."""

    kinds: tuple[Kinds, Kinds, Kinds]
    number: int


def follow_quantiles(y: Binned, x: Binned, looks: Integers, level: float) -> Trace:
    """Evidence that the p95 of y is beyond that of x, at looks."""
    passed = passed_of(y, x, *_range(y, x))
    number = passed.number

    def parts() -> Iterator[Integers]:
        for begin in range(0, len(looks), CHUNK):
            part, start = looks[begin : begin + CHUNK], int(looks[begin - 1]) if begin else 0
            yield np.stack([by_look(kinds, number, part, start) for kinds in passed.kinds])

    return follow_passed(parts(), number, looks, looks, len(y.ms), level)


def follow_passed(
    parts: Iterable[Integers], number: int, looks: Integers, came: Integers, rows: int, level: float
) -> Trace:
    """The same from counts (3 x some looks x number) since each part began, part after part.

    `came` are the pairs at each look.
    """
    threshold = log(1 / level)
    above = np.zeros(len(looks), dtype=np.bool_)
    shown = np.unique(np.linspace(0, len(looks) - 1, min(MOST_SHOWN, len(looks))).astype(np.int64))
    kept: list[Integers] = []
    last, begin = np.zeros((3, 1, number), dtype=np.int64), 0
    for part in parts:
        counts, end = last + part, begin + part.shape[1]
        above[begin:end] = _proven(_over(counts), came[begin:end], threshold)
        inside = shown[(shown >= begin) & (shown < end)] - begin
        kept.append(counts[:, inside].transpose(0, 2, 1).reshape(3 * number, -1))
        last, begin = counts[:, -1:], end
    told = np.concatenate(kept, axis=1, dtype=np.float64) if kept else np.zeros((3 * number, 0))
    path = QuantileBets().path(told)
    drawn = Drawn(looks[shown] - 1, told, path)
    log_e = float(path[-1]) if len(path) else 0.0
    final = tuple(last.reshape(-1).tolist())
    return Trace(QuantileBets(), final, log_e, threshold, held(above, looks, rows), drawn)


def _range(y: Binned, x: Binned) -> tuple[int, int]:
    """The lowest and the highest bin that was ever entered and one on either side.

    Without the two that stand for 0 and infinity.
    """
    entered = np.zeros(BINS, dtype=np.bool_)
    for side in (y, x):
        entered[side.place] = True
    entered[ENDS] = False
    known = np.flatnonzero(entered)
    return (int(known[0]) - 1, int(known[-1]) + 2) if len(known) else (0, 1)


def passed_of(y: Binned, x: Binned, least: int, most: int) -> Passed:
    """From the lowest to the highest bin told apart, which must not depend on later pairs."""
    high, low = (np.clip(side.place, least, most) - np.int16(least) for side in (y, x))
    return Passed((high, low + 1, np.minimum(high, low + 1)), most - least + 2)


def _over(passed: Floats | Integers) -> Floats | Integers:
    """Pairs that passed each bin, from how many passed so many bins, which come last."""
    ended = passed.cumsum(axis=-1)
    return np.asarray(ended[..., -1:] - ended[..., :-1])


def _proven(over: Floats | Integers, looks: Integers, threshold: float) -> Flags:
    """At which looks the evidence suffices: first around the p95s, in full where it does there."""
    n = looks.astype(np.float64)[:, None]
    own, other = np.count_nonzero(over[:2] > Q * n, axis=-1)[..., None]
    way = own + np.linspace(0, 1, CENTRAL) * (other - own)
    central = np.clip(way.round().astype(np.int64), 0, over.shape[-1] - 1)
    near = np.take_along_axis(over, central[None], axis=-1)
    proven: Flags = _mixture(_wealth(near.astype(np.float64), n)).min(axis=-1) >= threshold
    proven[proven] = _all_proven(over[:, proven], n[proven], threshold)
    return proven


def _all_proven(over: Floats | Integers, n: Floats, threshold: float) -> Flags:
    """Where no bin is below the threshold; a single bet settles most of them."""
    below = _probed(over, n) < threshold
    columns = np.broadcast_to(n, below.shape)[below]
    below[below] = _mixture(_wealth(over[:, below], columns)) < threshold
    return np.asarray(~below.any(axis=-1))


def _probed(over: Floats | Integers, n: Floats | np.float64) -> Floats:
    """Log wealth of the best of three bets with its weight, which the mixture's never is below."""
    own, other, both = over
    best = np.full(own.shape, -np.inf)
    for bet in PROBES:
        two, first, second, none = GAINS[:, bet]
        wealth = own * (first - none) + other * (second - none)
        wealth += both * (two - first - second + none) + (n * none + LOG_WEIGHTS[bet])
        np.maximum(best, wealth, out=best)
    return best


def _least(over: Floats | Integers, n: np.float64) -> float:
    """Only of bins that a single bet does not lift above what the mixture is at one of them."""
    lifted = _probed(over, n)
    found = float(_mixture(_wealth(over[:, lifted.argmin()], n)))
    rest = over[:, lifted <= found + ROUNDING * max(n, 1_000)]
    return float(_mixture(_wealth(rest, n)).min(initial=found))


def _wealth(over: Floats | Integers, n: Floats | np.float64) -> Floats:
    """Log wealth of each bet, last, from pairs over each bin: of y, of x, of both."""
    own, other, both = over
    cells = np.stack([both, own - both, other - both, n - own - other + both], axis=-1)
    return np.asarray(cells @ GAINS)


def _mixture(wealth: Floats) -> Floats:
    weighted = wealth + LOG_WEIGHTS
    peak = weighted.max(axis=-1, keepdims=True)
    return np.asarray(peak[..., 0] + np.log(np.exp(weighted - peak).sum(axis=-1)))
