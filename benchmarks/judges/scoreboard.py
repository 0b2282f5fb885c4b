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
from benchmarks.judges.worlds import HARMS, NULLS, P95, WRONG, World
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
    [gates.gross-frozen-p95]
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
    """The table, then each judge's worst null, then the fastest of those that keep 5 %."""
    kept: dict[str, list[tuple[int, int]]] = {}
    speed: dict[str, dict[str, float]] = {}
    for seed, world in enumerate((*nulls, *harms)):
        null = world in nulls
        tallies = _played(world, reps(world, null), 10_000 + seed, null)
        for name, tally in tallies.items():
            yield _row(world, name, tally, null)
            if null:
                hits = sum(np.isfinite(tally.delays or []))
                kept.setdefault(name, []).append((int(hits), tally.records))
            else:
                speed.setdefault(world.name, {})[name] = _mean(tally, world)
    yield from _summary(kept, speed)


def _reps(world: World, null: bool) -> int:
    if world.rate > DENSE:
        return 40 if null else 12
    return 240 if null else 60


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
                policy = replace(policy, baseline_p95_ms=world.median_ms * P95)
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
    """log(1/level)/KL of the gate that can know soonest, each at its own level and tolerance."""
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
    wrong = pairs.candidate_prediction == WRONG, pairs.baseline_prediction == WRONG
    paired = {
        "errors-paired": error_sides(pairs, policy.timeout).harm(),
        "frozen-p95": over,
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


def _summary(
    kept: dict[str, list[tuple[int, int]]], speed: dict[str, dict[str, float]]
) -> Iterator[Row]:
    """Who keeps 5 % on every null, and how the keepers compare where something is wrong."""
    keepers = []
    for name, found in kept.items():
        hits, n = max(found, key=lambda pair: pair[0] / pair[1])
        beyond = any(-_lower_miss(h, m) > ALPHA for h, m in found)
        keepers += [] if beyond else [name]
        yield {
            "judge": name,
            "worst null: false alarms": hits / n,
            "at most": wilson_upper(hits, n),
            "keeps 5 % on every null": "no" if beyond else "yes, as far as seen",
        }
    for scenario, means in speed.items():
        fastest = sorted((means[name], name) for name in keepers)
        yield {
            "scenario": scenario,
            "fastest of those that keep 5 %": fastest[0][1] if fastest else "none",
            "mean, pairs": fastest[0][0] if fastest else float("inf"),
            "next": f"{fastest[1][1]}: {fastest[1][0]:,.0f}" if len(fastest) > 1 else "-",
        }


def _lower_miss(hits: int, n: int) -> float:
    """Minus the lower end of Wilson's interval: one minus the upper end of the other share."""
    return wilson_upper(n - hits, n) - 1
