"""From a batch of pairs to its counts in blocks: what each gate needs to know, and no row."""

from collections.abc import Mapping

import numpy as np
import polars as pl

from analysis import losses, payoffs
from analysis.bets import Flags, Floats, Integers
from analysis.block_plan import OCTAVES, Plan
from analysis.block_table import MOST_SEGMENTS, BlockTable, Counted, Segment
from analysis.clock import labels_due
from analysis.cuts import MOST_CLASSES, kinds_by
from analysis.drift import scores_of
from analysis.frozen import OF_GATE, limits
from analysis.late import SECOND_US
from analysis.latency_arms import bare_arms, harm_arms, log_ratio, safety_arms
from analysis.pair_sample import PairSample, pair_sample, unusable
from analysis.pairs import ANSWERED, NOT_SENT, TIMEOUT, Pairs
from analysis.quantile_bets import passed_of
from analysis.quantiles import BINS, bins
from analysis.sides import KINDS, Sides, over_limit_sides, wrong_sides
from analysis.thresholds import grid, passed_both

FINE = 1 << 20
"""Parts of one in which sums of payoffs are kept, so that they are whole numbers."""


def counted_in_blocks(pairs: Pairs, plan: Plan) -> BlockTable:
    """The table of these pairs, which are in order of arrival."""
    seen = pair_sample(pairs, plan.policy)
    rows = _Rows(pairs.arrived_us // SECOND_US // plan.step)
    due_us, in_time = labels_due(
        pairs.arrived_us, pairs.labelled_us, pairs.labelled, plan.policy.label_window
    )
    answers = wrong_sides(pairs, in_time, plan.policy.accuracy)
    errors = seen.errors()
    arrays = {
        "errors": rows.of(errors.kinds(), KINDS),
        "answers": rows.of(answers.kinds(), KINDS),
        "different": rows.of(seen.different().kinds(), KINDS),
        **_latency_counts(pairs, plan, rows),
        **_answer_counts(pairs, plan, rows, in_time),
        "rows": _row_counts(pairs, rows),
    }
    return BlockTable(
        plan=plan.digest,
        seconds=_by_second(pairs, plan, errors),
        blocks=Counted(rows.ids, arrays),
        due_us=np.maximum.reduceat(due_us, rows.first),
        whole=_whole(pairs, plan, in_time),
        segments=_by_segment(seen, plan, rows, errors, answers),
        classes=_by_class(pairs, rows, in_time),
        texts=not pairs.numbers,
        last_us=pairs.watermark_us,
        odd=losses.odd_in(pairs),
    )


class _Rows:
    """The blocks that pairs in order of arrival belong to."""

    def __init__(self, block: Integers) -> None:
        self.first = np.flatnonzero(np.diff(block, prepend=block[:1] - 1))
        self.ids = block[self.first]
        self.place = np.repeat(np.arange(len(self.ids)), np.diff(self.first, append=len(block)))

    def of(self, kinds: Integers, number: int, where: Flags | None = None) -> Integers:
        """Pairs of each kind in each block, of those that count."""
        flat = self.place * number + kinds
        flat = flat if where is None else flat[where]
        return np.bincount(flat, minlength=len(self.ids) * number).reshape(-1, number)

    def all_of(self, kinds: tuple[Integers, ...], number: int, where: Flags) -> Integers:
        """The same for several ways to tell the kind, side by side."""
        return np.concatenate([self.of(kind, number, where) for kind in kinds], axis=1)

    def sums(self, values: list[Flags | Integers]) -> Integers:
        """Sums in each block, side by side."""
        return np.stack(
            [np.add.reduceat(value.astype(np.int64), self.first) for value in values], axis=1
        )


def _latency_counts(pairs: Pairs, plan: Plan, rows: _Rows) -> Mapping[str, Integers]:
    gates, always = plan.policy.gates, np.ones(len(pairs), dtype=np.bool_)
    limit = gates["p95-limit"].limits["limit_ms"]
    arrays = {"p95-limit harm": rows.of(over_limit_sides(pairs, limit, limit).kinds(), KINDS)}
    for gate, name in OF_GATE.items():
        judged = _judged(rows, plan, name)
        for claim, sides in zip(("harm", "safety"), _frozen_sides(pairs, plan, gate), strict=True):
            arrays[f"{gate} {claim}"] = rows.of(sides.kinds(), KINDS, judged)
    harmed = harm_arms(pairs, gates["latency-thresholds"])
    thresholds = grid(plan.past["p95"] or 1.0)
    passed = passed_both(harmed.candidate, harmed.baseline, thresholds)
    judged = _judged(rows, plan, "p95")
    arrays["latency-thresholds"] = rows.all_of(passed, len(thresholds) + 1, judged)
    mean, ratio = gates["latency-mean"], gates["p95-ratio"]
    for claim, arms, step in (
        ("harm", harm_arms(pairs, mean), payoffs.down),
        ("safety", safety_arms(pairs, mean), payoffs.up),
    ):
        arrays[f"latency-mean {claim}"] = rows.of(step(log_ratio(arms)), payoffs.KINDS)
    low, high = plan.lowest_bin, plan.lowest_bin + 2 * OCTAVES
    harmed, safe = harm_arms(pairs, ratio), safety_arms(pairs, ratio)
    for claim, y, x in (
        ("harm", harmed.candidate, harmed.baseline),
        ("safety", safe.baseline, safe.candidate),
    ):
        told = passed_of(y, x, low, high)
        arrays[f"p95-ratio {claim}"] = rows.all_of(told.kinds, told.number, always)
    return arrays


def _judged(rows: _Rows, plan: Plan, name: str) -> Flags:
    return np.asarray((rows.ids >= plan.begins[name])[rows.place])


def _frozen_sides(pairs: Pairs, plan: Plan, gate: str) -> tuple[Sides, Sides]:
    frozen_ms = plan.past[OF_GATE[gate]] or 0.0
    harm_ms, safety_ms = limits(plan.policy.gates[gate], frozen_ms)
    return (
        over_limit_sides(pairs, harm_ms, frozen_ms),
        over_limit_sides(pairs, safety_ms, frozen_ms),
    )


def _answer_counts(pairs: Pairs, plan: Plan, rows: _Rows, in_time: Flags) -> Mapping[str, Integers]:
    gate = plan.policy.gates["loss-paired"]
    lost = losses.differences(pairs, in_time, gate)
    judged = (rows.ids >= plan.cut_begins)[rows.place]
    kinds, number = kinds_by(pairs, plan.cut)
    arms = []
    for values in (pairs.candidate_prediction, pairs.baseline_prediction):
        arms.append(rows.of(2 * ~np.isnan(values) + ~in_time, 4))
    return {
        "losses down": rows.of(payoffs.down(lost), payoffs.KINDS),
        "losses up": rows.of(payoffs.up(lost), payoffs.KINDS),
        "losses sum": rows.sums([~np.isnan(lost), _fine(lost)]),
        "shift": rows.all_of(kinds, number, judged),
        "labelled": np.concatenate(arms, axis=1),
    }


def _row_counts(pairs: Pairs, rows: _Rows) -> Integers:
    sent = pairs.outcome != NOT_SENT
    return rows.sums(
        [pairs.outcome == ANSWERED, ~sent, unusable(pairs), sent, pairs.baseline_status > 0]
    )


def _fine(payoff: Floats) -> Integers:
    return np.rint(np.nan_to_num(payoff) * FINE).astype(np.int64)


def _by_second(pairs: Pairs, plan: Plan, errors: Sides) -> Counted:
    """What is judged by seconds: pairs, errors, gross latency, over the limit, scores of drift."""
    second = pairs.arrived_us // SECOND_US
    rows = _Rows(second)
    b, c = errors.harm()
    judged = np.asarray(second // plan.step >= plan.begins["p95"])
    gross_b, gross_c = (
        f & judged for f in _frozen_sides(pairs, plan, "gross-frozen-p95")[0].harm()
    )
    every = np.ones(len(second), dtype=np.bool_)
    limit = plan.policy.gates["p95-limit"].limits["limit_ms"]
    over = over_limit_sides(pairs, limit, limit).candidate_harm
    late = rows.sums([every, errors.candidate_harm, b, c, judged, gross_b, gross_c, over])
    scores = scores_of(pairs)
    own = np.zeros((len(rows.ids), 3), dtype=np.int64)
    place = np.searchsorted(rows.ids, scores.origin_us // SECOND_US + scores.second)
    own[place] = np.stack([scores.n, scores.total, scores.squares], axis=1)
    return Counted(rows.ids, {"late": late, "scores": own})


def _whole(pairs: Pairs, plan: Plan, in_time: Flags) -> Mapping[str, Integers]:
    """What only the end needs: latencies and their ratio as measured, sums of losses."""
    ratio = np.clip(log_ratio(bare_arms(pairs)), -1, 1)
    slowest = plan.policy.timeout * 1000
    candidate = np.where(pairs.outcome == TIMEOUT, slowest, pairs.candidate_latency_ms)
    asked = pairs.outcome != NOT_SENT
    sides = (candidate[asked], pairs.baseline_latency_ms)
    own, other = (bins(side[~np.isnan(side)]) for side in sides)
    lost = losses.both_losses(pairs, in_time, plan.policy.gates["loss-paired"])
    return {
        "ratio down": np.bincount(payoffs.down(ratio), minlength=payoffs.KINDS),
        "ratio up": np.bincount(payoffs.up(ratio), minlength=payoffs.KINDS),
        "ratio sum": np.array([(~np.isnan(ratio)).sum(), _fine(ratio).sum()]),
        "candidate": np.bincount(own, minlength=BINS),
        "baseline": np.bincount(other, minlength=BINS),
        "losses": np.array([len(lost[0]), _fine(lost[0]).sum(), _fine(lost[1]).sum()]),
        "predicted": np.array(
            [
                (~np.isnan(side)).sum()
                for side in (pairs.baseline_prediction, pairs.candidate_prediction)
            ]
        ),
    }


def _by_segment(
    seen: PairSample, plan: Plan, rows: _Rows, errors: Sides, answers: Sides
) -> Mapping[str, Segment] | None:
    """Counts of the gates that judge segments; None where there are too many of them."""
    asked = {gate.name: gate for gate in plan.policy.gates.values() if gate.segments}
    names = seen.pairs.segment.drop_nulls().unique(maintain_order=True).to_list()
    if len(names) > MOST_SEGMENTS or not asked:
        return {} if not asked else None
    known = {name: place for place, name in enumerate(names)}
    place = seen.pairs.segment.replace_strict(known, default=-1, return_dtype=pl.Int64)
    code, found = place.fill_null(-1).to_numpy(), {}
    sides = {"errors": errors.kinds(), "accuracy": answers.kinds()}
    if "p95-limit" in asked:
        sides["latency"] = seen.over(asked["p95-limit"], "harm").kinds()
    for name, at in known.items():
        own = code == at
        counts = {metric: rows.of(kinds, KINDS, own) for metric, kinds in sides.items()}
        here = counts["errors"].sum(axis=1) > 0
        told = Counted(rows.ids[here], {metric: part[here] for metric, part in counts.items()})
        found[name] = Segment(int(seen.pairs.arrived_us[own.argmax()]), told)
    return found


def _by_class(pairs: Pairs, rows: _Rows, in_time: Flags) -> Mapping[str, Counted] | None:
    """Labels that came and did not by class, of the candidate, then of the baseline."""
    if len(pairs.classes) > MOST_CLASSES:
        return None
    found = {}
    for code, name in enumerate(pairs.classes, start=1):
        sides = [pairs.candidate_prediction == code, pairs.baseline_prediction == code]
        counts = np.concatenate([rows.of(1 * ~in_time, 2, side) for side in sides], axis=1)
        found[name] = Counted(rows.ids, {"labelled": counts})
    return found
