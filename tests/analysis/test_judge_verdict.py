"""What a verdict says of healthy, harmful, thin and broken records."""

import json
import math
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
from pair_tables import METADATA, pairs, policy, write

from analysis import NotPassed, Verdict, forecast, judge, parse_policy
from analysis.findings import Outcome

KEYS = [
    "verdict",
    "decision",
    "reason",
    "pairs",
    "coverage",
    "decided_at",
    "looks",
    "gates",
    "revisions",
    "policy_digest",
    "pairs_digest",
    "code_version",
]
GATE_KEYS = [
    "name",
    "metric",
    "segment",
    "blocking",
    "outcome",
    "reason",
    "estimate",
    "low",
    "high",
    "tolerance",
    "margin",
    "n",
    "log_e_harm",
    "log_e_safety",
    "decided_at",
]
HEALTHY = pairs()


def consistent(verdict: Verdict) -> None:
    """The invariants of every verdict: PASS needs every blocking gate, FAIL is some gate's FAIL."""
    outcomes = [finding.outcome for finding in verdict.findings]
    blocking = {finding.outcome for finding in verdict.findings if finding.blocking}
    assert (verdict.verdict == "FAIL") == (Outcome.FAIL in outcomes)
    assert verdict.verdict != "PASS" or blocking == {Outcome.PASS}
    expected = {
        "PASS": ["PROMOTE"],
        "FAIL": ["ROLLBACK"],
        "INCONCLUSIVE": ["INCONCLUSIVE", "CONTINUE"],
    }
    assert verdict.decision in expected[verdict.verdict]
    assert (verdict.decided_at is None) == (verdict.verdict == "INCONCLUSIVE")


def test_a_healthy_challenger_is_promoted() -> None:
    """All blocking gates are proven at one look, and the sentence says so."""
    verdict = judge(HEALTHY, policy())

    consistent(verdict)
    assert verdict.decision == "PROMOTE"
    assert verdict.reason.startswith("accuracy 8")
    assert verdict.reason.endswith("errors, p95 and coverage proven within limits")
    assert verdict.decided_at
    assert 5_000 < verdict.decided_at.pair < 8_000


HARMS = {
    "errors": (pairs(seed=2, errors=(0.0, 0.03)), "errors-paired", "errors 2.73 %, champion 0.0 %"),
    "slow tail": (pairs(seed=3, slow=0.2), "p95-limit", "p95 slower by a factor of 10.3"),
    "slow like the champion": (
        pairs(seed=3).with_columns(
            baseline_latency_ms=pl.lit(150.0), candidate_latency_ms=pl.lit(150.0)
        ),
        "p95-limit",
        "p95 over 100 ms: ",
    ),
    "slower": (
        pairs(seed=4, ratio=2.5),
        "frozen-p95",
        "latency slower by a factor of 2.38 on average",
    ),
    "wrong": (
        pairs(seed=5, only_candidate_wrong=0.07, only_baseline_wrong=0.02),
        "accuracy-paired",
        "accuracy 5.36 points below the champion (8",
    ),
    "inaccurate like the champion": (
        pairs(
            n=20_000, seed=6, only_candidate_wrong=0.01, only_baseline_wrong=0.01, both_wrong=0.17
        ),
        "accuracy-absolute",
        "accuracy 8",
    ),
}


@pytest.mark.parametrize(("frame", "gate", "said"), HARMS.values(), ids=HARMS.keys())
def test_each_harm_is_rolled_back_for_its_own_reason(
    frame: pl.DataFrame, gate: str, said: str
) -> None:
    """The gate that is about this harm fails and the sentence names it."""
    verdict = judge(frame, policy())

    consistent(verdict)
    assert verdict.decision == "ROLLBACK"
    assert verdict.finding(gate).outcome is Outcome.FAIL
    assert said in verdict.reason


