"""What is counted in blocks: the grid and every limit, fixed before the first pair is counted.

Tables can be added only where they were counted by the same plan, which its digest tells.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from analysis.blocks import EVERY, MANY, SELDOM
from analysis.cuts import Cut, cut_of
from analysis.errors import NO_ROWS, BadInput
from analysis.frozen import SHARES, past_ms, pinned
from analysis.late import SECOND_US
from analysis.metadata import Metadata
from analysis.pairs import Pairs
from analysis.policy import JudgePolicy
from analysis.quantiles import bins

STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 21_600, 86_400)
"""Lengths of a block in seconds."""
MOST_BLOCKS = 2_048
UNCHANGED = "files that stay as they are while they are counted, each part of them once"
OCTAVES = 5 * 128
"""Bins on either side of the past p95 that are told apart: from its 32nd part to 32 times it."""


@dataclass(frozen=True, slots=True)
class BlockPlan:
    """Seconds in a block, past quantiles in ms, and from which block on those gates judge.

    `lowest_bin` is the first that the comparison of both p95s tells apart, `rows` how many the
    files held that it was made for: None where they are only expected. `footers` tells, by its
    digest, what each Parquet file was.
    """

    policy: JudgePolicy
    about: Metadata
    step: int
    past: Mapping[str, float | None]
    begins: Mapping[str, int]
    lowest_bin: int
    cut: Cut
    cut_begins: int
    rows: int | None = None
    footers: Mapping[Path, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """The same for plans that count the same."""
        told = (
            self.policy.digest,
            self.about,
            self.step,
            sorted(self.past.items()),
            sorted(self.begins.items()),
            self.lowest_bin,
            self.cut.values.tolist(),
            self.cut.names,
            self.cut_begins,
        )
        return hashlib.sha256(repr(told).encode()).hexdigest()


def plan_of(head: Pairs, policy: JudgePolicy, rows: int, last_us: int) -> BlockPlan:
    """From the first pairs in order of arrival, how many there are to come and until when.

    The head holds at least `reference_pairs` + 1 of them, or all.
    """
    if not len(head):
        raise BadInput("no pairs to count", NO_ROWS)
    seconds = max((last_us - int(head.arrived_us[0])) / SECOND_US, 1.0)
    step = step_of(rows, seconds)
    reference = policy.reference_pairs
    after = int(head.arrived_us[min(reference, len(head)) - 1]) // SECOND_US // step + 1
    past, begins = {}, {}
    for name in SHARES:
        stated = pinned(policy, name)
        first = head.baseline_latency_ms[:reference]
        past[name] = stated if stated is not None else past_ms(first, policy, name)
        begins[name] = 0 if stated is not None else after
    seen = head.baseline_latency_ms[~np.isnan(head.baseline_latency_ms)]
    scale = past["p95"] or (float(np.quantile(seen, SHARES["p95"])) if len(seen) else 1.0)
    lowest = int(bins(np.array([scale]))[0]) - OCTAVES
    cut = cut_of(head, reference)
    return BlockPlan(policy, head.metadata, step, past, begins, lowest, cut, after)


def require_all(plan: BlockPlan, digest: str, pairs: int, live: bool) -> None:
    """BadInput unless the table with this digest was counted by the plan, from as many rows.

    While live there may be fewer, which are those known so far.
    """
    if digest != plan.digest:
        raise BadInput(
            "the table was counted by another plan", "judge it by the plan it was counted by"
        )
    if plan.rows is not None and (pairs > plan.rows or (pairs < plan.rows and not live)):
        raise BadInput(
            f"{pairs:,} pairs were counted of files that held {plan.rows:,}",
            UNCHANGED,
        )


def step_of(rows: int, seconds: float) -> int:
    """The least length of a block that holds enough pairs, and makes few enough blocks."""
    wanted = SELDOM if rows > MANY else EVERY
    fits = [
        step for step in STEPS if rows / seconds * step >= wanted and seconds / step <= MOST_BLOCKS
    ]
    return fits[0] if fits else STEPS[-1]
