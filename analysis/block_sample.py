"""A record counted in blocks, as the gates read it: a look at the end of every block.

Each look sees what had come by then, so that it is one of the looks of a judge that looks after
every pair: as valid, and at most one block later.
"""

from dataclasses import dataclass

import numpy as np

from analysis.bets import Floats, Integers, Trace
from analysis.block_counts import FINE
from analysis.block_plan import OCTAVES, BlockPlan
from analysis.block_table import BlockTable
from analysis.blocks import Counts
from analysis.clock import Clock
from analysis.columns import watermark
from analysis.constant import Told
from analysis.cuts import more_and_less
from analysis.drift import Scores
from analysis.frozen import Frozen
from analysis.late import SECOND_US, Late, blocks_at
from analysis.losses import why_not
from analysis.policy import Gate
from analysis.quantile_bets import CHUNK, follow_passed
from analysis.quantiles import binned_quantile
from analysis.sample import Both, Claim, Labelled, Losses, Mean, Part, Predicted, Rows, Shift
from analysis.segments import MOST, weight_of
from analysis.sides import KINDS, SURE, SideCounts
from analysis.strays import Ends, ends_among
from analysis.thresholds import grid, over_one


@dataclass(frozen=True, slots=True)
class BlockSample:
    """A table with its plan; the looks at the end of every block, and those of labels."""

    table: BlockTable
    plan: BlockPlan
    arrival: Clock
    labels: Clock

    @property
    def n(self) -> int:
        """Pairs."""
        return self.table.n

    @property
    def due(self) -> int:
        """Pairs of the blocks whose labels all came or whose window has passed."""
        return int(self._of("answers")[: len(self.labels.at_us)].sum())

    @property
    def timely(self) -> int:
        """Those of them with a label in time."""
        return int(self._of("answers")[: len(self.labels.at_us), SURE].sum())

    @property
    def known(self) -> int:
        """Pairs with a label in time, also while they wait."""
        return int(self._of("answers")[:, SURE].sum())

    @property
    def watermark_us(self) -> int:
        """The time of the last look."""
        return watermark_of(self.table, self.plan)

    @property
    def predicted(self) -> Predicted:
        """Whether there are predictions."""
        baseline, candidate = self.table.whole["predicted"] > 0
        alike = len(self.table.answers) == 1
        return Predicted(bool(baseline), bool(candidate), not self.table.texts, alike)

    @property
    def last_us(self) -> int:
        """When the last request or label came."""
        return self.table.last_us

    @property
    def ends(self) -> Ends:
        """When the first and the last pairs came."""
        return ends_among(self.table.seconds.ids, self.table.seconds.arrays["late"][:, 0])

    @property
    def timed(self) -> tuple[Told, Told]:
        """The latency of either side, if it never differs."""
        return self.table.timed

    def errors(self) -> SideCounts:
        """Errors of both sides."""
        return self._sides("errors")

    def over(self, gate: Gate, claim: Claim) -> SideCounts:
        """Answers over the limits of a gate; one limit is the same for both claims."""
        return self._sides(f"{gate.name} {'harm' if gate.name == 'p95-limit' else claim}")

    def answers(self) -> SideCounts:
        """Wrong answers."""
        return SideCounts(self._of("answers")[: len(self.labels.at_us)].cumsum(axis=0).T)

    def different(self) -> SideCounts:
        """Different answers as if they were a bad candidate."""
        return self._sides("different")

    def late(self, name: str) -> Late:
        """What a gate counts in each second of arrival."""
        second, late = self.table.seconds.ids, self.table.seconds.arrays["late"]
        n, own, b, c, judged, gross_b, gross_c, over = late.T
        kinds = {
            "errors-late-paired": (b, c),
            "errors-late-absolute": (own,),
            "p95-limit": (over,),
        }.get(name)
        if kinds is None:
            kinds, n = (gross_b, gross_c), judged
        seen = n > 0
        blocks = blocks_at(second[seen], n[seen], self.watermark_us, self.plan.policy.horizon)
        counts = np.stack([*kinds, n - sum(kinds)])[:, seen][:, : len(blocks.stop)]
        return Late(blocks, counts.astype(np.float64), self.n - int(n.sum()))

    def frozen(self, name: str) -> Frozen:
        """By the plan; rows ahead of it were not counted."""
        limit_ms = self.plan.past[name]
        begin = np.searchsorted(self.table.blocks.ids, self.plan.begins[name])
        pairs = int(self._of("errors")[begin:].sum())
        return Frozen(name, limit_ms, 0 if limit_ms else len(self.arrival.at_us), pairs)

    def quantiles(self, share: float, level: float) -> Both:
        """To the bin, which is at most 0.8 % wide."""
        own, other = (
            binned_quantile(self.table.whole[side], share, level)
            for side in ("candidate", "baseline")
        )
        return own, other

    def thresholds(self, gate: Gate) -> tuple[Floats, Counts]:
        """Around the past p95."""
        seen = self._passed("latency-thresholds", 3)
        return grid(self.plan.past["p95"] or 1.0), self._counts(over_one(seen))

    def ratios(self, gate: Gate, claim: Claim) -> Counts:
        """Rounded down for harm and up for safety."""
        return self._counts(self._of(f"{gate.name} {claim}").cumsum(axis=0).T)

    def mean_ratio(self) -> Mean:
        """Each ratio held to a factor of 2.72 either way."""
        known, total = (int(n) for n in self.table.whole["ratio sum"])
        lower, upper = (self.table.whole[f"ratio {way}"] for way in ("down", "up"))
        return _mean(known, total, lower, upper)

    def beyond(self, gate: Gate, claim: Claim, level: float) -> Trace:
        """The lowest and the highest bin hold whatever is beyond them."""
        number, rows = 2 * OCTAVES + 2, len(self.arrival.at_us)
        counts = self._of(f"{gate.name} {claim}").reshape(rows, 3, number)

        parts = (
            counts[begin : begin + CHUNK].cumsum(axis=0).transpose(1, 0, 2)
            for begin in range(0, rows, CHUNK)
        )
        looks = np.arange(1, rows + 1)
        return follow_passed(parts, number, looks, self.arrival.arrived, rows, level)

    def losses(self, gate: Gate) -> Losses:
        """Over the blocks that the clock of labels admitted."""
        rows = len(self.labels.at_us)
        lower, upper = (
            self._counts(self._of(f"losses {way}")[:rows].cumsum(axis=0).T)
            for way in ("down", "up")
        )
        known, total = (int(n) for n in self._of("losses sum")[:rows].sum(axis=0))
        both, own, other = (int(n) for n in self.table.whole["losses"])
        told = self.predicted
        return Losses(
            lower,
            upper,
            _mean(known, total, lower.at_end, upper.at_end),
            (own / both / FINE, other / both / FINE) if both else None,
            why_not(
                self.table.odd,
                gate,
                numbers=told.numbers,
                predicted=told.baseline or told.candidate,
            ),
        )

    def shift(self) -> Shift:
        """From the first block after those that cut the predictions."""
        names, begin = self.plan.cut.names, self.plan.cut_begins
        if not names:
            return Shift(names, self._counts(np.zeros((2, 0))), 0)
        seen = self._counts(more_and_less(self._passed("shift", 2 if self.table.texts else 3)))
        judged = np.searchsorted(self.table.blocks.ids, begin)
        return Shift(names, seen, int(self._of("errors")[judged:].sum()))

    def rows(self) -> Rows:
        """Counted at the end of every block."""
        answered, unsent, unusable, own, other = self._of("rows").cumsum(axis=0).T
        return Rows(answered, unsent, unusable, own, other, self.plan.about.orphans)

    def labelled(self, baseline: str) -> list[Labelled]:
        """Numbers are one class, so are texts of too many kinds, and missing answers."""
        rows = len(self.labels.at_us)
        both = self._of("labelled")[:rows]
        told = self.table.classes
        names = (": no answer", *([f" {name}" for name in told] if told else [""]))
        arms = []
        for at, side in enumerate(("candidate", baseline)):
            own = both[:, 4 * at : 4 * at + 4]
            columns = [own[:, :2], own[:, 2:]]
            if told:
                columns[1:] = [
                    _spread(part.ids, part.arrays["labelled"], self.table.blocks.ids)[
                        :rows, 2 * at : 2 * at + 2
                    ]
                    for part in told.values()
                ]
            counts = self._counts(np.concatenate(columns, axis=1).cumsum(axis=0).T)
            arms.append(Labelled(f"the {side}'s answers", names, counts))
        return arms

    def parts(self, gate: Gate) -> list[Part]:
        """By the first arrival of each segment; names break ties."""
        told, asked = self.table.segments or {}, gate.segments
        order = sorted(told, key=lambda name: (told[name].first_us, name))
        names = asked if isinstance(asked, tuple) else tuple(order[:MOST])
        clock = self.labels if gate.metric == "accuracy" else self.arrival
        parts = []
        for place, name in enumerate(names):
            counts = np.zeros((len(self.table.blocks.ids), KINDS), dtype=np.int64)
            if name in told:
                own = told[name].counts
                counts = _spread(own.ids, own.arrays[gate.metric], self.table.blocks.ids)
            weight = 1 / len(names) if isinstance(asked, tuple) else weight_of(place)
            running = counts[: len(clock.at_us)].cumsum(axis=0).T
            n = int(running[:, -1].sum()) if running.shape[1] else 0
            parts.append(Part(name, weight, clock, SideCounts(running), n))
        return parts

    def _of(self, name: str) -> Integers:
        return self.table.blocks.arrays[name]

    def _sides(self, name: str) -> SideCounts:
        return SideCounts(self._of(name).cumsum(axis=0).T)

    def _passed(self, name: str, kinds: int) -> Floats:
        """Counts that stand side by side, apart: ways to tell kinds x kinds x looks."""
        running = self._of(name).cumsum(axis=0).T
        return running.reshape(kinds, -1, running.shape[1]).astype(np.float64)

    def _counts(self, running: Integers | Floats) -> Counts:
        looks = running.shape[1]
        told = running.astype(np.float64)
        return Counts(np.arange(1, looks + 1), told, told[:, -1] if looks else np.zeros(len(told)))


