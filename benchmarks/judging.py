"""Figures of the judge: level and delay of every gate, beside naive peeking.

`rows(full)` measures and gives table rows; short takes a minute, full most of an hour.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from analysis import default_policy, paired, rates
from analysis.bets import Bets
from analysis.error_gates import late_rate_bets
from benchmarks.calibration import (
    Probabilities,
    delay,
    importance_level,
    naive_peeking,
    wilson_upper,
)
from benchmarks.hosts import Hosts, condemned, frozen_truth, late_delays, latency_only

Row = dict[str, object]
ALPHAS = (0.05, 0.001)


@dataclass(frozen=True, slots=True)
class Case:
    """One claim of a gate: its bets, the boundary of its null, and truths with their names."""

    gate: str
    claim: str
    bets: Bets
    side: float
    boundary: Probabilities
    truths: tuple[tuple[str, Probabilities], ...]


FROZEN = [
    (f"p95 x{ratio}", tuple(frozen_truth(1.1 * ratio, 1.1, 200_000, 1, 5)[0]))
    for ratio in (1.05, 1.1, 1.2, 1.5)
]
CASES = (
    Case(
        "errors-paired",
        "harm",
        paired.harm_bets(0.0),
        0.0,
        (0.001, 0.001, 0.998),
        (
            ("0.1 to 0.2 %", (0.002, 0.001, 0.997)),
            ("0.1 to 0.2 %, shared", (0.001, 1e-9, 0.999)),
            ("0.1 to 0.5 %", (0.005, 0.001, 0.994)),
            ("0 to 3 %", (0.03, 1e-9, 0.97)),
        ),
    ),
    Case(
        "errors-paired",
        "safety",
        paired.safety_bets(0.001),
        0.001,
        (0.0015, 0.0005, 0.998),
        (
            ("equal, 2 %, apart", (0.0196, 0.0196, 0.9608)),
            ("equal, 0.1 %", (0.001, 0.001, 0.998)),
            ("equal, 0.01 %", (0.0001, 0.0001, 0.9998)),
        ),
    ),
    Case(
        "errors-absolute",
        "harm",
        rates.harm_bets(0.05),
        0.05,
        (0.05, 0.95),
        (("6 %", (0.06, 0.94)), ("10 %", (0.1, 0.9))),
    ),
    Case(
        "errors-absolute",
        "safety",
        rates.safety_bets(0.001),
        0.001,
        (0.001, 0.999),
        (("0.05 %", (0.0005, 0.9995)),),
    ),
    Case(
        "p95-limit",
        "harm",
        rates.harm_bets(0.05),
        0.05,
        (0.05, 0.95),
        (("10 % over", (0.1, 0.9)), ("20 % over", (0.2, 0.8))),
    ),
    Case(
        "p95-limit",
        "safety",
        rates.safety_bets(0.05),
        0.05,
        (0.05, 0.95),
        (("4 % over", (0.04, 0.96)), ("2 % over", (0.02, 0.98))),
    ),
    Case("frozen-p95", "harm", paired.quantile_bets(), 0.0, (0.03, 0.03, 0.94), tuple(FROZEN)),
    Case(
        "frozen-p95",
        "safety",
        paired.safety_bets(0.0),
        0.0,
        (0.03, 0.03, 0.94),
        (("equal, margin 25 %", tuple(frozen_truth(1.0, 1.25, 200_000, 1, 5)[0])),),
    ),
    Case(
        "accuracy-absolute",
        "harm",
        rates.harm_bets(0.15),
        0.15,
        (0.15, 0.85),
        (("84 %", (0.16, 0.84)), ("83 %", (0.17, 0.83)), ("80 %", (0.2, 0.8))),
    ),
    Case(
        "accuracy-absolute",
        "safety",
        rates.safety_bets(0.15),
        0.15,
        (0.15, 0.85),
        (("86 %", (0.14, 0.86)), ("88.3 %", (0.117, 0.883))),
    ),
    Case(
        "accuracy-paired",
        "harm",
        paired.harm_bets(0.0),
        0.0,
        (0.025, 0.025, 0.95),
        (("1 point lost", (0.03, 0.02, 0.95)), ("3 points lost", (0.045, 0.015, 0.94))),
    ),
    Case(
        "accuracy-paired",
        "safety",
        paired.safety_bets(0.01),
        0.01,
        (0.035, 0.025, 0.94),
        (("equal", (0.025, 0.025, 0.95)), ("2.3 points won", (0.0236, 0.0462, 0.9302))),
    ),
)


def rows(full: bool) -> Iterator[Row]:
    """Every figure of this room, as it comes."""
    yield from _gates(full)
    yield from _late(full)
    yield from _drift(full)


def _gates(full: bool) -> Iterator[Row]:
    """Level and delay of each claim at each alpha, with the naive level of the same question."""
    weights = {name: gate.weight for name, gate in default_policy().gates.items()}
    reps, horizon = (4_000, 2e6) if full else (400, 2e5)
    naive = {case.boundary: _naive(case.boundary, full) for case in CASES}
    for case in CASES:
        for alpha in ALPHAS:
            found = importance_level(case.bets, case.boundary, alpha, reps, horizon, 71)
            own = alpha * weights[case.gate] if case.claim == "harm" else alpha
            for name, truth in case.truths:
                seen = delay(case.bets, case.side, truth, own, reps // 2, 72)
                yield {
                    "gate": case.gate,
                    "claim": case.claim,
                    "alpha": alpha,
                    "level while looking at every pair": found.estimate,
                    "at most": found.upper,
                    "naive p < 0.05 at every look": naive[case.boundary],
                    "truth": name,
                    "bound, pairs": seen.bound,
                    "mean delay, pairs": seen.mean,
                    "delay / bound": seen.ratio,
                    "informative events": seen.events,
                    "undetected": seen.undetected,
                }


def _naive(boundary: Probabilities, full: bool) -> float:
    """The z test of a share, or McNemar's on discordant pairs, redone after each of them."""
    share = boundary[0] if len(boundary) == 2 else 0.5
    horizon = round(min(2_000 / share, 200_000 if full else 50_000))
    return naive_peeking(share, horizon, 1_000 if full else 200, 73)


