"""Intervals hold at all looks at once, and the pieces agree with what scipy computes."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from analysis import bets, paired, quantiles, rates
from analysis.bets import follow
from analysis.drift import chance

LOOKS = np.unique(np.geomspace(5, 4_000, 25).astype(int))


def interval(b: int, c: int, n: int, level: float) -> tuple[float, float]:
    """Where both counts are known."""
    return paired.interval((b, c), (b, c), n, level)


def missed(draws: Callable[[np.random.Generator], bool], reps: int, seed: int) -> float:
    """Share of repetitions in which the interval ever missed the truth."""
    rng = np.random.default_rng(seed)
    return sum(draws(rng) for _ in range(reps)) / reps


@pytest.mark.parametrize("rate", [0.001, 0.05, 0.5])
def test_a_rate_stays_inside_its_interval(rate: float) -> None:
    """Looked at 25 times, it is missed by at most one stream in twenty."""

    def miss(rng: np.random.Generator) -> bool:
        bad = (rng.random(4_000) < rate).cumsum()
        ends = [rates.interval(int(bad[n - 1]), int(n), 0.05) for n in LOOKS]
        return any(not low <= rate <= high for low, high in ends)

    assert missed(miss, reps=120, seed=51) <= 0.05


@pytest.mark.parametrize("truth", [(0.02, 0.05), (0.001, 0.001), (0.3, 0.1)])
def test_a_difference_stays_inside_its_interval(truth: tuple[float, float]) -> None:
    """The mean of D, for rare and for common disagreement."""

    def miss(rng: np.random.Generator) -> bool:
        draw = rng.random(4_000)
        b, c = (draw < truth[0]).cumsum()[LOOKS - 1], (draw > 1 - truth[1]).cumsum()[LOOKS - 1]
        counts = np.stack([b, c, LOOKS - b - c]).astype(float)
        low, high = paired.lows(counts, 0.025), paired.highs(counts, 0.025)
        return bool(((truth[0] - truth[1] < low) | (truth[0] - truth[1] > high)).any())

    assert missed(miss, reps=60, seed=52) <= 0.05


def test_a_quantile_stays_inside_its_interval() -> None:
    """The p95 of a lognormal, in milliseconds."""
    truth = float(stats.lognorm.ppf(0.95, 0.5, scale=10))

    def miss(rng: np.random.Generator) -> bool:
        values = 10 * np.exp(0.5 * rng.normal(size=4_000))
        found = [quantiles.quantile(np.sort(values[:n]), 0.95, 0.05) for n in LOOKS]
        return any(q is None or not q.low <= truth <= q.high for q in found)

    assert missed(miss, reps=120, seed=53) <= 0.05


@pytest.mark.parametrize("n", [1, 10, 1_000, 1_000_000])
def test_intervals_hold_the_estimate_and_mirror(n: int) -> None:
    """Bad and good change places, b and c change signs."""
    for bad in {0, 1, n // 3, n}:
        low, high = rates.interval(bad, n, 0.05)
        assert 0 <= low <= bad / n <= high <= 1
        assert rates.interval(n - bad, n, 0.05) == pytest.approx((1 - high, 1 - low))
        low, high = interval(bad, (n - bad) // 2, n, 0.05)
        assert -1 <= low <= (bad - (n - bad) // 2) / n <= high <= 1
        assert interval((n - bad) // 2, bad, n, 0.05) == pytest.approx((-high, -low))


def test_many_intervals_at_once_are_those_of_each_alone() -> None:
    """A column of counts does not know the others; none, few and many pairs."""
    counts = np.array([[0, 1, 0, 40, 900], [0, 0, 3, 55, 2], [0, 0, 0, 9_000, 98]], dtype=float)
    low, high = paired.lows(counts, 0.025), paired.highs(counts, 0.025)

    for each, (b, c, rest) in enumerate(counts.T.astype(int).tolist()):
        alone = interval(b, c, b + c + rest, 0.05)
        assert alone == pytest.approx((low[each], high[each]), abs=1e-12)


def test_intervals_narrow_with_the_root_of_n() -> None:
    """A hundred times the pairs, some ten times narrower."""
    widths = [np.subtract(*interval(n // 20, n // 20, n, 0.05)) for n in (10**4, 10**6)]

    assert 7 < widths[0] / widths[1] < 12


def test_the_true_counts_of_the_demo_are_inside() -> None:
    """EWMA to HAR on 59,940 held-out rows: 1,416 only the second wrong, 2,771 only the first."""
    low, high = interval(1_416, 2_771, 59_940, 0.05)

    assert low < (1_416 - 2_771) / 59_940 < high < 0


def test_likelihood_ratios_are_those_of_the_binomial() -> None:
    """Each bet of a rate gate is a ratio of two binomial probabilities."""
    mixture = rates.harm_bets(0.05)
    odds = rates.ODDS_RATIOS * 0.05 / 0.95

    ours = np.array([17, 183]) @ mixture.gains
    theirs = stats.binom.logpmf(17, 200, odds / (1 + odds)) - stats.binom.logpmf(17, 200, 0.05)

    assert ours == pytest.approx(theirs)


def test_the_paired_bet_is_the_binomial_on_discordant_pairs() -> None:
    """McNemar's: b of b + c against one half."""
    mixture = paired.harm_bets(0.0)
    shares = (1 + paired.EVEN_STAKES) / 2

    ours = np.array([30, 12, 5_000]) @ mixture.gains
    theirs = stats.binom.logpmf(30, 42, shares) - stats.binom.logpmf(30, 42, 0.5)

    assert ours == pytest.approx(theirs)


