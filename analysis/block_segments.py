"""Counts in blocks by segment of the requests, and by class of the answers."""

from collections.abc import Mapping

import numpy as np
import polars as pl

from analysis.alike import Alike, occurring
from analysis.bets import Flags, Integers
from analysis.block_plan import BlockPlan
from analysis.block_table import MOST_SEGMENTS, Counted, Segment
from analysis.cuts import MOST_CLASSES
from analysis.pairs import Pairs
from analysis.sides import KINDS, error_sides, over_limit_sides, wrong_sides
from analysis.stretches import Stretches


def by_segment(
    pairs: Pairs, plan: BlockPlan, blocks: Stretches, served: Alike, answered: Alike
) -> Mapping[str, Segment] | None:
    """Counts of the gates that judge segments; None where there are too many of them."""
    if not any(gate.segments for gate in plan.policy.gates.values()):
        return {}
    names, code = _coded(pairs.segment)
    if len(names) > MOST_SEGMENTS:
        return None
    # One cell for each segment in each block, so that one pass counts all of them.
    cell = code * len(blocks.ids) + np.repeat(np.arange(len(blocks.ids)), blocks.size)
    cells, group = occurring(cell, (len(names) + 1) * len(blocks.ids))
    counts = {
        metric: np.bincount(group * KINDS + kinds, minlength=len(cells) * KINDS).reshape(-1, KINDS)
        for metric, kinds in _kinds(plan, served, answered).items()
    }
    segment, block = np.divmod(cells, len(blocks.ids))
    ends = np.searchsorted(segment, np.arange(len(names) + 1))
    first = _first_rows(code, len(names) + 1)
    found = {}
    for at, name in enumerate(names):
        own = slice(ends[at], ends[at + 1])
        told = {metric: part[own] for metric, part in counts.items()}
        first_us = int(pairs.arrived_us[first[at]])
        found[name] = Segment(first_us, Counted(blocks.ids[block[own]], told))
    return found


def _coded(segment: pl.Series) -> tuple[list[str], Integers]:
    """The names there are and the place of each row's among them; that of none is the last."""
    if not isinstance(segment.dtype, pl.Enum):
        segment = segment.cast(pl.Enum(segment.drop_nulls().unique()))
    known: list[str] = segment.dtype.categories.to_list()  # type: ignore[attr-defined]
    code = segment.to_physical()
    code = code.fill_null(len(known)) if code.null_count() else code
    found, place = occurring(code.to_numpy(), len(known) + 1)
    names = [known[at] for at in found if at < len(known)]
    return names, place


def _kinds(plan: BlockPlan, served: Alike, answered: Alike) -> Mapping[str, Integers]:
    policy = plan.policy
    sides = {
        "errors": served.kinds(error_sides(served.examples, policy.timeout)),
        "accuracy": answered.kinds(
            wrong_sides(answered.examples, answered.in_time, policy.accuracy)
        ),
    }
    limit = policy.gates["p95-limit"]
    if limit.segments:
        ms = limit.limits["limit_ms"]
        sides["latency"] = served.kinds(over_limit_sides(served.examples, ms, ms))
    return sides


def _first_rows(code: Integers, number: int) -> Integers:
    """The first row of each code; written last, it stays."""
    first = np.zeros(number, dtype=np.int64)
    first[code[::-1]] = np.arange(len(code))[::-1]
    return first


def by_class(pairs: Pairs, blocks: Stretches, in_time: Flags) -> Mapping[str, Counted] | None:
    """Labels that came and did not by class, of the candidate, then of the baseline."""
    number = len(pairs.classes) + 1
    if number > MOST_CLASSES + 1:
        return None
    if number == 1:
        return {}
    own, other = (
        blocks.of(2 * np.nan_to_num(side).astype(np.int64) + ~in_time, 2 * number)
        for side in (pairs.candidate_prediction, pairs.baseline_prediction)
    )
    found = {}
    for code, name in enumerate(pairs.classes, start=1):
        both = slice(2 * code, 2 * code + 2)
        counts = np.concatenate([own[:, both], other[:, both]], axis=1)
        found[name] = Counted(blocks.ids, {"labelled": counts})
    return found
