"""Classical two-sample tests as a description of the whole record; none of them decides.

Looked at again and again they would find a difference that is not there; here each is computed
once, at the end. Their distributions are closed forms, held to scipy's by the tests: where no
guard needs scipy.special, importing it takes as long as a tenth of a million pairs.
"""

from math import erfc, exp, isqrt, lgamma, log, sqrt

import numpy as np

from analysis.bets import Flags, Floats, Integers
from analysis.pair_sample import PairSample
from analysis.pairs import NOT_SENT
from analysis.words import count

MOST = 100_000
LEAST = 2
CERTAIN, TERMS = 0.1, 60
"""Below it Kolmogorov's p-value is 1 to the last digit; terms that it needs from there on."""


def classical_rows(sample: PairSample) -> list[tuple[str, ...]]:
    """Question, test, n, statistic, p-value: two-sided."""
    pairs, errors, wrong = sample.pairs, sample.errors(), sample.wrong
    known = sample.in_time & (pairs.outcome != NOT_SENT)
    rows = [
        _mcnemar("errors", errors.candidate_harm, errors.baseline_safety),
        _fisher("errors", errors.candidate_harm, errors.baseline_safety),
    ]
    if known.any():
        rows.append(
            _mcnemar("wrong answers", wrong.candidate_harm[known], wrong.baseline_safety[known])
        )
    both = ~np.isnan(pairs.candidate_latency_ms) & ~np.isnan(pairs.baseline_latency_ms)
    if int(both.sum()) >= LEAST:
        baseline, candidate = _thinned(pairs.baseline_latency_ms[both]), _thinned(
            pairs.candidate_latency_ms[both]
        )  # fmt: skip
        rows += _of_latency(candidate, baseline)
    return rows


def _thinned(values: Floats) -> Floats:
    """Evenly spaced rows: the tests sort, and 100,000 tell as much."""
    return values[:: -(-len(values) // MOST)]


def _mcnemar(what: str, candidate: Flags, baseline: Flags) -> tuple[str, ...]:
    b, c = int((candidate & ~baseline).sum()), int((baseline & ~candidate).sum())
    alone = f"{count(b)} and {count(c)} on one side alone"
    value = _p_value(sign_test(b, c))
    return (f"{what}, paired", "McNemar, exact", count(len(candidate)), alone, value)


def sign_test(b: int, c: int) -> float:
    """The two-sided p-value of b against c where either is as likely: the exact McNemar test."""
    most = min(b, c)
    seen = np.arange(max(0, most - _reach(b + c)), most + 1)
    share = _log_choose(b + c, seen) - (b + c) * log(2)
    return min(1.0, 2 * float(np.exp(share).sum()))


def _fisher(what: str, candidate: Flags, baseline: Flags) -> tuple[str, ...]:
    n, bad = len(candidate), (int(candidate.sum()), int(baseline.sum()))
    told = f"{count(bad[0])} against {count(bad[1])}"
    value = _p_value(fisher_exact(*bad, n))
    return (f"{what}, not paired", "Fisher, exact", count(n), told, value)


def fisher_exact(bad: int, other_bad: int, n: int) -> float:
    """The two-sided p-value of bad against other_bad, each of n: tables no likelier than this one.

    Of two arms of one size these are twice the tail, as a table is as likely as its mirror image.
    """
    whole, least = bad + other_bad, min(bad, other_bad)
    own = np.arange(max(0, whole - n, least - _reach(whole)), least + 1)
    share = _log_choose(n, own) + _log_choose(n, whole - own)
    every = lgamma(2 * n + 1) - lgamma(whole + 1) - lgamma(2 * n - whole + 1)
    return 1.0 if bad == other_bad else min(1.0, 2 * float(np.exp(share - every).sum()))


def _reach(n: int) -> int:
    """How far from half of n so many fair coins never come: beyond 20 standard deviations."""
    return 10 * isqrt(n) + 50


def _log_choose(n: int, k: Integers) -> Floats:
    return lgamma(n + 1) - np.array([lgamma(i + 1) + lgamma(n - i + 1) for i in k.tolist()])


def _of_latency(candidate: Floats, baseline: Floats) -> list[tuple[str, ...]]:
    n = len(candidate)
    larger, ranks = mann_whitney(candidate, baseline)
    apart, distance = kolmogorov_smirnov(candidate, baseline)
    slower = f"candidate slower in {100 * larger:.3g} % of all couples"
    most = f"distributions at most {100 * apart:.3g} points apart"
    return [
        ("latency", "Mann-Whitney", count(n), slower, _p_value(ranks)),
        ("latency", "Kolmogorov-Smirnov", count(n), most, _p_value(distance)),
    ]


def mann_whitney(x: Floats, y: Floats) -> tuple[float, float]:
    """Share of couples in which x is larger, ties half; two-sided p-value, asymptotic.

    Corrected for ties and continuity. Mann and Whitney (1947).
    """
    m, n = len(x), len(y)
    _, place, ties = np.unique(np.concatenate([x, y]), return_inverse=True, return_counts=True)
    rank = ties.cumsum() - (ties - 1) / 2
    larger = rank[place[:m]].sum() - m * (m + 1) / 2
    tied = (ties.astype(np.float64) ** 3 - ties).sum() / ((m + n) * (m + n - 1))
    spread = np.sqrt(m * n / 12 * (m + n + 1 - tied))
    if spread == 0:
        return 0.5, 1.0
    z = (abs(larger - m * n / 2) - 0.5) / spread
    return float(larger / (m * n)), min(1.0, erfc(float(z) / sqrt(2)))


def kolmogorov_smirnov(x: Floats, y: Floats) -> tuple[float, float]:
    """The largest distance between two distribution functions; its p-value, asymptotic.

    The latter by Kolmogorov's series (1933), which needs no term where it is 1 anyway.
    """
    every = np.sort(np.concatenate([x, y]))
    own, other = (np.searchsorted(np.sort(v), every, side="right") / len(v) for v in (x, y))
    apart = float(np.abs(own - other).max())
    far = apart * sqrt(len(x) * len(y) / (len(x) + len(y)))
    if far < CERTAIN:
        return apart, 1.0
    return apart, 2 * sum((-1) ** (k - 1) * exp(-2 * (k * far) ** 2) for k in range(1, TERMS))


def _p_value(value: float) -> str:
    return "under 0.0001" if value < 1e-4 else f"{value:.3g}"
