"""What one pair says of each side, as the claim of harm and the claim of safety see it."""

import polars as pl
import pytest
from pair_tables import pairs, policy

from analysis import read_pairs
from analysis.sides import Sides, error_sides, over_limit_sides, wrong_sides

ONE = pairs(1).with_columns(
    baseline_status=pl.lit(200),
    candidate_status=pl.lit(200),
    baseline_latency_ms=pl.lit(10.0),
    candidate_latency_ms=pl.lit(10.0),
    baseline_prediction=pl.lit(1.0),
    candidate_prediction=pl.lit(1.2),
    label=pl.lit(1.0),
)
LOST = {"candidate_status": None, "candidate_latency_ms": None, "candidate_prediction": None}
TIMEOUT = {**LOST, "candidate_outcome": "timeout"}
NOT_SENT = {**LOST, "candidate_outcome": "not_sent"}
NO_BASELINE = {"baseline_status": None, "baseline_latency_ms": None, "baseline_prediction": None}
NO_LABEL = {"label": None, "labelled_at": None}


def row(**cells: object) -> pl.DataFrame:
    """The healthy pair with some cells changed."""
    return ONE.with_columns(**{name: pl.lit(value) for name, value in cells.items()})


def flags(sides: Sides) -> str:
    """Candidate for harm and safety, baseline for harm and safety, as digits."""
    columns = (
        sides.candidate_harm,
        sides.candidate_safety,
        sides.baseline_harm,
        sides.baseline_safety,
    )
    return "".join(str(int(column[0])) for column in columns)


ERRORS = {
    "both fine": ({}, "0000"),
    "candidate 500": ({"candidate_status": 500}, "1100"),
    "baseline 503": ({"baseline_status": 503}, "0011"),
    "both 500": ({"baseline_status": 500, "candidate_status": 500}, "1111"),
    "both 404": ({"baseline_status": 404, "candidate_status": 404}, "0000"),
    "candidate 404": ({"candidate_status": 404}, "1100"),
    "404 and 422": ({"baseline_status": 404, "candidate_status": 422}, "1111"),
    "candidate timed out": (TIMEOUT, "1100"),
    "answered after the timeout": ({"candidate_latency_ms": 5_001.0}, "1100"),
    "baseline after the timeout": ({"baseline_latency_ms": 5_001.0}, "0011"),
    "never sent": (NOT_SENT, "0100"),
    "no baseline": (NO_BASELINE, "0010"),
}


@pytest.mark.parametrize(("cells", "said"), ERRORS.values(), ids=ERRORS.keys())
def test_errors(cells: dict[str, object], said: str) -> None:
    """Unknown is no error for harm and an error for safety; the baseline the other way round."""
    assert flags(error_sides(read_pairs(row(**cells)), 5.0)) == said


OVER = {
    "both below": ({}, "0000"),
    "at the limit": ({"candidate_latency_ms": 20.0, "baseline_latency_ms": 15.0}, "0000"),
    "candidate above": ({"candidate_latency_ms": 20.1}, "1100"),
    "baseline above": ({"baseline_latency_ms": 15.1}, "0011"),
    "candidate timed out": (TIMEOUT, "1100"),
    "never sent": (NOT_SENT, "0100"),
    "candidate unmeasured": ({"candidate_latency_ms": None}, "0100"),
    "baseline unmeasured": ({"baseline_latency_ms": None}, "0010"),
}


@pytest.mark.parametrize(("cells", "said"), OVER.values(), ids=OVER.keys())
def test_slower_than_a_limit(cells: dict[str, object], said: str) -> None:
    """The candidate against 20 ms, the baseline against 15 ms."""
    assert flags(over_limit_sides(read_pairs(row(**cells)), 20.0, 15.0)) == said


WRONG = {
    "both right": ({}, "0000"),
    "candidate wrong": ({"candidate_prediction": 2.0}, "1100"),
    "baseline wrong": ({"baseline_prediction": 2.0}, "0011"),
    "candidate has no answer": ({"candidate_prediction": None}, "1100"),
    "timed out": (TIMEOUT, "1100"),
    "never sent": (NOT_SENT, "0100"),
    "no baseline": (NO_BASELINE, "0010"),
    "no label, answers differ": (NO_LABEL, "0110"),
    "no label, same answer": ({**NO_LABEL, "candidate_prediction": 1.0}, "0000"),
    "no label, no answers": (
        {**NO_LABEL, "candidate_prediction": None, "baseline_prediction": None},
        "0110",
    ),
}


@pytest.mark.parametrize(("cells", "said"), WRONG.values(), ids=WRONG.keys())
def test_wrong_answers(cells: dict[str, object], said: str) -> None:
    """Within a factor of 1.75 of the label is right."""
    table = read_pairs(row(**cells))

    assert flags(wrong_sides(table, table.labelled, policy().accuracy)) == said
