"""Better, smaller losses, the same answers: what each of them proves, and what it never does."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pair_tables import pairs, policy

from analysis import Outcome, judge, paired, read_pairs
from analysis.losses import lost_in
from benchmarks.calibration import importance_level

PINNED = "[latency]\nbaseline_p95_ms = 15.5\n"
HARMFUL = "[gates.latency-thresholds]\nweight = 0.05\n[gates.loss-paired]\nweight = 0.1\n"
BRIER = '[gates.loss-paired]\nloss = "brier"\n'
EQUAL = {"only_candidate_wrong": 0.03, "only_baseline_wrong": 0.03}


def answered(candidate: object, baseline: object, label: object, n: int = 6_000) -> pl.DataFrame:
    """Pairs with these predictions and labels."""
    return pairs(n).with_columns(
        candidate_prediction=pl.Series(candidate),
        baseline_prediction=pl.Series(baseline),
        label=pl.Series(label),
    )


def test_a_better_candidate_is_proven_better_and_an_equal_one_never() -> None:
    """Three points more right answers are a proof; the same number is none."""
    better = judge(pairs(6_000), policy(PINNED)).finding("accuracy-superior")
    equal = judge(pairs(6_000, **EQUAL), policy(PINNED)).finding("accuracy-superior")

    assert better.outcome is Outcome.PASS
    assert "to beat 0.0) in 6,000 labelled pairs" in better.reason
    assert equal.outcome is Outcome.INCONCLUSIVE
    assert equal.reason.endswith("not proven to be better")
    assert equal.harm is None


def test_better_by_more_takes_more() -> None:
    """Against "better by 2 points" three points take longer, and "by 5" is not true."""
    asked = [
        judge(pairs(8_000), policy(f"{PINNED}[gates.accuracy-superior]\nmargin = {margin}\n"))
        for margin in (0.0, -0.01, -0.05)
    ]
    found = [verdict.finding("accuracy-superior").decided_at for verdict in asked]

    assert found[0] is not None
    assert found[1] is not None
    assert found[0].pair < found[1].pair
    assert found[2] is None


def test_superiority_keeps_its_level_beyond_a_negative_margin() -> None:
    """At the boundary, one point better, "more than one point better" is seldom proven."""
    found = importance_level(paired.safety_bets(-0.01), (0.02, 0.03, 0.95), 0.05, 200, 100_000, 81)

    assert found.upper <= 0.05 * (1 + 1e-9)


def test_a_superiority_that_blocks_holds_an_equal_candidate() -> None:
    """A policy may ask for better, not only for no worse."""
    text = f"{PINNED}[gates.accuracy-superior]\nblocking = true\n"

    assert judge(pairs(8_000), policy(text)).decision == "PROMOTE"
    held = judge(pairs(8_000, both_wrong=0.05, **EQUAL), policy(text))
    assert held.decision == "INCONCLUSIVE"
    assert "accuracy" in held.reason


LOG = policy().gates["loss-paired"]
PROBABILITIES = policy(BRIER).gates["loss-paired"]
LOSSES = {
    "log, off by a tenth": (LOG, 1.1, 1.0, 1.0, np.log(1.1)),
    "log, below is as bad as above": (LOG, 1 / 1.1, 1.0, 1.0, np.log(1.1)),
    "log, held to a whole loss": (LOG, 1000.0, 1.0, 1.0, 1.0),
    "log, of what is not positive": (LOG, -1.0, 1.0, 1.0, 1.0),
    "log, equal and negative": (LOG, -2.0, 3.0, -2.0, -1.0),
    "log, no answer loses all": (LOG, None, 1.0, 1.0, 1.0),
    "brier": (PROBABILITIES, 0.7, 0.9, 1.0, 0.09 - 0.01),
    "brier, no answer loses all": (PROBABILITIES, None, 1.0, 1.0, 1.0),
    "brier, no probability": (PROBABILITIES, 1.7, 0.9, 1.0, None),
    "brier, no class": (PROBABILITIES, 0.7, 0.9, 2.0, None),
}


@pytest.mark.parametrize(
    ("gate", "candidate", "baseline", "label", "lost"), LOSSES.values(), ids=LOSSES.keys()
)
def test_what_an_answer_loses(
    gate: object, candidate: float | None, baseline: float, label: float, lost: float | None
) -> None:
    """Candidate minus baseline, unknown where no such loss exists."""
    table = read_pairs(answered([candidate], [baseline], [label], 1))

    found = lost_in(table, np.ones(1, dtype=np.bool_), gate).differences()[0]  # type: ignore[arg-type]

    assert np.isnan(found) if lost is None else found == pytest.approx(lost)


def test_without_a_label_equal_answers_lost_the_same_and_others_are_unknown() -> None:
    """So late or missing labels prove neither harm nor safety."""
    table = read_pairs(answered([1.0, 1.2], [1.0, 1.0], [1.0, 1.0], 2))

    found = lost_in(table, np.zeros(2, dtype=np.bool_), LOG).differences()

    assert found[0] == 0.0
    assert np.isnan(found[1])


@settings(max_examples=20)
@given(seed=st.integers(0, 2**16), factor=st.sampled_from([0.01, 3.0, 1e6]))
def test_a_log_error_has_no_unit_and_swapping_sides_turns_its_sign(
    seed: int, factor: float
) -> None:
    """Prices in cents lose what prices in dollars lose."""
    rng = np.random.default_rng(seed)
    own, other, label = np.exp(rng.normal(0, 0.5, (3, 40)))
    in_time = np.ones(40, dtype=np.bool_)

    bare = lost_in(read_pairs(answered(own, other, label, 40)), in_time, LOG).differences()

    scaled = read_pairs(answered(own * factor, other * factor, label * factor, 40))
    assert lost_in(scaled, in_time, LOG).differences() == pytest.approx(bare)
    swapped = read_pairs(answered(other, own, label, 40))
    lost = lost_in(swapped, in_time, LOG)
    assert lost.differences() == pytest.approx(-bare)
    own_lost, other_lost = (float(each[lost.both()].mean()) for each in (lost.own, lost.other))
    assert own_lost - other_lost == pytest.approx(float(-bare.mean()))


def test_larger_losses_are_harm_where_the_policy_gives_them_a_weight() -> None:
    """20 % off against 10 % off: the same right answers, a larger error."""
    frame = pairs(6_000, **EQUAL)

    advisory = judge(frame, policy(PINNED))
    harmful = judge(frame, policy(PINNED + HARMFUL))

    assert advisory.finding("loss-paired").outcome is Outcome.INCONCLUSIVE
    assert advisory.decision != "ROLLBACK"
    assert harmful.finding("loss-paired").outcome is Outcome.FAIL
    assert harmful.reason.startswith("log error 0.")
    assert "accuracy" not in harmful.reason


def test_equal_losses_are_proven_within_the_margin() -> None:
    """The same errors on both sides, in another order."""
    rng = np.random.default_rng(82)
    errors = np.exp(rng.normal(0, 0.05, (2, 6_000)))
    found = judge(answered(errors[0], errors[1], np.ones(6_000)), policy(PINNED))

    finding = found.finding("loss-paired")
    assert finding.outcome is Outcome.PASS
    assert finding.estimate.low is not None
    assert finding.estimate.high is not None
    assert finding.estimate.low < 0 < finding.estimate.high
    assert "margin +0.01) in 6,000 labelled pairs" in finding.reason


NOT_TAKEN = {
    "texts": (answered(["buy"] * 6_000, ["sell"] * 6_000, ["buy"] * 6_000), "", "are texts, which"),
    "prices as probabilities": (pairs(6_000), BRIER, "are not probabilities: "),
    "labels that are no classes": (
        answered(np.full(6_000, 0.5), np.full(6_000, 0.5), np.full(6_000, 0.3)),
        BRIER,
        "labels are not 0 or 1: 0.3",
    ),
    "no predictions": (
        pairs(6_000).with_columns(
            candidate_prediction=pl.lit(None, pl.Float64),
            baseline_prediction=pl.lit(None, pl.Float64),
        ),
        "",
        "the record holds no predictions",
    ),
}


@pytest.mark.parametrize(("frame", "text", "why"), NOT_TAKEN.values(), ids=NOT_TAKEN.keys())
def test_a_loss_that_cannot_be_taken_says_why_and_proves_nothing(
    frame: pl.DataFrame, text: str, why: str
) -> None:
    """Neither FAIL nor PASS."""
    finding = judge(frame, policy(PINNED + text)).finding("loss-paired")

    assert finding.outcome is Outcome.INCONCLUSIVE
    assert why in finding.reason


def test_probabilities_are_judged_by_brier() -> None:
    """A blunted forecast of a class is worse, and a policy that weighs it says so."""
    rng = np.random.default_rng(83)
    sure = rng.uniform(0, 1, 6_000)
    label = (rng.random(6_000) < sure).astype(float)
    text = PINNED + HARMFUL + 'loss = "brier"\n'

    finding = judge(answered(0.5 + 0.3 * (sure - 0.5), sure, label), policy(text)).finding(
        "loss-paired"
    )

    assert finding.outcome is Outcome.FAIL
    assert finding.reason.startswith("Brier loss 0.2")


def classes(share: float, n: int = 6_000) -> pl.DataFrame:
    """A classifier whose answers differ on this share of requests."""
    differ = np.random.default_rng(84).random(n) < share
    return answered(np.where(differ, "sell", "buy"), ["buy"] * n, ["buy"] * n, n)


def test_few_different_answers_certify_accuracy_before_a_single_label() -> None:
    """2 in 1,000 differ: whatever the labels will say, less than a point was lost."""
    frame = classes(0.002).with_columns(
        label=pl.lit(None, pl.String), labelled_at=pl.lit(None, pl.Datetime("us", "UTC"))
    )

    verdict = judge(frame, policy(PINNED))

    finding = verdict.finding("disagreement")
    assert finding.outcome is Outcome.PASS
    assert "accuracy lost less than 1 points, whatever the labels say" in finding.reason
    assert verdict.finding("accuracy-paired").outcome is Outcome.INCONCLUSIVE


@settings(max_examples=25)
@given(seed=st.integers(0, 2**16), share=st.sampled_from([0.0, 0.004, 0.2]))
def test_the_certificate_is_never_wrong(seed: int, share: float) -> None:
    """Accuracy never falls by more than the share of different answers, whatever the labels are."""
    rng = np.random.default_rng(seed)
    differ = rng.random(300) < share
    own = np.where(differ, rng.choice(["a", "b", "c"], 300), "a")
    label = rng.choice(["a", "b", "c"], 300)
    table = read_pairs(answered(own, ["a"] * 300, label, 300))

    lost = float((table.baseline_prediction == table.label).mean()) - float(
        (table.candidate_prediction == table.label).mean()
    )

    assert lost <= float((table.candidate_prediction != table.baseline_prediction).mean()) + 1e-12


UNCERTIFIED = {
    "too many differ": (classes(0.05), "not certified without labels"),
    "numbers": (pairs(6_000), "numbers hardly ever agree to the last digit"),
    "nothing predicted": (
        classes(0.0).with_columns(
            candidate_prediction=pl.lit(None, pl.String),
            baseline_prediction=pl.lit(None, pl.String),
        ),
        "the record holds no predictions",
    ),
    "never sent": (
        classes(0.0).with_columns(
            candidate_outcome=pl.lit("not_sent"),
            candidate_prediction=pl.lit(None, pl.String),
            candidate_status=pl.lit(None, pl.Int64),
            candidate_latency_ms=pl.lit(None, pl.Float64),
        ),
        "the record holds no predictions",
    ),
}


@pytest.mark.parametrize(("frame", "why"), UNCERTIFIED.values(), ids=UNCERTIFIED.keys())
def test_without_equal_answers_nothing_is_certified(frame: pl.DataFrame, why: str) -> None:
    """Absence of answers is no agreement."""
    finding = judge(frame, policy(PINNED)).finding("disagreement")

    assert finding.outcome is Outcome.INCONCLUSIVE
    assert finding.reason.endswith(why)
