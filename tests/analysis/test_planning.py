"""Forecasts of a shadow, held against shadows that are really drawn and judged."""

from dataclasses import replace

import numpy as np
import pytest
from pair_tables import pairs, policy

from analysis import Traffic, judge, plan, seen_in
from analysis.past import Past, seen_in_past
from analysis.planning import at_alpha, disagreeing

POLICY = policy("[latency]\nbaseline_p95_ms = 15.5\n")
TRAFFIC = Traffic(rate=300.0, label_delay=3.0, budget=60_000)
PILOT = seen_in(judge(pairs(5_000, seed=99), POLICY))
SHADOWS = 30


def test_forecasts_hold_in_nine_of_ten_shadows() -> None:
    """The printed interval of every gate and of the verdict has what then happens."""
    made = plan(PILOT, POLICY, TRAFFIC)
    inside: dict[str, int] = {}
    for seed in range(SHADOWS):
        verdict = judge(pairs(12_000, seed=1_000 + seed), POLICY)
        assert verdict.stood_at is not None
        happened = {"verdict": (made.pairs, verdict.stood_at.pair)}
        for gate in made.gates:
            trace = verdict.finding(gate.name).safety
            assert trace is not None
            happened[gate.name] = (gate.pairs, int(trace.above.argmax()) + 1)
        for name, (spread, pair) in happened.items():
            inside[name] = inside.get(name, 0) + (spread.low <= pair <= spread.high)
    assert {name: count for name, count in inside.items() if count < 0.9 * SHADOWS} == {}


def test_the_smallest_harm_is_found_that_often() -> None:
    """A candidate with the printed share of errors is refused in about 9 of 10 shadows."""
    traffic = Traffic(rate=300.0, label_delay=3.0, budget=4_000)
    gate = next(g for g in plan(PILOT, POLICY, traffic).gates if g.name == "errors-paired")
    assert gate.found is not None
    refused = [
        judge(pairs(4_000, seed=seed, errors=(0.0, gate.found)), POLICY)
        .finding("errors-paired")
        .decided_at
        for seed in range(40)
    ]
    failed = sum(look is not None for look in refused)
    assert 30 <= failed <= 40


def test_the_smallest_share_over_the_limit_is_found_by_seconds() -> None:
    """A short shadow of much traffic has many requests and few seconds; and so it is refused."""
    traffic = Traffic(rate=300.0, label_delay=3.0, budget=6_000)
    gate = next(g for g in plan(PILOT, POLICY, traffic).gates if g.name == "p95-limit")
    assert gate.found is not None
    refused = [
        judge(pairs(6_000, seed=seed, slow=gate.found), POLICY).finding("p95-limit").decided_at
        for seed in range(20)
    ]
    assert 15 <= sum(look is not None for look in refused) <= 20
    assert 0.075 < gate.found < 0.12

    short = plan(PILOT, POLICY, replace(traffic, budget=1_800))
    assert next(g for g in short.gates if g.name == "p95-limit").found is None


def test_a_smaller_error_budget_costs_pairs() -> None:
    """Alpha .001 takes more pairs than .05, and less than three times as many."""
    dear, cheap = (at_alpha(PILOT, POLICY, TRAFFIC, alpha).pairs.middle for alpha in (0.001, 0.05))
    assert cheap < dear < 3 * cheap


def test_labels_and_traffic_set_the_time() -> None:
    """Half the traffic takes twice as long; later labels put the accuracy gates off."""
    base = plan(PILOT, POLICY, TRAFFIC)
    slow = plan(PILOT, POLICY, replace(TRAFFIC, rate=150.0))
    late = plan(PILOT, POLICY, replace(TRAFFIC, label_delay=200.0))
    assert slow.seconds.middle == pytest.approx(2 * base.seconds.middle, rel=0.05)
    assert late.seconds.low >= 200.0
    assert late.pairs.low >= 200.0 * TRAFFIC.rate


def test_what_the_budget_does_not_reach_is_infinite() -> None:
    """Within 1,000 pairs no one can prove a tenth of a point."""
    made = plan(PILOT, POLICY, replace(TRAFFIC, budget=1_000))
    assert made.pairs.middle == float("inf")
    assert made.pairs.missed == 1.0


def test_a_blocking_gate_without_record_keeps_the_verdict_away() -> None:
    """No labels so far: no forecast of PROMOTE, whatever the other gates say."""
    without = {name: seen for name, seen in PILOT.items() if not name.startswith("accuracy")}
    assert plan(without, POLICY, TRAFFIC).pairs.middle == float("inf")


def test_the_guard_takes_its_blocks() -> None:
    """Under the drift guard nobody promotes before its one-minute blocks are over."""
    guarded = replace(POLICY, drift=replace(POLICY.drift, kind="guard"))
    assert plan(PILOT, guarded, TRAFFIC).seconds.low >= 300.0


def test_a_twin_of_the_champion_disagrees_by_chance() -> None:
    """From the champion alone: its own rates, independently on both sides."""
    rng = np.random.default_rng(3)
    past = Past(rng.lognormal(2, 0.3, 8_000), rng.random(8_000) < 0.01, rng.random(5_000) < 0.9)
    seen = seen_in_past(past, POLICY, None)
    b, c, rest = seen["accuracy-paired"].harm
    assert b == c
    assert b / (b + c + rest) == pytest.approx(0.09, abs=0.01)
    told = seen_in_past(past, POLICY, 0.04)["accuracy-paired"]
    assert told == disagreeing(0.04, 5_000)
    assert seen["errors-absolute"].harm[0] == int(past.errors.sum())
    assert sum(seen["frozen-p95"].safety) == 8_000
