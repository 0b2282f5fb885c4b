"""What a prediction loses on a label, from 0 (right) to 1: a clipped log error, or Brier's."""

from dataclasses import dataclass
from math import isnan, nan

import numpy as np

from analysis.bets import Flags, Floats
from analysis.pairs import NOT_SENT, Pairs
from analysis.policy import Gate

LOG, BRIER = "log", "brier"


@dataclass(frozen=True, slots=True)
class Lost:
    """What each side of each pair lost on its label, NaN where that cannot be said.

    `seen` are pairs about which a loss can say anything, `same` those whose answers lost the same
    whatever the label is.
    """

    own: Floats
    other: Floats
    in_time: Flags
    seen: Flags
    same: Flags

    def differences(self) -> Floats:
        """Loss of the candidate minus loss of the baseline, NaN where it is not known.

        Who alone answered nothing lost all. Without a label in time equal answers lost the same.
        """
        lost = self.own - self.other
        lost[~self.in_time] = np.nan
        lost[~self.in_time & self.same] = 0.0
        lost[~self.seen] = np.nan
        return lost

    def both(self) -> Flags:
        """The pairs whose label came in time and where both losses are known."""
        known = self.in_time & self.seen
        return np.asarray(known & ~np.isnan(self.own) & ~np.isnan(self.other))


def lost_in(pairs: Pairs, in_time: Flags, gate: Gate) -> Lost:
    """By the loss of a gate. `in_time` flags the pairs whose label came inside the window."""
    own, other = pairs.candidate_prediction, pairs.baseline_prediction
    same = own == other
    if gate.loss == BRIER:
        same &= (own >= 0) & (own <= 1)
    lost, other_lost = (_loss(side, pairs.label, gate) for side in (own, other))
    return Lost(lost, other_lost, in_time, _seen(pairs), np.asarray(same))


def _seen(pairs: Pairs) -> Flags:
    """Pairs about which a loss can say anything: numbers, both asked, one of them answered."""
    silent = np.isnan(pairs.candidate_prediction) & np.isnan(pairs.baseline_prediction)
    asked = (pairs.outcome != NOT_SENT) & (pairs.baseline_status > 0)
    return np.asarray(asked & ~silent & pairs.numbers)


@dataclass(frozen=True, slots=True)
class Odd:
    """The least answer that is no probability, the least label that is not 0 or 1; NaN: none."""

    answer: float
    label: float


def odd_in(pairs: Pairs, gate: Gate) -> Odd:
    """What a Brier loss cannot be taken of; nothing where the gate's loss is another."""
    if gate.loss != BRIER:
        return Odd(nan, nan)
    answers = (pairs.candidate_prediction, pairs.baseline_prediction)
    odd = (np.where((side < 0) | (side > 1), side, np.nan) for side in answers)
    labels = np.where((pairs.label != 0) & (pairs.label != 1), pairs.label, np.nan)
    return Odd(_least(np.fmin(*odd)), _least(labels))


def _least(values: Floats) -> float:
    return float(np.fmin.reduce(values, initial=np.nan))


def why_not(odd: Odd, gate: Gate, *, numbers: bool, predicted: bool) -> str:
    """Why the loss cannot be taken, in words; empty where it can."""
    if not numbers:
        return f"predictions are texts, which have no {name_of(gate)}"
    if not predicted:
        return "the record holds no predictions"
    if gate.loss == LOG:
        return ""
    if not isnan(odd.answer):
        return f"predictions are not probabilities: {odd.answer:g}"
    return "" if isnan(odd.label) else f"labels are not 0 or 1: {odd.label:g}"


def name_of(gate: Gate) -> str:
    """What people call the loss."""
    return "log error" if gate.loss == LOG else "Brier loss"


def _loss(prediction: Floats, label: Floats, gate: Gate) -> Floats:
    """NaN where the label is unknown, or no loss of this kind exists for it."""
    if gate.loss == BRIER:
        fits = (prediction >= 0) & (prediction <= 1) & ((label == 0) | (label == 1))
        loss = np.where(fits, (prediction - label) ** 2, np.nan)
        return np.where(np.isnan(prediction) & ~np.isnan(label), 1.0, loss)
    # In place: of many rows, arrays made in between take longer than what is computed.
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        loss = prediction / label
        np.log(loss, out=loss)
        np.abs(loss, out=loss)
        loss /= gate.limits["largest"]
    np.minimum(loss, 1.0, out=loss)
    other = ~((prediction > 0) & (label > 0))
    loss[other] = (prediction != label)[other]
    loss[np.isnan(label)] = np.nan
    return loss
