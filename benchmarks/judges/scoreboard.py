"""Every judge on every scenario: false alarms where nothing is wrong, delay where something is.

*Strict* holds the candidate to every difference, believes that the sides share a machine and knows
the champion's past p95; *default* is the packaged policy, behind the guard against drifting hosts,
and takes the past p95 from the first 5,000 pairs. Rivals have one set of numbers. All see the same
records; what was not found by the end of one counts as found there.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import log

import numpy as np

from analysis import JudgePolicy, default_policy, parse_policy
from analysis.judging import judge_pairs
from analysis.pairs import Pairs
from analysis.sides import error_sides, over_limit_sides
from benchmarks.calibration import information, wilson_upper
from benchmarks.judges.worlds import HARMS, NULLS, P95, P99, WRONG, World
from rivals import PROMOTE, RIVALS, ROLLBACK, evidence_of

Row = dict[str, object]
STRICT = parse_policy(
    """
    [drift]
    kind = "none"
    reason = "simulated"
    [gates.frozen-p95]
    floor = 0
    floor_ms = 0
    [gates.frozen-p99]
    floor = 0
    floor_ms = 0
    [gates.gross-frozen-p95]
    floor_ms = 0
    [gates.latency-thresholds]
    floor = 0
    floor_ms = 0
    [gates.latency-mean]
    floor = 0
    floor_ms = 0
    [gates.p95-ratio]
    floor = 0
    floor_ms = 0
    """
)
DEFAULT = default_policy()
OURS = {"PinCEX, strict": STRICT, "PinCEX, default": DEFAULT}
ALPHA = 0.05
DENSE = 20.0
"""Requests a second above which a record is judged less often."""


@dataclass(slots=True)
class Tally:
    """What one judge did on the records of one world; delays in pairs since the onset."""

    records: int = 0
    before: int = 0
    promoted: int = 0
    delays: list[float] | None = None

    def add(self, decision: str, pair: int | None, onset: int, pairs: int) -> None:
        """One record: a ROLLBACK before the onset is a false alarm."""
        self.records += 1
        self.promoted += decision == PROMOTE
        self.delays = self.delays if self.delays is not None else []
        rolled = decision == ROLLBACK and pair is not None
        if rolled and pair is not None and pair <= onset:
            self.before += 1
        elif rolled and pair is not None:
            self.delays.append(float(pair - onset))
        else:
            self.delays.append(float("inf"))


@dataclass(frozen=True, slots=True)
class Kept:
    """False alarms of a judge on one null, and whether its hosts are steady."""

    hits: int
    records: int
    steady: bool


def rows(full: bool) -> Iterator[Row]:
    """Every scenario, or one of each kind, each half as long."""
    if full:
        return board(NULLS, HARMS, _reps)
    nulls, harms = (NULLS[0], NULLS[3], NULLS[5], NULLS[-1]), (HARMS[2], HARMS[7], HARMS[-1])
    return board(
        tuple(replace(world, minutes=30) for world in nulls),
        tuple(replace(world, minutes=15) for world in harms),
        lambda _, null: 8 if null else 5,
    )


def board(
    nulls: tuple[World, ...], harms: tuple[World, ...], reps: Callable[[World, bool], int]
) -> Iterator[Row]:
    """The table, then each judge's worst nulls, then the fastest of those that keep 5 %."""
    kept: dict[str, list[Kept]] = {}
    speed: dict[str, dict[str, float]] = {}
    for seed, world in enumerate((*nulls, *harms)):
        null = world in nulls
        tallies = _played(world, reps(world, null), 10_000 + seed, null)
        for name, tally in tallies.items():
            yield _row(world, name, tally, null)
            if null:
                hits = int(np.isfinite(tally.delays or []).sum())
                kept.setdefault(name, []).append(Kept(hits, tally.records, world.drift is None))
            elif np.isfinite(tally.delays or []).any():
                speed.setdefault(world.name, {})[name] = _mean(tally, world)
    yield from _levels(kept)
    for world in harms:
        yield _fastest(world, kept, speed.get(world.name, {}))


def _reps(world: World, null: bool) -> int:
    if world.rate > DENSE:
        return 60 if null else 12
    return 200 if null else 60


def _played(world: World, reps: int, seed: int, null: bool) -> dict[str, Tally]:
    """All judges on the same records; the strict one on a quarter of the nulls, to save time."""
    tallies = {name: Tally() for name in (*OURS, *(rival.name for rival in RIVALS))}
    for rep in range(reps):
        pairs = world.pairs(np.random.default_rng([seed, rep]))
        onset = int(np.searchsorted(pairs.arrived_us - pairs.arrived_us[0], world.onset * 1e6))
        for name, policy in OURS.items():
            if policy is STRICT and null and rep % 4:
                continue
            if policy is STRICT:
                policy = replace(
                    policy,
                    baseline_p95_ms=world.median_ms * P95,
                    baseline_p99_ms=world.median_ms * P99,
                )
            verdict = judge_pairs(pairs, policy, False)
            at = verdict.decided_at
            tallies[name].add(verdict.decision, at.pair if at else None, onset, len(pairs))
        seen = evidence_of(pairs, DEFAULT)
        for rival in RIVALS:
            ruling = rival.rule(seen)
            at = ruling.look
            tallies[rival.name].add(ruling.decision, at.pair if at else None, onset, len(pairs))
    return tallies


def _mean(tally: Tally, world: World) -> float:
    """The restricted mean: what was not found counts as found at the end of the record."""
    most = world.rate * (60 * world.minutes - world.onset)
    return float(np.minimum(tally.delays or [most], most).mean())


