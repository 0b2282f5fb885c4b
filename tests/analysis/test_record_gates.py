"""What is told of predictions and of the record: shifts, rows of both sides, labels that lack."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pair_tables import pairs, policy, write

from analysis import Outcome, Verdict, judge
from analysis.shift import ShiftBets
from benchmarks.latencies import crossed

SHORT = "[latency]\nreference_pairs = 1000\n[gates.prediction-shift]\nlevel = 0.05\n"


def predicted(candidate: object, baseline: object) -> pl.DataFrame:
    """Pairs with these predictions; labels are the baseline's."""
    baseline = pl.Series(baseline)
    return pairs(len(baseline)).with_columns(
        candidate_prediction=pl.Series(candidate), baseline_prediction=baseline, label=baseline
    )


def shifted(verdict: Verdict) -> bool:
    """Whether a shift was told."""
    return verdict.finding("prediction-shift").reason.startswith("predictions shifted")


def numbers(change: float, seed: int, n: int = 5_200) -> pl.DataFrame:
    """Scores that differ by noise, and by this much."""
    rng = np.random.default_rng(seed)
    score = rng.normal(0, 1, n)
    return predicted(score + rng.normal(0, 0.3, n) + change, score + rng.normal(0, 0.3, n))


@pytest.mark.parametrize("change", [0.2, -0.2])
def test_a_shift_of_scores_is_told_and_undoes_nothing(change: float) -> None:
    """In either direction; neither FAIL nor PASS."""
    verdict = judge(numbers(change, 91), policy(SHORT))

    finding = verdict.finding("prediction-shift")
    assert shifted(verdict)
    assert finding.outcome is Outcome.INCONCLUSIVE
    assert finding.reason.endswith("advisory, as a shift is no harm by itself")
    assert finding.estimate.value is not None
    assert finding.estimate.value * change > 0


def test_equal_scores_are_told_to_shift_no_more_often_than_the_level() -> None:
    """5,000 pairs, 120 times, a look after every 100."""
    rng, looks = np.random.default_rng(96), np.arange(100, 5_001, 100)
    cut = np.sort(rng.normal(0, 1, 99))
    told = 0
    for _ in range(120):
        own, other = rng.normal(0, 1, 5_000) + rng.normal(0, 0.3, (2, 5_000))
        path = ShiftBets().path(crossed(own, other, cut, looks))
        told += bool((path >= np.log(20)).any())
    assert told <= 6


@settings(max_examples=4)
@given(seed=st.integers(0, 2**16), scale=st.sampled_from([0.125, 16.0]))
def test_a_shift_has_no_unit_and_no_side(seed: int, scale: float) -> None:
    """Scaled scores, and swapped sides, give the same evidence."""
    frame = numbers(0.05, seed, 2_500)
    columns = ("candidate_prediction", "baseline_prediction", "label")
    evidence = [
        judge(table, policy(SHORT)).finding("prediction-shift").log_e_harm
        for table in (frame, frame.with_columns(pl.col(columns) * scale))
    ]
    counts = np.random.default_rng(seed).integers(0, 90, 198).astype(float)

    assert evidence[0] == evidence[1]
    assert ShiftBets().log_e(np.zeros(198)) == pytest.approx(0.0)
    assert ShiftBets().log_e(counts) == pytest.approx(ShiftBets().log_e(np.roll(counts, 99)))


def test_a_shift_between_classes_names_the_class() -> None:
    """5 % of what the champion sells the challenger holds, a class not seen before."""
    rng = np.random.default_rng(92)
    baseline = rng.choice(["buy", "sell"], 4_000)
    candidate = np.where((baseline == "sell") & (rng.random(4_000) < 0.05), "hold", baseline)

    same = judge(predicted(baseline, baseline), policy(SHORT))
    moved = judge(predicted(candidate, baseline), policy(SHORT))

    assert not shifted(same)
    assert same.finding("prediction-shift").log_e_harm == pytest.approx(0.0)
    assert shifted(moved)
    said = moved.finding("prediction-shift").reason
    assert ": sell -" in said or ": other classes +" in said


NOT_SHIFTED = {
    "short": (numbers(1.0, 93, 900), "are compared from pair 1,001 on"),
    "no predictions": (
        predicted([None] * 3_000, [None] * 3_000).with_columns(
            pl.lit(None, pl.Float64).alias(name)
            for name in ("candidate_prediction", "baseline_prediction", "label")
        ),
        "no predictions",
    ),
    "one side silent": (
        numbers(0.0, 94, 3_000).with_columns(candidate_prediction=pl.lit(None, pl.Float64)),
        "no shift of predictions found",
    ),
}


@pytest.mark.parametrize(("frame", "said"), NOT_SHIFTED.values(), ids=NOT_SHIFTED.keys())
def test_without_predictions_no_shift_is_told(frame: pl.DataFrame, said: str) -> None:
    """Nor that there is none."""
    finding = judge(frame, policy(SHORT)).finding("prediction-shift")

    assert finding.outcome is Outcome.INCONCLUSIVE
    assert said in finding.reason


