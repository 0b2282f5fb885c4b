"""From a file or a folder, of either kind, to its table of blocks in one pass."""

from dataclasses import replace
from itertools import chain
from pathlib import Path

from analysis.block_plan import UNCHANGED, BlockPlan, plan_of
from analysis.block_table import BlockTable, union
from analysis.errors import BadInput
from analysis.lines import batches_of, extent_of, state_of
from analysis.policy import JudgePolicy
from analysis.read import are_lines
from analysis.stream import counted_in_turn, first_pairs, frames_of, head_of, of_rows


def count_blocks(path: Path, policy: JudgePolicy) -> tuple[BlockTable, BlockPlan]:
    """The table of a whole record, and the plan by which it was counted."""
    if are_lines(path):
        return _of_lines(path, policy)
    # They alone need pyarrow, which takes as long to import as a small record to judge.
    from analysis.parts import in_parts, plan_for, table_of

    plan = plan_for(path, policy)
    return union([table_of(part, plan) for part in in_parts(path)]), plan


def _of_lines(path: Path, policy: JudgePolicy) -> tuple[BlockTable, BlockPlan]:
    """How many there are, and until when, is looked up ahead of the pass over all of them."""
    what, before = str(path), state_of(path)
    metadata, rows, last_us = extent_of(path)
    frames = frames_of(batches_of(path), what)
    head = head_of(frames, policy.reference_pairs + 1)
    first = first_pairs(head, policy, what, metadata)
    plan = replace(plan_of(first, policy, rows, last_us), rows=rows)
    table = counted_in_turn(chain(head, frames), plan, of_rows(what), what)
    if state_of(path) != before:
        raise BadInput(f"{path} changed while it was counted", UNCHANGED)
    return table, plan
