"""Classical two-sample tests as a description of the whole record; none of them decides.

Looked at again and again they would find a difference that is not there; here each is computed
once, at the end. Source: scipy.stats.
"""

import numpy as np
from scipy import stats

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
    value = float(stats.binomtest(b, b + c).pvalue) if b + c else 1.0
    alone = f"{count(b)} and {count(c)} on one side alone"
    return (f"{what}, paired", "McNemar, exact", count(len(candidate)), alone, _p_value(value))


def _fisher(what: str, candidate: Flags, baseline: Flags) -> tuple[str, ...]:
    n, bad = len(candidate), (int(candidate.sum()), int(baseline.sum()))
    value = float(stats.fisher_exact([[bad[0], n - bad[0]], [bad[1], n - bad[1]]]).pvalue)
    told = f"{count(bad[0])} against {count(bad[1])}"
    return (f"{what}, not paired", "Fisher, exact", count(n), told, _p_value(value))


def _of_latency(candidate: Floats, baseline: Floats) -> list[tuple[str, ...]]:
    n = len(candidate)
    ranks = stats.mannwhitneyu(candidate, baseline, method="asymptotic")
    distance = stats.ks_2samp(candidate, baseline, method="asymp")
    slower = f"candidate slower in {100 * ranks.statistic / n / n:.3g} % of all couples"
    apart = f"distributions at most {100 * distance.statistic:.3g} points apart"
    return [
        ("latency", "Mann-Whitney", count(n), slower, _p_value(float(ranks.pvalue))),
        ("latency", "Kolmogorov-Smirnov", count(n), apart, _p_value(float(distance.pvalue))),
    ]


def _p_value(value: float) -> str:
    return "under 0.0001" if value < 1e-4 else f"{value:.3g}"