def _row(world: World, name: str, tally: Tally, null: bool) -> Row:
    delays = np.asarray(tally.delays or [np.inf])
    found = int(np.isfinite(delays).sum())
    false = found if null else tally.before
    policy = OURS.get(name, STRICT)
    row: Row = {
        "scenario": world.name,
        "judge": name,
        "records": tally.records,
        "false alarms": false / tally.records,
        "at most": wilson_upper(false, tally.records),
        "promoted": tally.promoted / tally.records,
    }
    if null:
        return row | dict.fromkeys(("found", "mean, pairs", "95 %, pairs", "bound", "ratio"), "-")
    mean, bound = _mean(tally, world), bound_of(world, policy)
    late = float(np.quantile(delays, 0.95, method="higher"))
    return row | {
        "found": found / len(delays),
        "mean, pairs": mean,
        "95 %, pairs": late if np.isfinite(late) else "not all",
        "bound": bound if bound < 1e7 else "no gate",
        "ratio": mean / bound if bound < 1e7 else "-",
    }


_bounds: dict[tuple[str, str], float] = {}


def bound_of(world: World, policy: JudgePolicy) -> float:
    """log(1/level)/KL of the gate that can know soonest, each at its own level and tolerance.

    Not of those that look at the whole distribution, which may be sooner.
    """
    key = (world.name, policy.digest)
    if key not in _bounds:
        after = replace(
            world, errors=world.errors_after or world.errors, onset=0.0, rate=150.0, minutes=60
        )
        _bounds[key] = _bound(after.pairs(np.random.default_rng(9)), world, policy)
    return _bounds[key]


def _bound(pairs: Pairs, world: World, policy: JudgePolicy) -> float:
    gates = policy.gates
    frozen = world.median_ms * P95
    floor = gates["frozen-p95"].limits
    harm_ms = max(frozen * (1 + floor["floor"]), frozen + floor["floor_ms"])
    limit_ms = gates["p95-limit"].limits["limit_ms"]
    over = over_limit_sides(pairs, harm_ms, frozen).harm()
    frozen_p99 = world.median_ms * P99
    floor_p99 = gates["frozen-p99"].limits
    harm_p99 = max(frozen_p99 * (1 + floor_p99["floor"]), frozen_p99 + floor_p99["floor_ms"])
    wrong = pairs.candidate_prediction == WRONG, pairs.baseline_prediction == WRONG
    paired = {
        "errors-paired": error_sides(pairs, policy.timeout).harm(),
        "frozen-p95": over,
        "frozen-p99": over_limit_sides(pairs, harm_p99, frozen_p99).harm(),
        "accuracy-paired": (wrong[0] & ~wrong[1], wrong[1] & ~wrong[0]),
    }
    rates = {
        "errors-absolute": (error_sides(pairs, policy.timeout).candidate_harm, 0.05),
        "p95-limit": (pairs.candidate_latency_ms > limit_ms, 0.05),
        "accuracy-absolute": (wrong[0], 0.15),
    }
    least = float("inf")
    for name, (b, c) in paired.items():
        truth = (float(b.mean()), float(c.mean()))
        # Half an error more on either side: none in half a million is not never.
        if truth[0] > truth[1] + 4 * np.sqrt(sum(truth) / len(pairs)):
            shares = (truth[0], max(truth[1], 1e-6), 1 - truth[0] - max(truth[1], 1e-6))
            level = policy.rollback_level(gates[name])
            least = min(least, log(1 / level) / information(shares, 0.0))
    for name, (bad, limit) in rates.items():
        rate = float(bad.mean())
        if rate > limit + 4 * np.sqrt(limit / len(pairs)):
            level = policy.rollback_level(gates[name])
            least = min(least, log(1 / level) / information((rate, 1 - rate), limit))
    return least


def _levels(kept: dict[str, list[Kept]]) -> Iterator[Row]:
    """Each judge on its worst null, where the hosts are steady and on all."""
    for name, found in kept.items():
        worst = {
            steady: max((k.hits / k.records for k in found if k.steady or not steady), default=0.0)
            for steady in (True, False)
        }
        yield {
            "judge": name,
            "worst null, steady hosts": worst[True],
            "keeps 5 %": _keeps(found, steady=True),
            "worst null": worst[False],
            "keeps 5 % on every null": _keeps(found, steady=False),
        }


def _keeps(found: list[Kept], *, steady: bool) -> str:
    """No null is shown to be over 5 %: Wilson's lower end is one minus the others' upper end."""
    judged = [k for k in found if k.steady or not steady]
    over = any(1 - wilson_upper(k.records - k.hits, k.records) > ALPHA for k in judged)
    return "no" if over else "as far as seen"


def _fastest(world: World, kept: dict[str, list[Kept]], means: dict[str, float]) -> Row:
    """Strict beside those that keep 5 % on steady hosts, default beside those that do on all."""
    row: Row = {"scenario": world.name}
    for column, other in (("strict", "PinCEX, default"), ("default", "PinCEX, strict")):
        steady = column == "strict"
        found = sorted(
            (mean, name)
            for name, mean in means.items()
            if name != other and _keeps(kept.get(name, []), steady=steady) != "no"
        )
        told = [f"{name}, {mean:,.0f} pairs" for mean, name in found]
        row[f"{column}: fastest that keeps 5 %"] = told[0] if told else "nobody finds it"
        row[f"{column}: next"] = told[1] if len(told) > 1 else "-"
    return row