RATIOS = {
    "whole": ({}, Outcome.PASS, "6,000 rows of the candidate for 6,000 of the champion"),
    "copies without a request": ({"orphans": "120"}, Outcome.INCONCLUSIVE, "6,120 rows of"),
}


@pytest.mark.parametrize(("told", "outcome", "said"), RATIOS.values(), ids=RATIOS.keys())
def test_both_sides_have_as_many_rows(
    told: dict[str, str], outcome: Outcome, said: str, tmp_path: Path
) -> None:
    """More rows of the candidate than requests hold a promotion."""
    path = write(tmp_path / "pairs.parquet", pairs(6_000), **told)

    finding = judge(path, policy()).finding("sample-ratio")

    assert finding.outcome is outcome
    assert said in finding.reason


MISSING = {
    "candidate": ["candidate_status", "candidate_latency_ms", "candidate_prediction"],
    "champion": ["baseline_status", "baseline_latency_ms"],
}


@pytest.mark.parametrize("side", MISSING)
def test_a_side_that_misses_rows_is_found(side: str) -> None:
    """Every fiftieth row lacks; timeouts are rows, as the candidate was asked."""
    lost = pl.int_range(6_000) % 50 == 7
    outcome = "not_sent" if side == "candidate" else "answered"
    frame = pairs(6_000).with_columns(
        candidate_outcome=pl.when(lost).then(pl.lit(outcome)).otherwise("candidate_outcome"),
        **{name: pl.when(lost).then(None).otherwise(name) for name in MISSING[side]},
    )

    verdict = judge(frame, policy())

    assert verdict.finding("sample-ratio").outcome is Outcome.INCONCLUSIVE
    assert "one side misses rows" in verdict.reason
    timed_out = frame.with_columns(pl.col("candidate_outcome").replace("not_sent", "timeout"))
    if side == "candidate":
        assert judge(timed_out, policy()).finding("sample-ratio").outcome is Outcome.PASS


def labelled(lost: pl.Expr, n: int = 6_000) -> pl.DataFrame:
    """Classes whose labels lack where `lost`, an hour after the last request."""
    rng = np.random.default_rng(95)
    classes = rng.choice(["buy", "sell", "wait"], n, p=[0.495, 0.495, 0.01])
    frame = predicted(classes, classes)
    late = frame.tail(1).with_columns(
        pl.col("arrived_at", "labelled_at") + pl.duration(hours=1),
        request_id=pl.lit("last"),
        candidate_prediction=pl.lit("buy"),
        baseline_prediction=pl.lit("buy"),
        label=pl.lit("buy"),
    )
    holes = frame.with_columns(
        label=pl.when(lost).then(None).otherwise("label"),
        labelled_at=pl.when(lost).then(None).otherwise("labelled_at"),
    )
    return pl.concat([holes, late])


LABELS = {
    "all labelled": (pl.lit(False), Outcome.PASS, "0.0 % of labels missing"),
    "one class unlabelled": (
        (pl.col("candidate_prediction") == "sell") & (pl.int_range(6_000) % 8 == 0),
        Outcome.INCONCLUSIVE,
        "'s answers sell (at most 5 %)",
    ),
    "a rare class is not judged": (
        pl.col("candidate_prediction") == "wait",
        Outcome.PASS,
        "0.0 % of labels missing",
    ),
    "none labelled": (pl.lit(True), Outcome.INCONCLUSIVE, "100 % of labels missing"),
}


@pytest.mark.parametrize(("lost", "outcome", "said"), LABELS.values(), ids=LABELS.keys())
def test_missing_labels_are_found_by_class(lost: pl.Expr, outcome: Outcome, said: str) -> None:
    """6 % of all are missing where one class of two lacks an eighth of its labels: 12 % there."""
    finding = judge(labelled(lost), policy()).finding("unlabelled-share")

    assert finding.outcome is outcome
    assert said in finding.reason


def test_a_thousand_kinds_of_text_are_one_class() -> None:
    """Free text has no classes, and no table of a thousand rows."""
    frame = predicted([f"text {i % 1_000}" for i in range(3_000)], ["text"] * 3_000)

    finding = judge(frame, policy()).finding("unlabelled-share")

    assert finding.outcome is Outcome.PASS
    assert "answers (at most 5 %)" in finding.reason


def test_before_labels_are_due_nothing_is_proven() -> None:
    """An empty clock proves no small share."""
    frame = pairs(2_000).with_columns(
        label=pl.lit(None, pl.Float64), labelled_at=pl.lit(None, pl.Datetime("us", "UTC"))
    )

    finding = judge(frame, policy()).finding("unlabelled-share")

    assert finding.outcome is Outcome.INCONCLUSIVE
    assert "no label due yet for 2,000 pairs" in finding.reason