def test_a_burst_of_errors_late_is_found_by_the_late_gates() -> None:
    """Fifty quiet minutes do not hide ten seconds of errors."""
    quiet = pairs(n=30_000, rate=10.0, label_delay=1.0)
    bad = pl.int_range(30_000).is_between(29_500, 29_900)
    burst = quiet.with_columns(candidate_status=pl.when(bad).then(500).otherwise(200))

    verdict = judge(burst, policy("[time]\nhorizon = 3600"))

    consistent(verdict)
    late = verdict.finding("errors-late-absolute")
    assert late.outcome is Outcome.FAIL
    assert late.decided_at
    assert 29_500 < late.decided_at.pair < 29_700
    assert verdict.finding("errors-absolute").outcome is not Outcome.FAIL


def test_rollback_beats_an_earlier_promote() -> None:
    """Read to its end, a record that turned bad is bad, since the look at which harm was proven."""
    start = HEALTHY["arrived_at"][-1]
    tail = pairs(seed=9, slow=0.5)
    shift = start - tail["arrived_at"][0] + pl.duration(seconds=1)
    tail = tail.with_columns(pl.col("arrived_at", "labelled_at") + shift)

    verdict = judge(pl.concat([HEALTHY, tail]), policy())

    consistent(verdict)
    assert verdict.decision == "ROLLBACK"
    assert verdict.stood_at
    assert verdict.decided_at
    assert verdict.stood_at.pair < 8_000 < verdict.decided_at.pair


THIN = {
    "short": (HEALTHY.head(500), "500 pairs, at least 1,000 are needed"),
    "before the past p95": (
        HEALTHY.head(3_000),
        "past p95 not known yet (3,000 of 5,000 requests)",
    ),
    "no labels": (
        HEALTHY.with_columns(label=None, labelled_at=None),
        "no label yet for 8,000 pairs",
    ),
    "labels that wait": (
        HEALTHY.with_columns(
            pl.when(pl.int_range(8_000) > 0).then(pl.col(name)).alias(name)
            for name in ("label", "labelled_at")
        ),
        "7,999 of 8,000 pairs have a label, which waits for that of an earlier pair",
    ),
    "unpaired": (
        HEALTHY.with_columns(
            candidate_status=None,
            candidate_latency_ms=None,
            candidate_prediction=None,
            candidate_outcome=pl.lit("not_sent"),
        ),
        "0.0 % of 8,000 copies answered",
    ),
    "some copies never sent": (
        HEALTHY.with_columns(
            candidate_outcome=pl.when(pl.int_range(8_000) % 1000 == 5)
            .then(pl.lit("not_sent"))
            .otherwise("candidate_outcome")
        ),
        "0.1 % never sent (at most 0.02 %)",
    ),
    "baseline answers missing": (
        HEALTHY.with_columns(baseline_status=None, baseline_latency_ms=None),
        "100 % of 8,000 rows unusable",
    ),
}


@pytest.mark.parametrize(("frame", "said"), THIN.values(), ids=THIN.keys())
@pytest.mark.parametrize("live", [False, True], ids=["file", "live"])
def test_absence_of_evidence_never_passes(frame: pl.DataFrame, said: str, live: bool) -> None:
    """Thin or broken records are undecided, with what is missing."""
    verdict = judge(frame, policy(), live=live)

    consistent(verdict)
    assert verdict.decision == ("CONTINUE" if live else "INCONCLUSIVE")
    assert said in verdict.reason


def test_no_pairs_yet_is_continue() -> None:
    """The first look of a live judge may see nothing at all."""
    verdict = judge(HEALTHY.head(0), policy(), live=True)

    consistent(verdict)
    assert verdict.decision == "CONTINUE"
    assert verdict.coverage is None
    json.loads(verdict.to_json())


def test_orphans_hold_a_promotion(tmp_path: Path) -> None:
    """Copies that no baseline row was found for are gaps in the record."""
    verdict = judge(write(tmp_path / "pairs.parquet", HEALTHY, orphans="200"), policy())

    assert verdict.decision == "INCONCLUSIVE"
    assert "rows unusable" in verdict.reason