def test_what_chance_allows_is_the_chi_square_quantile() -> None:
    """Of the guard, for one degree of freedom less than blocks."""
    assert chance(np.arange(1, 30), 0.999) == pytest.approx(stats.chi2.ppf(0.999, np.arange(1, 30)))


def test_order_statistics_are_nearest_rank() -> None:
    """As numpy's inverted distribution function."""
    values = np.random.default_rng(54).lognormal(size=5_000)

    found = quantiles.order_statistic(values, 0.95)

    assert found == np.quantile(values, 0.95, method="inverted_cdf")


@pytest.mark.parametrize("size", [1, 7, 64, 1_000])
def test_chunks_of_any_size_give_the_same_trace(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts are carried from chunk to chunk, so chunking changes nothing."""
    rng = np.random.default_rng(55)
    b, c = rng.random(500) < 0.08, rng.random(500) < 0.02
    events = (b & ~c, c & ~b)
    whole = follow(paired.harm_bets(0.0), events, 0.05)

    monkeypatch.setattr(bets, "CHUNK", size)
    again = follow(paired.harm_bets(0.0), events, 0.05)

    assert (again.counts, again.log_e, again.first()) == (whole.counts, whole.log_e, whole.first())
    assert (again.above == whole.above).all()


def test_the_smallest_harm_found_is_just_enough() -> None:
    """One pair's worth less would have been missed."""
    mixture = rates.harm_bets(0.05)
    found = rates.smallest_harm(mixture, 2_000, 0.05, 4.0)

    assert found is not None
    assert mixture.log_e((2_000 * found, 2_000 * (1 - found))) == pytest.approx(4.0, abs=1e-6)
    assert rates.smallest_harm(mixture, 1, 0.05, 4.0) is None


def test_the_trace_is_the_mixture_at_every_look() -> None:
    """Look by look the same as computed from the counts alone, from the start row on."""
    rng = np.random.default_rng(56)
    b, c = rng.random(300) < 0.2, rng.random(300) < 0.1
    b, c = b & ~c, c & ~b
    mixture = paired.harm_bets(0.0)

    trace = follow(mixture, (b, c), 0.2, start=40)

    for look in range(300):
        seen = slice(40, look + 1)
        counts = (b[seen].sum(), c[seen].sum(), (~b & ~c)[seen].sum())
        assert trace.above[look] == (look >= 40 and mixture.log_e(counts) >= np.log(5))


@pytest.mark.parametrize("level", [0.05, 0.001])
@pytest.mark.parametrize(
    ("bad", "n"), [(1, 40), (3, 1_000), (250, 1_000), (999, 1_000)], ids=lambda told: str(told)
)
def test_the_ends_of_a_rate_are_where_scipys_mixture_is_a_threshold_times_as_likely(
    bad: int, n: int, level: float
) -> None:
    """Robbins: at its ends the beta-binomial says 1/level times what the binomial says.

    It is what confseq has in closed form (Howard and others, 2021), by another's distributions.
    """

    def ratio(rate: float) -> float:
        mixed = stats.betabinom.logpmf(bad, n, 0.5, 0.5)
        return float(np.exp(mixed - stats.binom.logpmf(bad, n, rate)))

    low, high = rates.interval(bad, n, level)
    assert [ratio(low), ratio(high)] == pytest.approx([1 / level] * 2, rel=1e-6)


@pytest.mark.parametrize("n", [200, 5_000])
def test_the_ranks_of_a_quantile_are_the_last_that_scipys_mixture_lets_stand(n: int) -> None:
    """Howard and Ramdas for a fixed quantile, by the counts at or below it."""
    share, level = 0.95, 0.05
    a, b = quantiles.PRIOR * share, quantiles.PRIOR * (1 - share)
    k = np.arange(n + 1)
    ratio = stats.betabinom.logpmf(k, n, a, b) - stats.binom.logpmf(k, n, share)
    stands = np.flatnonzero(ratio < np.log(1 / level))

    found = quantiles.quantile(np.arange(1.0, n + 1), share, level)

    assert found is not None
    assert (found.low, found.high) == (float(stands[0]), float(stands[-1] + 1))
