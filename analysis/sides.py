"""What each pair says for and against the candidate.

Where something is unknown it is imputed twice: against the claim of harm and against the claim of
safety, so that neither can be proven by what nobody saw (design, section 6, Time).
"""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from analysis.bets import Counted, Events, Flags, Floats, Integers
from analysis.blocks import Counts, counts_at
from analysis.pairs import ANSWERED, NOT_SENT, TIMEOUT, Pairs
from analysis.policy import Accuracy

KINDS = 32
"""What five flags say of a pair: its label came in time, then the four of `Sides` in order."""
SURE, OWN_HARM, OWN_SAFETY, OTHER_HARM, OTHER_SAFETY = (
    (np.arange(KINDS) & bit).astype(np.bool_) for bit in (16, 8, 4, 2, 1)
)
KNOWN = (OWN_HARM == OWN_SAFETY) & (OTHER_HARM == OTHER_SAFETY)


@dataclass(frozen=True, slots=True)
class Totals:
    """How many pairs there are of each of the kinds."""

    kinds: Integers

    def of(self, which: Flags) -> int:
        """Pairs of these kinds."""
        return int(self.kinds[which].sum())

    @property
    def n(self) -> int:
        """All pairs."""
        return int(self.kinds.sum())

    @property
    def known(self) -> int:
        """Pairs about which nothing had to be imputed."""
        return self.of(KNOWN)


class Sided(Protocol):
    """Which pairs were bad on each side, of each pair or counted at looks."""

    def harm(self) -> Events:
        """Events b (only the candidate bad) and c (only the baseline bad), claiming harm."""

    def safety(self) -> Events:
        """The same, claiming safety."""

    def own_harm(self) -> Events:
        """Events of a bad candidate, claiming harm."""

    def own_safety(self) -> Events:
        """The same, claiming safety."""

    def totals(self, start: int = 0) -> Totals:
        """The pairs of each kind from the row `start` on."""

    def every(self, pairs: int) -> Counts:
        """Pairs of each kind by the end of each block of so many, and by the end."""

    def unlabelled_bad(self) -> "Sided":
        """The same, where safety takes every pair without a label in time for bad."""


@dataclass(frozen=True, slots=True)
class Sides:
    """Which pairs were bad on each side, as the claim of harm and the claim of safety see it.

    `sure` are those whose label came in time, where labels decide.
    """

    candidate_harm: Flags
    candidate_safety: Flags
    baseline_harm: Flags
    baseline_safety: Flags
    sure: Flags | None = None

    def harm(self) -> tuple[Flags, Flags]:
        """Flags of b and c, claiming harm."""
        return _discordant(self.candidate_harm, self.baseline_harm)

    def safety(self) -> tuple[Flags, Flags]:
        """The same, claiming safety."""
        return _discordant(self.candidate_safety, self.baseline_safety)

    def own_harm(self) -> tuple[Flags]:
        """Flags of a bad candidate, claiming harm."""
        return (self.candidate_harm,)

    def own_safety(self) -> tuple[Flags]:
        """The same, claiming safety."""
        return (self.candidate_safety,)

    def kinds(self) -> Integers:
        """The kind of each pair."""
        sure = np.ones(len(self.candidate_harm), dtype=np.bool_) if self.sure is None else self.sure
        kind: np.ndarray = sure.astype(np.uint8)
        for flag in (
            self.candidate_harm,
            self.candidate_safety,
            self.baseline_harm,
            self.baseline_safety,
        ):
            kind = 2 * kind + flag
        return np.asarray(kind, dtype=np.int64)

    def totals(self, start: int = 0) -> Totals:
        """The pairs of each kind from the row `start` on."""
        return Totals(np.bincount(self.kinds()[start:], minlength=KINDS))

    def every(self, pairs: int) -> Counts:
        """Pairs of each kind by the end of each block of so many."""
        kinds = self.kinds()
        looks = np.arange(pairs, len(kinds) + 1, pairs, dtype=np.int64)
        at_end = np.bincount(kinds, minlength=KINDS).astype(np.float64)
        return Counts(looks, counts_at(kinds, KINDS, looks), at_end)

    def unlabelled_bad(self) -> "Sides":
        """The same, where safety takes every pair without a label in time for bad."""
        if self.sure is None:
            return self
        return replace(self, candidate_safety=self.candidate_safety | ~self.sure)

    def rows(self, own: Integers | slice) -> "Sides":
        """Some rows of it."""
        return Sides(
            self.candidate_harm[own],
            self.candidate_safety[own],
            self.baseline_harm[own],
            self.baseline_safety[own],
            None if self.sure is None else self.sure[own],
        )


