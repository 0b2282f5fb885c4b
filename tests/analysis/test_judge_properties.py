"""Properties of any table: order of columns, missing values, imputation, no false PASS."""

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pair_tables import pairs, policy

from analysis import Verdict, judge, read_pairs
from analysis.findings import Outcome
from analysis.sides import Sides, error_sides, over_limit_sides, wrong_sides

QUICK = policy("[budgets]\nmin_pairs = 50\n[latency]\nbaseline_p95_ms = 15.5\n")
HEALTHY = pairs(6_500)
HOLES = {
    "candidate_latency_ms": None,
    "baseline_latency_ms": None,
    "candidate_prediction": None,
    "label": None,
    "baseline_status": None,
}


def sound(verdict: Verdict) -> None:
    """PASS only if every blocking gate passed with enough evidence now; FAIL only with harm."""
    threshold = -np.log(0.05)
    for finding in verdict.findings:
        if finding.blocking and verdict.verdict == "PASS":
            assert finding.outcome is Outcome.PASS
            assert finding.log_e_safety is None or finding.log_e_safety >= threshold - 1e-9
        if finding.estimate.value is not None and finding.estimate.low is not None:
            assert finding.estimate.high is not None
            assert finding.estimate.low <= finding.estimate.value + 1e-12
            assert finding.estimate.value <= finding.estimate.high + 1e-12
    assert (verdict.verdict == "FAIL") == any(
        finding.outcome is Outcome.FAIL for finding in verdict.findings
    )
    json.loads(verdict.to_json())


@settings(max_examples=25)
@given(st.permutations(HEALTHY.columns))
def test_the_order_of_columns_does_not_matter(columns: list[str]) -> None:
    """Columns are known by name."""
    assert (
        read_pairs(HEALTHY.head(50).select(columns)).digest == read_pairs(HEALTHY.head(50)).digest
    )


@settings(max_examples=30)
@given(
    n=st.integers(0, 400),
    seed=st.integers(0, 2**16),
    errors=st.sampled_from([0.0, 0.01, 0.3]),
    wrong=st.sampled_from([0.0, 0.1, 0.4]),
    lost=st.sampled_from([0.0, 0.05, 1.0]),
    outcome=st.sampled_from(["timeout", "not_sent"]),
)
def test_any_table_gives_a_sound_verdict(
    n: int, seed: int, errors: float, wrong: float, lost: float, outcome: str
) -> None:
    """Short tables of any kind keep the invariants, and never pass at this size."""
    frame = pairs(n, seed=seed, errors=(errors / 2, errors), only_candidate_wrong=wrong)
    gone = pl.Series(np.random.default_rng(seed).random(n) < lost, dtype=pl.Boolean)
    frame = frame.with_columns(
        candidate_outcome=pl.when(gone).then(pl.lit(outcome)).otherwise("candidate_outcome"),
        **{
            name: pl.when(gone).then(None).otherwise(name)
            for name in ("candidate_status", "candidate_latency_ms", "candidate_prediction")
        },
    )

    verdict = judge(frame, QUICK)

    sound(verdict)
    assert verdict.verdict != "PASS"


def test_the_table_without_holes_passes() -> None:
    """What the holes below are cut from."""
    assert judge(HEALTHY, QUICK).verdict == "PASS"


@settings(max_examples=20)
@given(
    column=st.sampled_from(sorted(HOLES)),
    share=st.sampled_from([0.02, 0.3, 1.0]),
    seed=st.integers(0, 2**16),
    missing=st.sampled_from([None, float("nan")]),
)
def test_holes_never_help(column: str, share: float, seed: int, missing: float | None) -> None:
    """Missing latencies, predictions, labels or statuses turn a PASS into anything but a PASS."""
    holes = pl.Series(np.random.default_rng(seed).random(len(HEALTHY)) < share)
    filling = None if column == "baseline_status" else missing
    frame = HEALTHY.with_columns(
        pl.when(holes).then(pl.lit(filling, pl.Float64)).otherwise(column).alias(column),
        labelled_at=pl.when(holes & (column == "label")).then(None).otherwise("labelled_at"),
    )

    verdict = judge(frame, QUICK)

    sound(verdict)
    assert verdict.verdict != "PASS"


