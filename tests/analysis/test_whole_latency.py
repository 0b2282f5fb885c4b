"""The whole distribution of latency: level, delay, symmetry, units, what only these gates see."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pair_tables import pairs, policy

from analysis import Outcome, judge, paired, payoffs, read_pairs, thresholds
from analysis.blocks import EVERY, counts_at, follow_blocks, looks_of
from analysis.findings import Estimate
from analysis.latency_arms import Arms, bare_arms, harm_arms, log_ratio, safety_arms
from analysis.latency_whole import interval_slower, slower
from analysis.quantiles import binned
from analysis.sides import over_limit_sides
from benchmarks import bands
from benchmarks.hosts import COMMON
from benchmarks.latencies import JUDGES, P95_MS, by_mean, crossed, drawn, reference, spoken

PINNED = "[latency]\nbaseline_p95_ms = 15.5\nbaseline_p99_ms = 20.0\n"
BARE = "".join(
    f"[gates.{gate}]\nfloor_ms = 0\n" for gate in ("frozen-p95", "frozen-p99", "gross-frozen-p95")
) + "".join(
    f"[gates.{gate}]\nfloor_ms = 0\nfloor = 0\n" for gate in ("latency-thresholds", "latency-mean")
)
WHOLE = ("latency-thresholds", "latency-mean")


@pytest.mark.parametrize("gate", JUDGES)
def test_equal_latencies_are_condemned_no_more_often_than_the_level(gate: str) -> None:
    """Both sides drawn alike, 10,000 pairs, level .05: the upper Wilson bound stays below it."""
    assert spoken(JUDGES[gate], "equal", 10_240, reps=400, seed=51).upper <= 0.055


DELAYS = {
    "thresholds, x1.1": ("latency-thresholds", "x1.1", 1.95),
    "thresholds, 5 % doubled": ("latency-thresholds", "5 % at random doubled", 2.0),
    "mean, x1.05": ("latency-mean", "x1.05", 1.75),
    "mean, x1.1": ("latency-mean", "x1.1", 1.9),
}


@pytest.mark.parametrize(("gate", "change", "most"), DELAYS.values(), ids=DELAYS.keys())
def test_a_difference_is_found_near_the_bound(gate: str, change: str, most: float) -> None:
    """The bound is the best single bet; for all thresholds that of the best one of them."""
    bound = reference(gate, change, 0.05, seed=52, n=100_000)

    found = spoken(JUDGES[gate], change, round(20 * bound), reps=40, seed=53)

    assert found.share == 1.0
    assert found.mean <= most * bound


FEWER = {"x1.05": (12_000, 12, 9.0), "x1.1": (5_000, 30, 9.5), "x1.2": (2_000, 80, 9.0)}


@pytest.mark.parametrize(("change", "told"), FEWER.items(), ids=FEWER.keys())
def test_bands_need_ten_times_the_pairs(change: str, told: tuple[int, int, float]) -> None:
    """Of all thresholds, and four times those of the frozen p95, less what chance does to a few."""
    horizon, reps, least = told

    found = bands.compared(change, COMMON, horizon, reps, seed=9)

    assert [found[judge].undetected for judge in (bands.ALL, bands.FROZEN)] == [0.0, 0.0]
    assert found[bands.BANDS].mean >= least * found[bands.ALL].mean
    assert found[bands.BANDS].mean >= 3.4 * found[bands.FROZEN].mean


@settings(max_examples=30)
@given(seed=st.integers(0, 2**16), delta=st.sampled_from([0.0, 0.01, 0.2]))
def test_swapping_arms_swaps_harm_and_safety_of_a_payoff(seed: int, delta: float) -> None:
    """Harm of Z beyond d is safety of -Z within -d, to the last digit."""
    counts = np.random.default_rng(seed).multinomial(900, np.full(payoffs.KINDS, 1 / payoffs.KINDS))
    kinds = np.random.default_rng(seed).normal(0, 0.4, 50)

    harm = payoffs.harm_bets(delta).log_e(counts.astype(float))

    assert harm == pytest.approx(payoffs.safety_bets(-delta).log_e(counts[::-1].astype(float)))
    assert (payoffs.down(kinds) == payoffs.KINDS - 1 - payoffs.up(-kinds)).all()


NULLS = {"none": 0.0, "a margin": 0.01, "a wide margin": 0.3}


@pytest.mark.parametrize("delta", NULLS.values(), ids=NULLS.keys())
def test_every_bet_on_a_payoff_is_fair_at_the_boundary(delta: float) -> None:
    """Whatever the distribution whose mean is the boundary, the wealth after a pair averages 1."""
    rng = np.random.default_rng(54)
    for _ in range(5):
        null = rng.dirichlet(np.full(payoffs.KINDS, 0.2))
        # Mixed with one end so that the mean is the boundary.
        mean, end = float(null @ payoffs.VALUES), 1.0 if null @ payoffs.VALUES < delta else -1.0
        share = (delta - mean) / (end - mean)
        null = (1 - share) * null + share * (end == payoffs.VALUES)
        for bets in (payoffs.harm_bets(delta), payoffs.safety_bets(delta)):
            assert null @ np.exp(bets.gains) == pytest.approx(1.0, abs=1e-12)


def test_rounding_only_loses_evidence() -> None:
    """Down for harm and up for safety, by less than a step; the unknown loses both claims."""
    payoff = np.append(np.random.default_rng(55).uniform(-1.5, 1.5, 500), [np.nan, np.inf, -np.inf])
    clipped = np.clip(payoff[:500], -1, 1)
    low, high = payoffs.VALUES[payoffs.down(payoff)], payoffs.VALUES[payoffs.up(payoff)]

    assert ((low[:500] <= clipped) & (clipped <= high[:500])).all()
    assert (high[:500] - low[:500] <= 1 / payoffs.STEPS + 1e-12).all()
    assert low[500:].tolist() == [-1.0, 1.0, -1.0]
    assert high[500:].tolist() == [1.0, 1.0, -1.0]


def test_both_ways_of_rounding_are_counted_at_once() -> None:
    """On steps, between them, beyond both ends and not known: the same counts as one by one."""
    steps = np.arange(-300, 301) / payoffs.STEPS
    spread = np.random.default_rng(56).normal(0, 0.5, 2_000)
    payoff = np.concatenate([steps, spread, [np.nan, np.nan, np.inf, -np.inf]])

    lower, upper = payoffs.apart(np.bincount(payoffs.both_ways(payoff), minlength=payoffs.BOTH))

    assert (lower == np.bincount(payoffs.down(payoff), minlength=payoffs.KINDS)).all()
    assert (upper == np.bincount(payoffs.up(payoff), minlength=payoffs.KINDS)).all()


def test_the_interval_of_a_mean_covers_it_while_it_is_looked_at() -> None:
    """At three looks of each of 40 records, missed by at most the level and some luck."""
    rng = np.random.default_rng(56)
    missed = 0
    for _ in range(40):
        payoff = np.clip(rng.normal(0.03, 0.3, 3_000), -1, 1)
        truth = 0.03
        ends = [
            payoffs.interval(
                np.bincount(payoffs.down(payoff[:n]), minlength=payoffs.KINDS).astype(float),
                np.bincount(payoffs.up(payoff[:n]), minlength=payoffs.KINDS).astype(float),
                0.05,
            )
            for n in (300, 1_000, 3_000)
        ]
        missed += any(not low <= truth <= high for low, high in ends)
        assert ends[-1][1] - ends[-1][0] < 0.06
    assert missed <= 4


def test_all_thresholds_are_mcnemar_at_each_of_them() -> None:
    """Counts from three histograms are those of comparing; evidence is the mean over thresholds."""
    arms = drawn(3 * EVERY + 7, "x1.2", np.random.default_rng(57))
    limits, looks = thresholds.grid(P95_MS), looks_of(3 * EVERY + 7)
    seen = slice(0, int(looks[-1]))
    wealth = []

    counts = crossed(arms.candidate, arms.baseline, limits, looks)[:, -1]

    for index, limit in enumerate(limits):
        candidate, baseline = arms.candidate[seen] > limit, arms.baseline[seen] > limit
        b, c = int((candidate & ~baseline).sum()), int((baseline & ~candidate).sum())
        assert (counts[index], counts[thresholds.NUMBER + index]) == (b, c)
        wealth.append(paired.harm_bets(0.0).log_e((b, c, seen.stop - b - c)))
    even, weighted = (
        bets.log_e(counts) for bets in (thresholds.ThresholdBets(), thresholds.LATENCY_BETS)
    )
    assert even == pytest.approx(np.log(np.mean(np.exp(wealth))))
    assert weighted == pytest.approx(np.log(thresholds.LATENCY_BETS.weights @ np.exp(wealth)))
    assert sum(thresholds.LATENCY_BETS.weights) == pytest.approx(1.0, abs=1e-12)
    assert len(thresholds.LATENCY_BETS.weights) == thresholds.NUMBER


def test_between_two_looks_stands_what_the_last_one_saw() -> None:
    """Nothing before the first look, and no pair behind the last look is counted."""
    kinds = np.full(150, payoffs.KINDS - 1)
    looks = looks_of(len(kinds))

    trace = follow_blocks(
        payoffs.harm_bets(0.0), counts_at(kinds, payoffs.KINDS, looks), looks, len(kinds), 1e-9
    )

    first = trace.first()
    assert first is not None
    assert first + 1 in looks
    assert 4 < first + 1 < 128
    assert trace.above[first:].all()
    assert sum(trace.counts) == looks[-1] == 144


@settings(max_examples=20)
@given(seed=st.integers(0, 2**16), limit=st.sampled_from([5.0, 12.0, 40.0]))
def test_the_arms_say_what_the_frozen_gates_say(seed: int, limit: float) -> None:
    """Less its allowance, a latency is over x exactly where it was over its limit for x."""
    frame = pairs(300, seed=seed, slow=0.1)
    lost = pl.Series(np.random.default_rng(seed).random(300) < 0.1)
    frame = frame.with_columns(
        candidate_outcome=pl.when(lost).then(pl.lit("timeout")).otherwise("candidate_outcome"),
        candidate_status=pl.when(lost).then(None).otherwise("candidate_status"),
        baseline_latency_ms=pl.when(lost.shift(1)).then(None).otherwise("baseline_latency_ms"),
        candidate_latency_ms=pl.when(lost.shift(2)).then(None).otherwise("candidate_latency_ms"),
    )
    table, gate = read_pairs(frame), policy().gates["latency-mean"]

    harm, safety = harm_arms(table, gate), safety_arms(table, gate)

    sides = over_limit_sides(table, max(1.1 * limit, limit + 10), limit)
    assert ((harm.candidate > limit) == sides.candidate_harm).all()
    assert ((harm.baseline > limit) == sides.baseline_harm).all()
    sides = over_limit_sides(table, max(1.25 * limit, limit + 10), limit)
    assert ((safety.candidate > limit) == sides.candidate_safety).all()
    assert ((safety.baseline > limit) == sides.baseline_safety).all()


@pytest.mark.parametrize("factor", [0.25, 64.0])
def test_units_do_not_matter(factor: float) -> None:
    """Milliseconds or microseconds: where every limit scales along, evidence is the same."""
    frame = pairs(4_000, seed=58, ratio=1.15)
    times = ("baseline_latency_ms", "candidate_latency_ms")
    scaled = frame.with_columns(pl.col(times) * factor)
    rescaled = BARE + f"[latency]\nbaseline_p95_ms = {15.5 * factor}\n"

    bare = judge(frame, policy(BARE + "[latency]\nbaseline_p95_ms = 15.5\n"))
    other = judge(scaled, policy(rescaled))

    for name in WHOLE:
        assert bare.finding(name).log_e_harm == pytest.approx(other.finding(name).log_e_harm)
        assert bare.finding(name).outcome is other.finding(name).outcome


def test_the_slowest_3_percent_doubled_are_seen_by_the_p99_alone_and_by_all_thresholds() -> None:
    """They were beyond the p95 before and still are, so the frozen p95 sees nothing."""
    frame = pairs(6_000, seed=59)
    slow = pl.col("candidate_latency_ms") > pl.col("candidate_latency_ms").quantile(0.97)
    frame = frame.with_columns(
        pl.when(slow).then(2 * pl.col("candidate_latency_ms")).otherwise("candidate_latency_ms")
        .alias("candidate_latency_ms")
    )  # fmt: skip

    verdict = judge(frame, policy(BARE + PINNED))

    outcomes = {f.name: f.outcome for f in verdict.findings}
    assert outcomes["frozen-p99"] is outcomes["latency-thresholds"] is Outcome.FAIL
    assert outcomes["frozen-p95"] is not Outcome.FAIL
    assert verdict.decision == "ROLLBACK"


def test_a_slower_half_that_ends_before_the_p95_is_harm() -> None:
    """The quick half takes a third longer, p95 and p99 stay: no frozen quantile sees it."""
    frame = pairs(6_000, seed=60)
    quick = pl.col("candidate_latency_ms") < pl.col("candidate_latency_ms").median()
    frame = frame.with_columns(
        pl.when(quick).then(1.3 * pl.col("candidate_latency_ms")).otherwise("candidate_latency_ms")
        .alias("candidate_latency_ms")
    )  # fmt: skip

    verdict = judge(frame, policy(BARE + PINNED))

    assert {f.name for f in verdict.findings if f.outcome is Outcome.FAIL} == set(WHOLE)
    said = verdict.finding("latency-mean").reason
    assert said.startswith("latency 1")
    assert "% slower on average, request by request (+" in said


def test_the_whole_of_a_healthy_latency() -> None:
    """The mean is proven within its margin; all thresholds can only find harm."""
    verdict = judge(pairs(), policy(PINNED))

    assert verdict.finding("latency-mean").outcome is Outcome.PASS
    told = verdict.finding("latency-thresholds")
    assert told.outcome is Outcome.INCONCLUSIVE
    assert told.reason.endswith("no harm found, which certifies nothing")
    assert not told.blocking


ABSENT = {
    "no latency of the candidate": ["candidate_latency_ms"],
    "no latency of the baseline": ["baseline_latency_ms"],
    "no latency": ["candidate_latency_ms", "baseline_latency_ms"],
}


@pytest.mark.parametrize("columns", ABSENT.values(), ids=ABSENT.keys())
@pytest.mark.parametrize("pinned", ["", PINNED], ids=["past from the record", "past pinned"])
def test_absent_latencies_prove_nothing(columns: list[str], pinned: str) -> None:
    """No gate that compares latencies says PASS or FAIL."""
    frame = pairs(7_000).with_columns(pl.lit(None, pl.Float64).alias(name) for name in columns)

    verdict = judge(frame, policy(pinned))

    compared = [f for f in verdict.findings if f.about == "latency" and f.name != "p95-limit"]
    assert {f.outcome for f in compared} == {Outcome.INCONCLUSIVE}


def test_the_mean_of_latencies_is_estimated_as_measured() -> None:
    """Without the allowance, as a ratio less 1, with its interval."""
    found = judge(pairs(6_000, seed=61, ratio=1.2), policy(PINNED)).finding("latency-mean").estimate
    bare = log_ratio(bare_arms(read_pairs(pairs(6_000, seed=61, ratio=1.2))))

    assert found.value == pytest.approx(np.exp(np.clip(bare, -1, 1).mean()) - 1)
    assert found.low is not None
    assert found.high is not None
    assert 0.18 < found.low < 0.2 < found.high < 0.22
    assert by_mean(Arms(np.ones(3), np.ones(3)), 0.05).first() is None


@pytest.mark.parametrize("p95", [0.01, 1.0, 15.5, 4_000.0])
def test_bins_tell_how_many_thresholds_are_passed(p95: float) -> None:
    """The same as a search, at thresholds, beside them, at nothing and without end."""
    limits = thresholds.grid(p95)
    beside = [np.nextafter(limits, way) for way in (0.0, np.inf)]
    spread = p95 * np.exp(np.random.default_rng(58).normal(0, 2, 5_000))
    values = np.concatenate([limits, *beside, spread, [0.0, 1e-9, 1e39, np.inf]])

    found = thresholds.passed(binned(values), limits)

    assert (found == np.searchsorted(limits, values, side="left")).all()


@pytest.mark.parametrize(
    ("ratio", "words"),
    [(None, "unknown"), (-0.1, "10 % faster"), (0.25, "25 % slower"),
     (16.78421113, "slower by a factor of 17.8")],
    ids=["no estimate", "faster", "slower", "a multiple"],
)  # fmt: skip
def test_a_difference_of_latency_is_told_as_people_say_it(ratio: float | None, words: str) -> None:
    """From twice as slow on, percent say nothing to anyone."""
    assert slower(ratio) == words


def test_an_interval_of_multiples_is_one_of_factors() -> None:
    """It is told in the unit of its estimate."""
    assert interval_slower(Estimate(16.8, 15.2, 19.3, 9)) == "a factor of 16.2 to 20.3"
    assert interval_slower(Estimate(0.2, 0.1, 0.3, 9)) == "+10 to +30 %"