@dataclass(frozen=True, slots=True)
class SideCounts:
    """The same counted: pairs of each kind that had come by each look, kinds x looks."""

    counts: Integers

    def harm(self) -> Counted:
        """Counts of b, c and the rest, claiming harm."""
        return self._of(OWN_HARM & ~OTHER_HARM, OTHER_HARM & ~OWN_HARM)

    def safety(self) -> Counted:
        """The same, claiming safety."""
        return self._of(OWN_SAFETY & ~OTHER_SAFETY, OTHER_SAFETY & ~OWN_SAFETY)

    def own_harm(self) -> Counted:
        """Counts of a bad candidate and the rest, claiming harm."""
        return self._of(OWN_HARM)

    def own_safety(self) -> Counted:
        """The same, claiming safety."""
        return self._of(OWN_SAFETY)

    def totals(self, start: int = 0) -> Totals:
        """The pairs of each kind; only those that are judged were counted."""
        looks = self.counts.shape[1]
        return Totals(self.counts[:, -1] if looks else np.zeros(KINDS, dtype=np.int64))

    def every(self, pairs: int) -> Counts:
        """The same by the first look at which a block of so many had come."""
        ended = np.diff(self.counts.sum(axis=0) // pairs, prepend=0) > 0
        at_looks = self.counts[:, ended].astype(np.float64)
        at_end = self.totals().kinds.astype(np.float64)
        return Counts(np.flatnonzero(ended) + 1, at_looks, at_end)

    def unlabelled_bad(self) -> "SideCounts":
        """The same, where safety takes every pair without a label in time for bad."""
        moved = np.where(SURE, np.arange(KINDS), np.arange(KINDS) | 4)
        counts = np.zeros_like(self.counts)
        np.add.at(counts, moved, self.counts)
        return SideCounts(counts)

    def _of(self, *which: Flags) -> Counted:
        kinds = [self.counts[each].sum(axis=0) for each in which]
        return Counted(np.stack([*kinds, self.counts.sum(axis=0) - sum(kinds)]).astype(np.float64))


def _discordant(candidate: Flags, baseline: Flags) -> tuple[Flags, Flags]:
    return candidate & ~baseline, baseline & ~candidate


def error_sides(pairs: Pairs, timeout: float) -> Sides:
    """Errors: no answer in time, a status from 500, a 4xx that the other side did not give."""
    sent = pairs.outcome != NOT_SENT
    late = pairs.outcome == TIMEOUT
    candidate = _status_error(pairs.candidate_status, pairs.baseline_status)
    baseline = _status_error(pairs.baseline_status, pairs.candidate_status)
    candidate = sent & (late | candidate | (pairs.candidate_latency_ms > timeout * 1000))
    baseline |= pairs.baseline_latency_ms > timeout * 1000
    unknown = pairs.baseline_status == 0
    return Sides(candidate, candidate | ~sent, baseline | unknown, baseline & ~unknown)


def _status_error(own: np.ndarray, other: np.ndarray) -> Flags:
    return np.asarray((own >= 500) | ((own >= 400) & (own != other)))


def over_limit_sides(pairs: Pairs, candidate_ms: float, baseline_ms: float) -> Sides:
    """Answers slower than a limit of each side; a timeout is slower than any limit."""
    known = (pairs.outcome == ANSWERED) & ~np.isnan(pairs.candidate_latency_ms)
    late = pairs.outcome == TIMEOUT
    candidate = late | (known & (pairs.candidate_latency_ms > candidate_ms))
    unseen = np.isnan(pairs.baseline_latency_ms)
    baseline = pairs.baseline_latency_ms > baseline_ms
    return Sides(candidate, candidate | ~(known | late), baseline | unseen, baseline & ~unseen)


def wrong_sides(pairs: Pairs, in_time: Flags, rule: Accuracy) -> Sides:
    """Wrong answers. `in_time` flags the pairs whose label came inside the window.

    Without a label both claims lose, except where both sides gave the same answer: then neither
    can be worse than the other. A side that answered nothing was wrong.
    """
    sent = pairs.outcome != NOT_SENT
    candidate = in_time & sent & ~_right(pairs.candidate_prediction, pairs, rule)
    baseline = in_time & ~_right(pairs.baseline_prediction, pairs, rule)
    # NaN equals nothing, so a missing answer never counts as the same answer.
    same = pairs.candidate_prediction == pairs.baseline_prediction
    unknown = ~in_time & ~same
    unseen = pairs.baseline_status == 0
    return Sides(
        candidate_harm=candidate,
        candidate_safety=candidate | unknown | ~sent,
        baseline_harm=baseline | unknown | unseen,
        baseline_safety=baseline & ~unseen,
        sure=in_time,
    )


def different_sides(pairs: Pairs) -> Sides:
    """Different answers as if they were a bad candidate: known ones for harm."""
    # NaN equals nothing, so that a record without predictions never certifies anything.
    different = pairs.candidate_prediction != pairs.baseline_prediction
    known = different & (pairs.outcome != NOT_SENT) & (pairs.baseline_status > 0)
    never = np.zeros(len(pairs), dtype=np.bool_)
    return Sides(known, different, never, never)


def is_right(prediction: Floats, label: Floats, rule: Accuracy, *, numbers: bool) -> Flags:
    """Which predictions the rule counts as right; a missing one never is. Texts must be equal."""
    if not numbers or rule.rule == "equal":
        return np.asarray(prediction == label)
    if rule.rule == "within_absolute":
        return np.asarray(np.abs(prediction - label) <= rule.tolerance)
    if rule.rule == "within_relative":
        return np.asarray(np.abs(prediction - label) <= rule.tolerance * np.abs(label))
    positive = (prediction > 0) & (label > 0)
    near = (prediction <= label * rule.tolerance) & (label <= prediction * rule.tolerance)
    return np.asarray((positive & near) | (prediction == label))


def _right(prediction: Floats, pairs: Pairs, rule: Accuracy) -> Flags:
    return is_right(prediction, pairs.label, rule, numbers=pairs.numbers)