def block_sample(table: BlockTable, plan: BlockPlan) -> BlockSample:
    """A table of a whole record, or of what is known of it, with its looks."""
    watermark_us = watermark_of(table, plan)
    end_us = (table.blocks.ids + 1) * plan.step * SECOND_US
    came = table.blocks.arrays["errors"].sum(axis=1).cumsum()
    arrival = Clock(np.minimum(end_us, watermark_us), came)
    due_us = np.maximum.accumulate(table.due_us)
    due_us = due_us[: int(np.searchsorted(due_us, watermark_us, side="right"))]
    seconds = table.seconds
    by_second = np.append(0, seconds.arrays["late"][:, 0].cumsum())
    ends = (seconds.ids + 1) * SECOND_US
    arrived = by_second[np.searchsorted(ends, due_us, side="right")]
    # A block is due after it arrived, also where its last second had not ended.
    arrived = np.maximum(arrived, came[: len(due_us)])
    return BlockSample(table, plan, arrival, Clock(due_us, arrived))


def watermark_of(table: BlockTable, plan: BlockPlan) -> int:
    """Stated by the writer, else the last thing that the record saw; BadInput as of one table."""
    arrived_us = np.array([table.arrived_us])
    return watermark(plan.about.watermark_us, arrived_us, table.last_us)


def scores_in(table: BlockTable) -> Scores:
    """What the guard against drifting hosts reads."""
    seconds, scores = table.seconds.ids, table.seconds.arrays["scores"]
    origin = int(seconds[0]) if len(seconds) else 0
    seen = scores[:, 0] > 0
    n, total, squares = scores[seen].T
    return Scores(seconds[seen] - origin, n, total, squares, origin * SECOND_US)


def _mean(known: int, total: int, lower: Integers | Floats, upper: Integers | Floats) -> Mean:
    value = total / known / FINE if known else None
    return Mean(value, lower.astype(np.float64), upper.astype(np.float64))


def _spread(ids: Integers, counts: Integers, all_ids: Integers) -> Integers:
    """Counts of some blocks among all of them."""
    spread = np.zeros((len(all_ids), counts.shape[1]), dtype=np.int64)
    spread[np.searchsorted(all_ids, ids)] = counts
    return spread
