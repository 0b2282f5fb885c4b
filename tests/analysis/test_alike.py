"""Pairs of one group are alike to whatever is asked of their sides, so that one speaks for all."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.alike import answered_alike, served_alike
from analysis.columns import NO_TIME
from analysis.metadata import metadata_of
from analysis.pair_sample import unusable
from analysis.pairs import ANSWERED, NOT_SENT, TIMEOUT, Pairs
from analysis.policy import Accuracy
from analysis.sides import different_sides, error_sides, over_limit_sides, wrong_sides

TIMEOUT_S = 5.0
OWN_MS, OTHER_MS = [15.0, 20.0, TIMEOUT_S * 1000], [15.0, TIMEOUT_S * 1000]
RULES = [
    Accuracy("equal", 0.0),
    Accuracy("within_absolute", 0.5),
    Accuracy("within_relative", 0.1),
    Accuracy("within_factor", 1.75),
]
NAN = float("nan")


def any_pairs(seed: int, texts: bool, n: int = 400) -> Pairs:
    """Every status beside every latency, on limits and beside them, answered or not."""
    rng = np.random.default_rng(seed)
    limits = np.array([15.0, 20.0, 5_000.0])
    around = [limits, np.nextafter(limits, 0), np.nextafter(limits, np.inf), [0.0, NAN, NAN]]
    ms, statuses = np.concatenate(around), np.array([0, 100, 200, 404, 422, 500, 503])
    answers = np.array([NAN, 1.0, 2.0, 3.0] if texts else [NAN, -1.0, 0.0, 1.0, 1.04, 1.7, 2.0])
    arrived = np.arange(n) * 1_000
    return Pairs(
        arrived_us=arrived,
        baseline_status=rng.choice(statuses, n).astype(np.int16),
        candidate_status=rng.choice(statuses, n).astype(np.int16),
        baseline_latency_ms=rng.choice(ms, n),
        candidate_latency_ms=rng.choice(ms, n),
        outcome=rng.choice([ANSWERED, TIMEOUT, NOT_SENT], n, p=[0.8, 0.1, 0.1]).astype(np.int16),
        baseline_prediction=rng.choice(answers, n),
        candidate_prediction=rng.choice(answers, n),
        label=rng.choice(answers, n),
        labelled_us=np.full(n, NO_TIME),
        numbers=not texts,
        classes=("a", "b", "c") if texts else (),
        segment=pl.Series("segment", [None] * n, dtype=pl.String),
        metadata=metadata_of({}),
        watermark_us=int(arrived[-1]),
        digest="",
    )


@settings(max_examples=40)
@given(seed=st.integers(0, 2**16))
def test_one_pair_speaks_for_those_that_were_served_alike(seed: int) -> None:
    """Errors, limits on either side and usable rows, pair by pair the same."""
    pairs = any_pairs(seed, texts=False)
    alike = served_alike(pairs, pairs.labelled, OWN_MS, OTHER_MS)

    for sides_of in (
        lambda some: error_sides(some, TIMEOUT_S),
        *(
            lambda some, own=own, other=other: over_limit_sides(some, own, other)
            for own in OWN_MS
            for other in OTHER_MS
        ),
    ):
        assert (alike.kinds(sides_of(alike.examples)) == sides_of(pairs).kinds()).all()
    assert (unusable(alike.examples)[alike.group] == unusable(pairs)).all()
    assert alike.number < len(pairs)


@pytest.mark.parametrize("rule", RULES, ids=[rule.rule for rule in RULES])
@settings(max_examples=20)
@given(seed=st.integers(0, 2**16), texts=st.booleans())
def test_one_pair_speaks_for_those_that_were_answered_alike(
    rule: Accuracy, seed: int, texts: bool
) -> None:
    """Right, different and labelled answers, pair by pair the same."""
    pairs = any_pairs(seed, texts)
    in_time = pairs.labelled & (np.random.default_rng(seed).random(len(pairs)) < 0.8)
    alike = answered_alike(pairs, in_time, rule)

    said = wrong_sides(alike.examples, alike.in_time, rule)

    assert (alike.kinds(said) == wrong_sides(pairs, in_time, rule).kinds()).all()
    different = alike.kinds(different_sides(alike.examples))
    assert (different == different_sides(pairs).kinds()).all()
    for name in ("candidate_prediction", "baseline_prediction"):
        missing = np.isnan(getattr(alike.examples, name))
        assert (missing[alike.group] == np.isnan(getattr(pairs, name))).all()
    assert (alike.in_time[alike.group] == in_time).all()
