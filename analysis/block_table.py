"""Pairs counted in blocks of arrival: a table that any split of a record adds up to.

`+` is the union of tables; the counts of a block or second that several tables know add up. All
are integers, so that no order of adding matters. Memory grows with blocks, never with pairs.
"""

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.bets import Integers
from analysis.constant import VARIOUS, Told, merged
from analysis.cuts import MOST_CLASSES
from analysis.errors import BadInput
from analysis.losses import Odd

MOST_SEGMENTS = 512
"""Different segments that are counted; with more, none is."""


@dataclass(frozen=True, slots=True)
class Counted:
    """Rows of counts by id, ascending: of each array the first axis."""

    ids: Integers
    arrays: Mapping[str, Integers]


@dataclass(frozen=True, slots=True)
class Segment:
    """When the first pair of a segment arrived, and its counts by block."""

    first_us: int
    counts: Counted


@dataclass(frozen=True, slots=True)
class BlockTable:
    """Counts by second and by block, by segment and class, and of the whole; when labels were due.

    The last request came at `arrived_us`, the last request or label at `last_us`.
    `due_us` holds for each block when its last label had come or its window had passed; `segments`
    and `classes` are None where there were too many kinds of them, `answers` and `timed` what
    `constant` tells apart.
    """

    plan: str
    seconds: Counted
    blocks: Counted
    due_us: Integers
    whole: Mapping[str, Integers]
    segments: Mapping[str, Segment] | None
    classes: Mapping[str, Counted] | None
    texts: bool
    arrived_us: int
    last_us: int
    odd: Odd
    answers: Told
    timed: tuple[Told, Told]

    def __add__(self, other: "BlockTable") -> "BlockTable":
        return union((self, other))

    @property
    def n(self) -> int:
        """Pairs."""
        return int(self.seconds.arrays["late"][:, 0].sum())

    @property
    def digest(self) -> str:
        """SHA-256 over the plan and every count."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    def to_bytes(self) -> bytes:
        """All of it, the same bytes for the same counts; `table_from` reads it."""
        told: dict[str, Any] = {
            "plan": self.plan,
            "texts": self.texts,
            "arrived_us": self.arrived_us,
            "last_us": self.last_us,
            "odd": [repr(self.odd.answer), repr(self.odd.label)],
            "first_us": None
            if self.segments is None
            else {name: one.first_us for name, one in sorted(self.segments.items())},
            "classes": None if self.classes is None else sorted(self.classes),
        }
        parts = {"seconds": self.seconds, "blocks": self.blocks}
        for name in sorted(self.segments or {}):
            parts[f"segment {name}"] = (self.segments or {})[name].counts
        for name in sorted(self.classes or {}):
            parts[f"class {name}"] = (self.classes or {})[name]
        if self.answers != VARIOUS:
            told["answers"] = self.answers
        if self.timed != (VARIOUS, VARIOUS):
            told["timed"] = self.timed
        told["parts"] = [[name, sorted(part.arrays)] for name, part in parts.items()]
        told["whole"] = sorted(self.whole)
        stream = io.BytesIO()
        stream.write(json.dumps(told, sort_keys=True).encode() + b"\n")
        arrays = [self.due_us, *(self.whole[name] for name in told["whole"])]
        for part in parts.values():
            arrays += [part.ids, *(part.arrays[name] for name in sorted(part.arrays))]
        for array in arrays:
            np.save(stream, array, allow_pickle=False)
        return stream.getvalue()


def table_from(content: bytes) -> BlockTable:
    """What `to_bytes` wrote."""
    stream = io.BytesIO(content)
    told = json.loads(stream.readline())

    def array() -> Integers:
        return np.asarray(np.load(stream, allow_pickle=False))

    due_us = array()
    whole = {name: array() for name in told["whole"]}
    parts = {name: Counted(array(), {key: array() for key in keys}) for name, keys in told["parts"]}
    first = told["first_us"]
    answer, label = (float(text) for text in told["odd"])
    timed = told.get("timed", (VARIOUS, VARIOUS))
    return BlockTable(
        plan=told["plan"],
        seconds=parts["seconds"],
        blocks=parts["blocks"],
        due_us=due_us,
        whole=whole,
        segments=None
        if first is None
        else {name: Segment(at, parts[f"segment {name}"]) for name, at in first.items()},
        classes=None
        if told["classes"] is None
        else {name: parts[f"class {name}"] for name in told["classes"]},
        texts=told["texts"],
        arrived_us=told["arrived_us"],
        last_us=told["last_us"],
        odd=Odd(answer, label),
        answers=tuple(told["answers"]) if "answers" in told else VARIOUS,
        timed=(tuple(timed[0]), tuple(timed[1])),
    )


def union(tables: Sequence[BlockTable]) -> BlockTable:
    """All of them in one, in any order; they must be counted by the same plan."""
    if len({table.plan for table in tables}) != 1:
        raise BadInput(
            "tables of different plans cannot be added",
            "count all parts of a record by the plan of its first pairs",
        )
    blocks = _summed([table.blocks for table in tables])
    ids = np.concatenate([table.blocks.ids for table in tables])
    due_us = np.full(len(blocks.ids), np.iinfo(np.int64).min)
    due = np.concatenate([table.due_us for table in tables])
    np.maximum.at(due_us, np.searchsorted(blocks.ids, ids), due)
    whole = {
        name: np.sum([table.whole[name] for table in tables], axis=0) for name in tables[0].whole
    }
    return BlockTable(
        plan=tables[0].plan,
        seconds=_summed([table.seconds for table in tables]),
        blocks=blocks,
        due_us=due_us,
        whole=whole,
        segments=_segments([table.segments for table in tables]),
        classes=_classes([table.classes for table in tables]),
        texts=any(table.texts for table in tables),
        arrived_us=max(table.arrived_us for table in tables),
        last_us=max(table.last_us for table in tables),
        odd=Odd(
            float(np.fmin.reduce([table.odd.answer for table in tables])),
            float(np.fmin.reduce([table.odd.label for table in tables])),
        ),
        answers=merged([table.answers for table in tables]),
        timed=(
            merged([table.timed[0] for table in tables]),
            merged([table.timed[1] for table in tables]),
        ),
    )


def _summed(parts: Sequence[Counted]) -> Counted:
    """Rows with the same id added up."""
    if len(parts) == 1:
        return parts[0]
    ids, row = np.unique(np.concatenate([part.ids for part in parts]), return_inverse=True)
    arrays = {}
    for name, like in parts[0].arrays.items():
        total = np.zeros((len(ids), *like.shape[1:]), dtype=np.int64)
        begin = 0
        for part in parts:
            # An id stands once in each part, so that plain addition loses nothing.
            total[row[begin : begin + len(part.ids)]] += part.arrays[name]
            begin += len(part.ids)
        arrays[name] = total
    return Counted(ids, arrays)


def _segments(
    found: Sequence[Mapping[str, Segment] | None],
) -> Mapping[str, Segment] | None:
    known = [one for one in found if one is not None]
    names = {name for one in known for name in one}
    if len(known) < len(found) or len(names) > MOST_SEGMENTS:
        return None
    return {
        name: Segment(
            min(one[name].first_us for one in known if name in one),
            _summed([one[name].counts for one in known if name in one]),
        )
        for name in sorted(names)
    }


def _classes(found: Sequence[Mapping[str, Counted] | None]) -> Mapping[str, Counted] | None:
    known = [one for one in found if one is not None]
    names = {name for one in known for name in one}
    if len(known) < len(found) or len(names) > MOST_CLASSES:
        return None
    return {name: _summed([one[name] for one in known if name in one]) for name in sorted(names)}
