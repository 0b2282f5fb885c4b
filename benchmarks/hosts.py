"""Simulated hosts for the latency and late-harm gates: noise, drift, bursts of errors."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.special import ndtr

from analysis import JudgePolicy, judge, parse_policy
from analysis.bets import Bets
from analysis.late import Blocks, follow_late

START_US = 1_760_000_040_000_000
MICROSECONDS = pl.Datetime("us", "UTC")
# Spread of the logarithm of latency: shared by both sides, and of each side.
COMMON, OWN = 0.3, 0.2
# The gates that compare the latencies of both sides.
RELATIVE = (
    "frozen-p95",
    "frozen-p99",
    "gross-frozen-p95",
    "latency-thresholds",
    "latency-mean",
    "p95-ratio",
)


def table(
    arrived_us: np.ndarray, baseline_ms: np.ndarray, candidate_ms: np.ndarray
) -> pl.DataFrame:
    """Pairs that differ in latency alone."""
    n = len(arrived_us)
    return pl.DataFrame(
        {
            "request_id": pl.int_range(n, eager=True).cast(pl.String),
            "arrived_at": pl.Series(arrived_us).cast(MICROSECONDS),
            "baseline_latency_ms": baseline_ms,
            "candidate_latency_ms": candidate_ms,
        }
    ).with_columns(
        pl.lit(None, pl.String).alias("segment"),
        pl.lit(200).alias("baseline_status"),
        pl.lit(200).alias("candidate_status"),
        pl.lit(None, pl.Float64).alias("baseline_prediction"),
        pl.lit(None, pl.Float64).alias("candidate_prediction"),
        pl.lit(None, pl.Float64).alias("label"),
        pl.lit(None, MICROSECONDS).alias("labelled_at"),
    )


@dataclass(frozen=True, slots=True)
class Hosts:
    """Two hosts whose latency wanders by itself: AR(1) of its logarithm from minute to minute."""

    rate: float
    minutes: int
    cv: float
    rho: float
    ratio: float = 1.0
    median_ms: float = 200.0

    def pairs(self, rng: np.random.Generator) -> pl.DataFrame:
        """One shadow: shared request noise, own noise, and each host's own drift."""
        n = rng.poisson(self.rate * 60 * self.minutes)
        seconds = np.sort(rng.random(n)) * 60 * self.minutes
        minute = (seconds // 60).astype(np.int64)
        common = rng.normal(0, COMMON, n)
        arms = [
            self.median_ms * np.exp(common + rng.normal(0, OWN, n) + self._drift(rng)[minute])
            for _ in range(2)
        ]
        return table(START_US + (seconds * 1e6).astype(np.int64), arms[0], arms[1] * self.ratio)

    def _drift(self, rng: np.random.Generator) -> np.ndarray:
        drift = np.empty(self.minutes)
        drift[0] = rng.normal(0, self.cv)
        step = self.cv * np.sqrt(1 - self.rho**2)
        for minute in range(1, self.minutes):
            drift[minute] = self.rho * drift[minute - 1] + rng.normal(0, step)
        return drift


def latency_only(kind: str, alpha: float = 0.05) -> JudgePolicy:
    """A policy whose latency gates look at ratios alone: no absolute limit, no floor in ms."""
    reason = 'reason = "simulated"' if kind == "none" else ""
    return parse_policy(
        f"""
        [budgets]
        alpha_rollback = {alpha}
        [drift]
        kind = "{kind}"
        {reason}
        [gates.p95-limit]
        limit_ms = 1e6
        [gates.frozen-p95]
        floor_ms = 0
        [gates.frozen-p99]
        floor_ms = 0
        [gates.gross-frozen-p95]
        floor_ms = 0
        [gates.latency-thresholds]
        floor_ms = 0
        [gates.latency-mean]
        floor_ms = 0
        [gates.p95-ratio]
        floor_ms = 0
        """
    )


def condemned(
    hosts: Hosts,
    policy: JudgePolicy,
    reps: int,
    seed: int,
    gates: tuple[str, ...] = RELATIVE,
) -> list[int]:
    """After how many pairs one of these gates failed, for the repetitions in which one did."""
    rng = np.random.default_rng(seed)
    failed = []
    for _ in range(reps):
        verdict = judge(hosts.pairs(rng), policy)
        found = [verdict.finding(name) for name in gates]
        pairs = [f.decided_at.pair for f in found if f.outcome == "FAIL" and f.decided_at]
        failed += [min(pairs)] if pairs else []
    return failed


def frozen_truth(
    ratio: float, harm_ratio: float, reference: int, reps: int, seed: int
) -> np.ndarray:
    """Probabilities of b, c and the rest for the frozen p95, one row per sampled past p95.

    Both latencies are lognormal with a shared part; the candidate is `ratio` times slower.
    """
    rng = np.random.default_rng(seed)
    spread = np.hypot(COMMON, OWN)
    frozen = [
        np.sort(rng.normal(0, spread, reference))[-(reference // 20) - 1] for _ in range(reps)
    ]
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    shared = COMMON * nodes
    baseline = ndtr((shared - np.asarray(frozen)[:, None]) / OWN)
    shift = np.log(ratio) - np.log(harm_ratio)
    candidate = ndtr((shared + shift - np.asarray(frozen)[:, None]) / OWN)
    share = weights / weights.sum()
    b, c = candidate * (1 - baseline) @ share, baseline * (1 - candidate) @ share
    return np.stack([b, c, 1 - b - c], axis=1)


def late_delays(
    bets: Bets,
    rates: tuple[tuple[float, ...], tuple[float, ...]],
    per_second: float,
    seconds: tuple[int, int],
    horizon: float,
    level: float,
    reps: int,
    seed: int,
) -> np.ndarray:
    """Seconds from the onset to the alarm (inf: none, negative: false), for each repetition.

    `rates` are the probabilities of the kinds but the last, before and after the onset; `seconds`
    are the onset and the end.
    """
    rng = np.random.default_rng(seed)
    onset, end = seconds
    delays = np.full(reps, np.inf)
    for rep in range(reps):
        n = rng.poisson(per_second, end)
        probabilities = np.where(np.arange(end)[:, None] < onset, *(np.asarray(r) for r in rates))
        rest = 1 - probabilities.sum(axis=1, keepdims=True)
        counts = rng.multinomial(n, np.concatenate([probabilities, rest], axis=1))
        index = np.arange(end)
        blocks = Blocks(index, index + 1, index, np.where(index < horizon, 1.0, 0.0))
        trace, _ = follow_late(bets, counts.T.astype(np.float64), blocks, horizon, level)
        first = trace.first()
        if first is not None:
            delays[rep] = first + 1 - onset
    return delays