SIDES = {
    "errors": lambda table: error_sides(table, 5.0),
    "over a limit": lambda table: over_limit_sides(table, 12.0, 11.0),
    "wrong": lambda table: wrong_sides(table, table.labelled, QUICK.accuracy),
}


@pytest.mark.parametrize("sides_of", SIDES.values(), ids=SIDES.keys())
@settings(max_examples=20)
@given(seed=st.integers(0, 2**16), lost=st.sampled_from(["timeout", "not_sent"]))
def test_what_is_unknown_loses_both_claims(sides_of: object, seed: int, lost: str) -> None:
    """Pair by pair: D for harm is at most D for safety, and equal where nothing is missing."""
    rng = np.random.default_rng(seed)
    frame = pairs(200, seed=seed, errors=(0.2, 0.2))
    gone = pl.Series(rng.random(200) < 0.2)
    frame = frame.with_columns(
        candidate_outcome=pl.when(gone).then(pl.lit(lost)).otherwise("candidate_outcome"),
        candidate_status=pl.when(gone).then(None).otherwise("candidate_status"),
        candidate_latency_ms=pl.when(gone).then(None).otherwise("candidate_latency_ms"),
        candidate_prediction=pl.when(gone).then(None).otherwise("candidate_prediction"),
        baseline_latency_ms=pl.when(pl.Series(rng.random(200) < 0.1))
        .then(None)
        .otherwise("baseline_latency_ms"),
        label=pl.when(pl.Series(rng.random(200) < 0.1)).then(None).otherwise("label"),
    )

    sides: Sides = sides_of(read_pairs(frame))  # type: ignore[operator]

    harm = sides.candidate_harm.astype(int) - sides.baseline_harm
    safety = sides.candidate_safety.astype(int) - sides.baseline_safety
    assert (harm <= safety).all()
    assert (sides.candidate_harm <= sides.candidate_safety).all()
    assert (sides.baseline_harm >= sides.baseline_safety).all()


RULES = {
    "equal": ("equal", [1.0, 1.001, None], [True, False, False]),
    "absolute": ('within_absolute"\ntolerance = 0.5 #', [1.5, 0.5, 1.6], [True, True, False]),
    "relative": ('within_relative"\ntolerance = 0.1 #', [1.09, 0.91, 1.2], [True, True, False]),
    "factor": ('within_factor"\ntolerance = 2.0 #', [2.0, 0.5, -1.0], [True, True, False]),
}


@pytest.mark.parametrize(("rule", "told", "right"), RULES.values(), ids=RULES.keys())
def test_a_prediction_is_right_by_the_policys_rule(
    rule: str, told: list[float | None], right: list[bool]
) -> None:
    """Against a label of 1; no answer is wrong."""
    frame = pairs(3).with_columns(label=pl.lit(1.0), candidate_prediction=pl.Series(told))
    text = f'[accuracy]\nrule = "{rule}"' if rule == "equal" else f'[accuracy]\nrule = "{rule}'

    sides = wrong_sides(read_pairs(frame), np.ones(3, dtype=np.bool_), policy(text).accuracy)

    assert (~sides.candidate_harm).tolist() == right


def test_unlabelled_pairs_with_equal_answers_are_no_difference() -> None:
    """Neither can be worse than the other, but the absolute accuracy stays unknown."""
    frame = HEALTHY.with_columns(
        candidate_prediction=pl.col("baseline_prediction"), label=None, labelled_at=None
    )
    late = frame["arrived_at"][-1] + pl.duration(hours=1)
    watermark = pl.select(late).item().isoformat()

    verdict = judge(read_pairs(frame, {"watermark": watermark}), QUICK)

    assert verdict.finding("accuracy-paired").outcome is Outcome.PASS
    assert verdict.finding("accuracy-absolute").outcome is Outcome.INCONCLUSIVE
    assert verdict.verdict == "INCONCLUSIVE"
    assert "got no label in time" in verdict.reason