LATE: tuple[tuple[str, Bets, tuple[float, ...], tuple[float, ...], tuple[float, ...]], ...] = (
    ("errors-late-paired", paired.harm_bets(0.0), (0.03, 0.03), (0.001, 0.001), (0.1, 0.001)),
    ("errors-late-absolute", late_rate_bets(0.05), (0.05,), (0.001,), (0.1,)),
    ("gross-frozen-p95", paired.harm_bets(0.0), (0.03, 0.03), (0.001, 0.04), (0.1, 0.01)),
)


def _late(full: bool) -> Iterator[Row]:
    """False alarms in an hour at the boundary, and seconds from the onset to the alarm."""
    weights = {name: gate.weight for name, gate in default_policy().gates.items()}
    reps = 3_000 if full else 200
    for gate, bets, boundary, before, after in LATE:
        level = 0.05 * weights[gate]
        alarms = late_delays(bets, (boundary, boundary), 50, (3600, 3600), 3600, 0.05, reps, 74)
        false = int(np.isfinite(alarms).sum())
        found = late_delays(bets, (before, after), 50, (900, 1000), 1800, level, reps, 75)
        yield {
            "gate": gate,
            "claim": "late harm",
            "alpha": 0.05,
            "level in an hour at the boundary": false / reps,
            "at most": wilson_upper(false, reps),
            "truth": f"{before[0]:.1%} to {after[0]:.0%} after 15 min at 50 requests/s",
            "false alarms before the onset": float((found <= 0).mean()),
            "mean delay, s": float(found[np.isfinite(found) & (found > 0)].mean()),
            "undetected": float(np.isinf(found).mean()),
        }


def _drift(full: bool) -> Iterator[Row]:
    """Level of the latency gates in an hour on drifting hosts, behind the guard and without it."""
    reps = 1_000 if full else 30
    for rho in (0.5, 0.8, 0.95):
        hosts = Hosts(rate=20.0 if full else 8.0, minutes=60, cv=0.1, rho=rho)
        guarded = len(condemned(hosts, latency_only("guard"), reps, 76))
        bare = len(condemned(hosts, latency_only("none"), reps // 5, 76))
        yield {
            "gate": "frozen-p95, gross-frozen-p95",
            "claim": "harm",
            "alpha": 0.05,
            "truth": f"equal versions, hosts drift 10 %, AR(1) {rho} by the minute, one hour",
            "level behind the guard": guarded / reps,
            "at most": wilson_upper(guarded, reps),
            "level without the guard": bare / (reps // 5),
        }
