"""All thresholds and the frozen p95 beside two-sided bands, on the same pairs.

All at a level of .05, although bands give intervals of every quantile as well, and ours a one-sided
answer; the past p95 is that of 5,000 earlier pairs. Weights and shares of our bets were chosen on
records of the same kind with other seeds.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import log

import numpy as np

from analysis import default_policy
from analysis.bets import Trace
from analysis.latency_arms import Arms
from analysis.quantiles import P95, order_statistic
from benchmarks import latencies
from benchmarks.calibration import information
from benchmarks.hosts import COMMON
from benchmarks.latencies import P95_MS, REFERENCE, drawn
from rivals import dkw
from rivals.evidence import Evidence, Labels

Row = dict[str, object]
ALPHA = 0.05
HORIZON = 20
"""Bounds of the frozen p95 after which a record ends; what was not found counts as found there."""
RECORDS = {"x1.05": 2_000, "x1.1": 3_000, "x1.2": 4_000}
SHARED = {"as the board's": COMMON, "independent": 0.0}
"""The spread of the logarithm that both answers to a request have in common."""
OWN_LEVEL = ALPHA * default_policy().gates["latency-thresholds"].weight
BANDS, ALL, FROZEN, OWN = (
    "bands",
    "all thresholds",
    "frozen p95",
    f"all thresholds at their own level, {OWN_LEVEL:.4g}",
)


@dataclass(frozen=True, slots=True)
class Speed:
    """The restricted mean of pairs until harm is proven, and the share in which it is not."""

    mean: float
    undetected: float


def rows(full: bool) -> Iterator[Row]:
    """Mean pairs until harm is proven, and how many times fewer they are than those of bands."""
    for latencies_are, common in SHARED.items():
        for seed, (change, records) in enumerate(RECORDS.items()):
            reps = (records if common else records // 4) if full else 20
            horizon = round(HORIZON * bound(change, common))
            found = compared(change, common, horizon, reps, seed)
            for judge, speed in found.items():
                yield {
                    "latencies": latencies_are,
                    "p95": change,
                    "judge": judge,
                    "records": reps,
                    "horizon": f"{horizon:,}",
                    "mean pairs": speed.mean,
                    "undetected": speed.undetected,
                    "times fewer than bands": found[BANDS].mean / speed.mean,
                }


def compared(change: str, common: float, horizon: int, reps: int, seed: int) -> dict[str, Speed]:
    """Every judge on the same fresh records of so many pairs."""
    rng = np.random.default_rng([91, seed])
    found = np.array([_record(horizon, change, common, rng) for _ in range(reps)])
    means, missed = np.minimum(found, horizon).mean(axis=0), np.isinf(found).mean(axis=0)
    judges = (BANDS, ALL, FROZEN, OWN)
    return {
        judge: Speed(float(mean), float(share))
        for judge, mean, share in zip(judges, means, missed, strict=True)
    }


def _record(n: int, change: str, common: float, rng: np.random.Generator) -> list[float]:
    """Pairs until each of the judges speaks, infinite where one does not."""
    past_ms = order_statistic(drawn(REFERENCE, "equal", rng, common).baseline, P95)
    arms = drawn(n, change, rng, common)
    # Thresholds lie about the past p95, which for the judge below is that of the simulation.
    scale = P95_MS / past_ms
    scaled = Arms(arms.candidate * scale, arms.baseline * scale)
    ruling = dkw.judge(_evidence(arms)).look
    return [
        float("inf") if ruling is None else float(ruling.pair),
        _pairs(latencies.by_thresholds(scaled, ALPHA)),
        _pairs(latencies.by_frozen(arms, ALPHA, past_ms)),
        _pairs(latencies.by_thresholds(scaled, OWN_LEVEL)),
    ]


def _pairs(trace: Trace) -> float:
    first = trace.first()
    return float("inf") if first is None else first + 1.0


def bound(change: str, common: float) -> float:
    """log(1/level)/KL of the frozen p95 where the past one is known."""
    arms = drawn(400_000, change, np.random.default_rng(92), common)
    own, other = arms.candidate > P95_MS, arms.baseline > P95_MS
    b, c = float((own & ~other).mean()), float((other & ~own).mean())
    return log(1 / ALPHA) / information((b, c, 1 - b - c), 0.0)


def _evidence(arms: Arms) -> Evidence:
    """Pairs of which the rival sees the latencies."""
    n = len(arms.baseline)
    none, never = np.zeros(0, dtype=np.int64), np.zeros(n, dtype=np.bool_)
    labels = Labels(none, none, none > 0, none > 0)
    return Evidence(np.arange(n), never, never, arms.baseline, arms.candidate, labels, n)