def test_timeouts_are_errors_and_slow() -> None:
    """A copy that nobody answered in time counts against errors and latency."""
    lost = pl.int_range(8_000) % 10 == 3
    frame = HEALTHY.with_columns(
        candidate_outcome=pl.when(lost).then(pl.lit("timeout")).otherwise("candidate_outcome"),
        candidate_status=pl.when(lost).then(None).otherwise("candidate_status"),
        candidate_latency_ms=pl.when(lost).then(None).otherwise("candidate_latency_ms"),
    )

    verdict = judge(frame, policy())

    failed = {f.name for f in verdict.findings if f.outcome is Outcome.FAIL}
    assert {"errors-paired", "errors-absolute", "p95-limit"} <= failed


def test_a_4xx_that_both_give_is_no_error() -> None:
    """A client's mistake is not the candidate's."""
    both = HEALTHY.with_columns(baseline_status=pl.lit(404), candidate_status=pl.lit(404))
    one = HEALTHY.with_columns(candidate_status=pl.lit(404))

    assert judge(both, policy()).finding("errors-paired").outcome is Outcome.PASS
    assert judge(one, policy()).finding("errors-paired").outcome is Outcome.FAIL


def test_the_json_has_exactly_the_keys_of_the_contract(tmp_path: Path) -> None:
    """Keys, their order, revisions, times in UTC, and no NaN."""
    verdict = judge(write(tmp_path / "pairs.parquet", HEALTHY), policy())

    told = json.loads(verdict.to_json())

    assert list(told) == KEYS
    assert [list(gate) for gate in told["gates"]] == [GATE_KEYS] * len(verdict.findings)
    assert told["revisions"] == {
        "component": "price-predictor",
        "region": "local",
        "baseline": "v2.0.0",
        "candidate": "v2.1.0",
    }
    assert datetime.fromisoformat(told["decided_at"]["at"]).utcoffset().total_seconds() == 0
    assert "NaN" not in verdict.to_json()
    assert "Infinity" not in verdict.to_json()


def test_without_metadata_revisions_are_unknown() -> None:
    """Such a verdict says so, and promotion refuses it."""
    assert judge(HEALTHY, policy()).as_dict()["revisions"] == "unknown"


def test_the_same_bytes_give_the_same_verdict(tmp_path: Path) -> None:
    """File or frame, once or again, the JSON is the same to the byte."""
    bare = tmp_path / "pairs.parquet"
    HEALTHY.write_parquet(bare)

    assert judge(bare, policy()).to_json() == judge(HEALTHY, policy()).to_json()


def test_a_verdict_shows_itself() -> None:
    """A data frame of gates, and HTML whose texts are escaped."""
    verdict = judge(HEALTHY, policy())

    assert list(verdict.gates.columns) == GATE_KEYS
    assert len(verdict.gates) == len(verdict.findings)
    assert "<strong>PASS</strong>" in verdict._repr_html_()
    assert "<script" not in judge(HEALTHY.head(10), policy())._repr_html_()


def test_require_pass_gives_the_reasons() -> None:
    """Silence on PASS, else an exception that names every open gate."""
    judge(HEALTHY, policy()).require_pass()

    with pytest.raises(NotPassed, match=r"p95-limit: p95 .* limit 5"):
        judge(pairs(seed=3, slow=0.2), policy()).require_pass()


def test_a_pass_states_the_smallest_harm_it_would_have_found() -> None:
    """Safety without power is worth little, so the power stands beside it."""
    verdict = judge(HEALTHY, policy())

    for name in (
        "errors-paired",
        "p95-limit",
        "frozen-p95",
        "accuracy-absolute",
        "accuracy-paired",
    ):
        assert "would have been found" in verdict.finding(name).reason


def test_harm_only_gates_certify_nothing() -> None:
    """They end undecided on a healthy record, and say that this is no proof."""
    for name in ("errors-late-paired", "errors-late-absolute", "gross-frozen-p95"):
        finding = judge(HEALTHY, policy()).finding(name)
        assert finding.outcome is Outcome.INCONCLUSIVE
        assert finding.reason.endswith("no harm found, which certifies nothing")
        assert not finding.blocking


