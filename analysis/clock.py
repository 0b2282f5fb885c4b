"""When a pair may be judged: after its arrival for counts, by label watermark for accuracy."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from analysis.bets import Flags, Integers
from analysis.columns import NO_TIME
from analysis.pairs import Pairs

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Look:
    """A moment at which the evidence was looked at: pairs arrived by then, and the time."""

    pair: int
    at_us: int

    def as_dict(self) -> dict[str, int | str]:
        """As in the verdict's JSON."""
        return {"pair": self.pair, "at": iso(self.at_us)}


def iso(at_us: int) -> str:
    """A time in microseconds as ISO 8601 UTC."""
    text = (EPOCH + timedelta(microseconds=at_us)).isoformat(timespec="microseconds")
    return text.replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Clock:
    """The looks of a gate, one for each pair it admitted, and how many had arrived by then.

    `of` is what people call the rows.
    """

    at_us: Integers
    arrived: Integers
    of: str = "pairs"

    def look(self, index: int) -> Look:
        """The look after the pair with this index was admitted."""
        return Look(int(self.arrived[index]), int(self.at_us[index]))

    def with_looks_at(self, ends: Integers) -> "tuple[Clock, Integers | slice]":
        """The same with looks at these times among its own; how many of its own each has seen."""
        if not len(ends):
            return self, slice(1, None)
        before = np.searchsorted(self.at_us, ends, side="left")
        came = np.concatenate([np.zeros(1, dtype=np.int64), self.arrived])
        rows = np.insert(np.arange(1, len(came)), before, before)
        return Clock(np.insert(self.at_us, before, ends), came[rows], self.of), rows

    def admitted(self, at_us: Integers) -> Integers:
        """How many pairs were admitted by each of these times."""
        return np.searchsorted(self.at_us, at_us, side="right")


def arrival_clock(pairs: Pairs) -> Clock:
    """One look after every pair, at its arrival."""
    return Clock(pairs.arrived_us, np.arange(1, len(pairs) + 1))


def label_clock(pairs: Pairs, window: float) -> tuple[Clock, Flags]:
    """Looks as labels come in order of arrival, and which pairs have theirs in time."""
    at_us, in_time = admitted_labels(
        pairs.arrived_us, pairs.labelled_us, pairs.labelled, pairs.watermark_us, window
    )
    return Clock(at_us, np.searchsorted(pairs.arrived_us, at_us, side="right")), in_time


def admitted_labels(
    arrived_us: Integers,
    labelled_us: Integers,
    labelled: Flags,
    watermark_us: int,
    window: float,
) -> tuple[Integers, Flags]:
    """When each of the first requests was admitted, and which of all have their label in time.

    A request waits for its label until the window has passed, and all that arrived later wait with
    it: whoever judged the labels so far would judge the quick ones.
    """
    due_us, in_time = labels_due(arrived_us, labelled_us, labelled, window)
    admitted = np.maximum.accumulate(due_us)
    count = int(np.searchsorted(admitted, watermark_us, side="right"))
    return admitted[:count], in_time


def labels_due(
    arrived_us: Integers, labelled_us: Integers, labelled: Flags, window: float
) -> tuple[Integers, Flags]:
    """When each label came or its window had passed, and which came in time."""
    deadline = arrived_us + round(window * 1_000_000)
    told = np.where(labelled_us == NO_TIME, arrived_us, labelled_us)
    in_time = labelled & (told <= deadline)
    return np.where(in_time, told, deadline), in_time
