"""Equal versions for an hour on hosts that drift apart: how often they are rolled back for latency.

The policy is the packaged one, behind the guard or calibrated anew for each record, with no limit
in milliseconds that such latencies would break and a known past p95, so that all gates judge from
the first pair on.
"""

from collections.abc import Iterator

import numpy as np

from analysis import JudgePolicy, Verdict, paired, parse_policy
from analysis.bets import follow
from analysis.blocks import follow_blocks
from analysis.calibration import calibrated
from analysis.drift import guard_of, scores_of
from analysis.judging import judge_pairs
from analysis.late import follow_late
from analysis.pair_sample import PairSample, pair_sample
from analysis.pairs import Pairs
from analysis.sustained import shifts_of
from analysis.thresholds import LATENCY_BETS
from benchmarks.calibrated import MEDIAN_MS, NO_LIMIT, PAST, before, minutes_of, policy_of, scores
from benchmarks.calibration import wilson_upper
from benchmarks.hosts import RELATIVE
from benchmarks.judges.worlds import Drift, World

GUARDED = parse_policy(PAST + NO_LIMIT)
DRIFTS = {
    "AR(1) 0.5": Drift(0.1, 0.5),
    "AR(1) 0.8": Drift(0.1, 0.8),
    "AR(1) 0.95": Drift(0.1, 0.95),
    "AR(1) 0.8 of t4 noise": Drift(0.1, 0.8, "t4"),
    "levels held for 15 min": Drift(0.1, kind="levels"),
}
HARD = ("AR(1) 0.8 of t4 noise", "levels held for 15 min")
"""Beyond what is asked."""
FULL = (
    (10.0, tuple(name for name in DRIFTS if name not in HARD), 3_000),
    (10.0, HARD, 1_000),
    (50.0, tuple(name for name in DRIFTS if name not in HARD), 600),
)
"""Requests a second, hosts, and records of each: fewer where one takes longer."""


def rows(full: bool) -> Iterator[dict[str, object]]:
    """Each kind of host behind each of the two."""
    for rate, names, reps in FULL:
        for name in names:
            for kind in ("calibrated", "guard"):
                yield told(kind, name, rate, reps if full else 10)


def told(kind: str, name: str, rate: float, reps: int) -> dict[str, object]:
    """A record for each window that can be relied on."""
    drift = DRIFTS[name]
    world = World(
        "equal", rate, errors=(0.0, 0.0), median_ms=MEDIAN_MS, unlabelled=1.0, drift=drift
    )
    false = records = 0
    for rep in range(reps):
        rng = np.random.default_rng([rep, round(rate), *map(ord, name)])
        policy = GUARDED if kind == "guard" else learned(drift, rate, rng)
        if policy is not None:
            records += 1
            false += rolled_back(world.pairs(rng), policy)
    return {
        "hosts drift by 10 %": name,
        "requests/s": rate,
        "judged by": kind,
        "records": records,
        "rolled back": false / records,
        "at most (Wilson)": wilson_upper(false, records),
    }


def learned(drift: Drift, rate: float, rng: np.random.Generator) -> JudgePolicy | None:
    """By a window of these hosts that ended before; None where it cannot be relied on."""
    minutes = minutes_of(drift)
    found = calibrated(scores(rng, minutes, drift, rate=rate), minutes * 60_000_000)
    assert found is not None
    return None if found.trouble else policy_of(before(found), NO_LIMIT)


def rolled_back(pairs: Pairs, policy: JudgePolicy) -> bool:
    """By a gate that compares latencies: as the judge, in a tenth of its time."""
    sample, ratios = pair_sample(pairs, policy), scores_of(pairs)
    guard = guard_of(ratios, pairs.watermark_us, policy.drift)
    if _gross(sample, policy):
        return True
    if guard.kind == "guard":
        # While it is shut nothing else speaks, and on such hosts it seldom opens.
        return bool(guard.passed.any()) and said(judge_pairs(pairs, policy, False))
    shifts = shifts_of(sample, policy, ratios)
    assert shifts is not None
    return (
        bool(shifts.harm.above.any())
        or _thresholds(sample, policy)
        or _frozen(sample, policy, "frozen-p95")
        or _frozen(sample, policy, "frozen-p99")
        or _ratio(sample, policy)
    )


def said(verdict: Verdict) -> bool:
    """Whether such a gate failed."""
    return any(verdict.finding(name).outcome == "FAIL" for name in RELATIVE)


def _gross(sample: PairSample, policy: JudgePolicy) -> bool:
    gate, late = policy.gates["gross-frozen-p95"], sample.late("gross-frozen-p95")
    level, bets = policy.rollback_level(gate), paired.harm_bets(0.0)
    trace, _ = follow_late(bets, late.counts, late.blocks, policy.horizon, level)
    return trace.first() is not None


def _frozen(sample: PairSample, policy: JudgePolicy, name: str) -> bool:
    gate = policy.gates[name]
    level, events = policy.rollback_level(gate), sample.over(gate, "harm").harm()
    return follow(paired.quantile_bets(), events, level).first() is not None


def _thresholds(sample: PairSample, policy: JudgePolicy) -> bool:
    gate = policy.gates["latency-thresholds"]
    _, seen = sample.thresholds(gate)
    level = policy.rollback_level(gate)
    trace = follow_blocks(LATENCY_BETS, seen.at_looks, seen.looks, sample.n, level)
    return trace.first() is not None


def _ratio(sample: PairSample, policy: JudgePolicy) -> bool:
    gate = policy.gates["p95-ratio"]
    return sample.beyond(gate, "harm", policy.rollback_level(gate)).first() is not None