def test_a_pinned_p95_needs_no_first_rows() -> None:
    """With the past p95 in the policy the frozen gates judge from the first pair."""
    verdict = judge(HEALTHY, policy("[latency]\nbaseline_p95_ms = 15.5\n"))

    assert verdict.finding("frozen-p95").estimate.n == 8_000
    assert verdict.decision == "PROMOTE"


def test_progress_and_forecast_lead_to_the_decision() -> None:
    """Evidence is a fraction of what decides; the forecast is of the right size."""
    early = judge(HEALTHY.head(2_400), policy("[latency]\nbaseline_p95_ms = 15.5\n"), live=True)
    decided = judge(HEALTHY, policy("[latency]\nbaseline_p95_ms = 15.5\n"))

    finding = early.finding("errors-paired")
    told = {one.gate: one for one in forecast(early, 8.0)}["errors-paired"]

    assert finding.safety_progress is not None
    assert 0.2 < finding.safety_progress < 1
    assert told.toward == "safety"
    assert told.pairs is not None
    end = decided.finding("errors-paired").decided_at
    assert end is not None
    assert told.pairs + 2_400 == pytest.approx(end.pair, rel=0.01)
    assert told.seconds == pytest.approx(8.0 * told.pairs / 2_400, rel=0.01)


def test_a_gate_that_goes_nowhere_has_no_forecast() -> None:
    """None instead of an invented number."""
    told = {one.gate: one for one in forecast(judge(HEALTHY, policy()), 20.0)}

    assert told["errors-late-paired"].toward is None
    assert told["errors-late-paired"].pairs is None
    assert METADATA


def test_a_gate_that_waits_for_the_guard_has_no_forecast() -> None:
    """It has its evidence; how long hosts still drift nobody knows."""
    held = judge(HEALTHY, parse_policy(""), live=True)

    assert held.finding("frozen-p95").safety_progress == 1
    assert held.finding("frozen-p95").outcome is Outcome.INCONCLUSIVE
    assert {one.gate: one.seconds for one in forecast(held, 20.0)}["frozen-p95"] is None


def test_each_gate_is_held_to_its_share_of_the_budget() -> None:
    """Harm at alpha_rollback times the weight, safety at alpha_promote whole."""
    rules = policy("[budgets]\nalpha_rollback = 0.02\nalpha_promote = 0.03\n")

    for finding in judge(HEALTHY, rules).pooled:
        level = 0.02 * rules.gates[finding.name].weight
        # What is told and undoes nothing has a level of its own.
        level = rules.gates[finding.name].limits.get("level", level)
        if finding.harm:
            assert finding.harm.threshold == pytest.approx(-math.log(level))
        if finding.safety:
            assert finding.safety.threshold == pytest.approx(-math.log(0.03))


def test_no_promotion_before_the_minimum_exposure() -> None:
    """All gates may be proven; the policy asks for more pairs."""
    pinned = "[latency]\nbaseline_p95_ms = 15.5\n"
    soon = judge(HEALTHY, policy(pinned)).decided_at
    late = judge(HEALTHY, policy(pinned + "[budgets]\nmin_pairs = 7500\n")).decided_at

    assert soon is not None
    assert late is not None
    assert soon.pair < 7_500 == late.pair


def test_a_few_milliseconds_are_nobodys_harm() -> None:
    """Half as slow again is within the floor of 10 ms here, and harm without it."""
    slower = pairs(seed=4, ratio=1.5)
    bare = "[gates.frozen-p95]\nfloor_ms = 0\n[gates.gross-frozen-p95]\nfloor_ms = 0\n"

    assert judge(slower, policy()).decision == "PROMOTE"
    assert judge(slower, policy(bare)).finding("frozen-p95").outcome is Outcome.FAIL
