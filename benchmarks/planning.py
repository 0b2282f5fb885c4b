"""Forecasts of a shadow held against shadows that are drawn and judged: how often they hold."""

from collections import Counter
from typing import Any

import numpy as np
import polars as pl

from analysis import Traffic, judge, parse_policy, plan, seen_in
from analysis.findings import Finding

SHADOWS = {False: 20, True: 300}
PILOT = 5_000
PAIRS = 20_000
POLICY = """
[drift]
kind = "none"
reason = "both sides share a machine"
[latency]
baseline_p95_ms = 14.7
"""
WORLDS = {
    "as good, 7 % disagree": (0.0, 0.035, 0.035),
    "better, 7 % disagree": (0.0, 0.02, 0.05),
    "as good, 3 % disagree, rare errors on both sides": (0.0005, 0.015, 0.015),
}


def rows(full: bool) -> list[dict[str, Any]]:
    """Share of forecasts that held, per world; a fresh pilot for every tenth shadow."""
    policy = parse_policy(POLICY)
    found = []
    for name, world in WORLDS.items():
        held: Counter[str] = Counter()
        for seed in range(SHADOWS[full]):
            if seed % 10 == 0:
                pilot = seen_in(judge(_pairs(PILOT, world, 90_000 + seed), policy))
                made = plan(pilot, policy, Traffic(300.0, 3.0, PAIRS))
            verdict = judge(_pairs(PAIRS, world, seed), policy)
            stood = verdict.stood_at.pair if verdict.stood_at else float("inf")
            held["verdict"] += made.pairs.low <= stood <= made.pairs.high
            for gate in made.gates:
                pair = _first(verdict.finding(gate.name))
                held[gate.name] += gate.pairs.low <= pair <= gate.pairs.high
        least = min(held, key=lambda gate: held[gate])
        found.append(
            {
                "what": f"forecasts that held, {name} ({SHADOWS[full]} shadows)",
                "measured": f"verdict {held['verdict'] / SHADOWS[full]:.0%}, least {least} "
                f"{held[least] / SHADOWS[full]:.0%}",
                "reach": "90 %",
            }
        )
    return found


def _first(finding: Finding) -> float:
    trace = finding.safety
    assert trace is not None
    return int(trace.above.argmax()) + 1.0 if trace.above.any() else float("inf")


def _pairs(n: int, world: tuple[float, float, float], seed: int) -> pl.DataFrame:
    """Independent pairs: errors of each side, and answers wrong on one side alone."""
    errors, candidate_wrong, baseline_wrong = world
    random = np.random.default_rng([seed, 4])
    at = 1_760_000_000_000_000 + np.cumsum(random.exponential(1e6 / 300, n)).astype(np.int64)
    kind = random.random(n)
    shared = random.normal(0, 0.3, n)
    moment = pl.Datetime("us", "UTC")
    return pl.DataFrame(
        {
            "request_id": [f"r-{index}" for index in range(n)],
            "arrived_at": pl.Series(at).cast(moment),
            "segment": pl.Series([None] * n, dtype=pl.String),
            "baseline_status": np.where(random.random(n) < errors, 500, 200),
            "candidate_status": np.where(random.random(n) < errors, 500, 200),
            "baseline_latency_ms": 9 * np.exp(shared + random.normal(0, 0.15, n)),
            "candidate_latency_ms": 9 * np.exp(shared + random.normal(0, 0.15, n)),
            "baseline_prediction": np.where(
                (kind > 0.9) | ((kind > 0.5) & (kind < 0.5 + baseline_wrong)), 9.0, 1.0
            ),
            "candidate_prediction": np.where((kind > 0.9) | (kind < candidate_wrong), 9.0, 1.0),
            "label": np.ones(n),
            "labelled_at": pl.Series(at + 2_000_000).cast(moment),
        }
    )
