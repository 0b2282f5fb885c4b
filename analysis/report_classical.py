"""Classical two-sample tests as a description of the whole record; none of them decides.

Looked at again and again they would find a difference that is not there; here each is computed
once, at the end. Their distributions are those of scipy.special: importing scipy.stats alone takes
longer than judging 100,000 pairs.
"""

import numpy as np
from scipy.special import bdtr, gammaln, kolmogorov, ndtr

from analysis.bets import Flags, Floats
from analysis.pairs import NOT_SENT, Pairs
from analysis.policy import JudgePolicy
from analysis.sides import error_sides, wrong_sides
from analysis.words import count

MOST = 100_000
LEAST = 2


def classical_rows(pairs: Pairs, policy: JudgePolicy, in_time: Flags) -> list[tuple[str, ...]]:
    """Question, test, n, statistic, p-value: two-sided."""
    errors = error_sides(pairs, policy.timeout)
    wrong = wrong_sides(pairs, in_time, policy.accuracy)
    known = in_time & (pairs.outcome != NOT_SENT)
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
    return min(1.0, 2 * float(bdtr(min(b, c), b + c, 0.5)))


def _fisher(what: str, candidate: Flags, baseline: Flags) -> tuple[str, ...]:
    n, bad = len(candidate), (int(candidate.sum()), int(baseline.sum()))
    told = f"{count(bad[0])} against {count(bad[1])}"
    value = _p_value(fisher_exact(*bad, n))
    return (f"{what}, not paired", "Fisher, exact", count(n), told, value)


def fisher_exact(bad: int, other_bad: int, n: int) -> float:
    """The two-sided p-value of bad against other_bad, each of n: tables no likelier than this one.

    Up to 1 part in 10 million two tables count as equally likely, for rounding.
    """
    whole = bad + other_bad
    own = np.arange(max(0, whole - n), min(whole, n) + 1, dtype=np.float64)
    weight = _log_choose(n, own) + _log_choose(n, whole - own)
    share = np.exp(weight - weight.max())
    seen = share[bad - int(own[0])]
    return min(1.0, float(share[share <= seen * (1 + 1e-7)].sum() / share.sum()))


def _log_choose(n: int, k: Floats) -> Floats:
    return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))


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
    return float(larger / (m * n)), min(1.0, 2 * float(ndtr(-z)))


def kolmogorov_smirnov(x: Floats, y: Floats) -> tuple[float, float]:
    """The largest distance between two distribution functions; its p-value, asymptotic."""
    every = np.sort(np.concatenate([x, y]))
    own, other = (np.searchsorted(np.sort(v), every, side="right") / len(v) for v in (x, y))
    apart = float(np.abs(own - other).max())
    return apart, float(kolmogorov(apart * np.sqrt(len(x) * len(y) / (len(x) + len(y)))))


def _p_value(value: float) -> str:
    return "under 0.0001" if value < 1e-4 else f"{value:.3g}"
