"""Every rule on the same pairs: what it decides, when, and what it says of too few."""

import numpy as np
import polars as pl
import pytest

from analysis import parse_policy, read_pairs
from rivals import PROMOTE, RIVALS, ROLLBACK, UNDECIDED, Rival, Ruling, evidence_of

POLICY = parse_policy("")
BY_NAME = {rival.name: rival for rival in RIVALS}
START_US = 1_760_000_040_000_000
MOMENT = pl.Datetime("us", "UTC")
TESTS = [
    "z test, peeking",
    "McNemar, peeking",
    "Mann-Whitney, peeking",
    "group-sequential",
    "DKW bands",
]


def table(n: int = 12_000, rate: float = 5.0, **world: float) -> pl.DataFrame:
    """Forty minutes of two equal versions unless told otherwise; labels come after a second."""
    rng = np.random.default_rng(int(world.get("seed", 1)))
    at = START_US + (np.arange(n) / rate * 1e6).astype(np.int64)
    common = rng.normal(0, 0.3, n)
    wrong = [rng.random(n) < share for share in (0.05, world.get("wrong", 0.05))]
    errors = [rng.random(n) < share for share in (0.001, world.get("errors", 0.001))]
    return pl.DataFrame(
        {
            "request_id": [f"r-{index}" for index in range(n)],
            "arrived_at": pl.Series(at).cast(MOMENT),
            "segment": pl.Series([None] * n, dtype=pl.String),
            "baseline_status": np.where(errors[0], 500, 200),
            "candidate_status": np.where(errors[1], 500, 200),
            "baseline_latency_ms": 40 * np.exp(common + rng.normal(0, 0.1, n)),
            "candidate_latency_ms": world.get("ratio", 1.0)
            * 40
            * np.exp(common + rng.normal(0, 0.1, n)),
            "baseline_prediction": np.where(wrong[0], 9.0, 1.0),
            "candidate_prediction": np.where(wrong[1], 9.0, 1.0),
            "label": np.ones(n),
            "labelled_at": pl.Series(at + 1_000_000).cast(MOMENT),
        }
    )


def ruled(rival: Rival, frame: pl.DataFrame) -> Ruling:
    """The ruling of one rule on a table."""
    return rival.rule(evidence_of(read_pairs(frame), POLICY))


@pytest.mark.parametrize("rival", RIVALS, ids=lambda rival: rival.name)
@pytest.mark.parametrize("n", [0, 1, 40, 700])
def test_too_little_is_never_an_error(rival: Rival, n: int) -> None:
    """No pair, one, some seconds or two minutes: a ruling, and no look after the end."""
    ruling = ruled(rival, table().head(n))

    assert ruling.why
    assert ruling.look is None or ruling.look.pair <= n


@pytest.mark.parametrize("rival", RIVALS, ids=lambda rival: rival.name)
def test_gross_harm_is_rolled_back_by_every_rule_that_sees_it(rival: Rival) -> None:
    """One in five fails, answers take three times as long, a third is wrong."""
    harmed = table(errors=0.2, ratio=3.0, wrong=0.33)

    assert ruled(rival, harmed).decision == ROLLBACK


@pytest.mark.parametrize("name", ["Argo Rollouts", "Flagger", "Kayenta", "runbook's rules"])
def test_a_healthy_version_is_promoted_by_the_rules_that_promote(name: str) -> None:
    """The benchmark tells what PipeCD and the stricter ones do to healthy versions."""
    ruling = ruled(BY_NAME[name], table())

    assert ruling.decision == PROMOTE
    assert ruling.look


@pytest.mark.parametrize("name", TESTS)
def test_a_test_that_finds_nothing_promotes_nothing(name: str) -> None:
    """No significant difference is not safety, so these never say PROMOTE."""
    assert ruled(BY_NAME[name], table(seed=6)).decision in (ROLLBACK, UNDECIDED)


@pytest.mark.parametrize(
    ("name", "minutes"),
    [
        ("Argo Rollouts", 20),
        ("Argo, strict", 1),
        ("Flagger", 11),
        ("Flagger, relative", 6),
        ("Kayenta", 10),
        ("PipeCD", 10),
        ("runbook's rules", 2),
    ],
)
def test_rules_by_the_minute_decide_when_they_first_can(name: str, minutes: int) -> None:
    """Nine of ten requests fail: the earliest moment is that of the rule's own arithmetic."""
    ruling = ruled(BY_NAME[name], table(errors=0.9))

    assert ruling.look
    assert ruling.look.at_us == START_US + minutes * 60_000_000


@pytest.mark.parametrize("name", sorted(set(BY_NAME) - {"group-sequential"}))
def test_a_ruling_needs_only_what_came_before_it(name: str) -> None:
    """Whatever happens later, a ROLLBACK stands where it stood; only planned looks move."""
    rival = BY_NAME[name]
    whole = ruled(rival, table(errors=0.05, ratio=1.5, wrong=0.2))
    assert whole.look
    at = whole.look.at_us
    frame = table(errors=0.05, ratio=1.5, wrong=0.2)
    told = pl.col("labelled_at").cast(pl.Int64) <= at
    until = frame.filter(pl.col("arrived_at").cast(pl.Int64) <= at).with_columns(
        label=pl.when(told).then("label"), labelled_at=pl.when(told).then("labelled_at")
    )
    watermark = pl.Series([at]).cast(MOMENT)[0].isoformat()
    pairs = read_pairs(until, {"watermark": watermark})

    assert rival.rule(evidence_of(pairs, POLICY)) == whole
