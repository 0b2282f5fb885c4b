"""What a prediction loses on a label, from 0 (right) to 1: a clipped log error, or Brier's."""

from dataclasses import dataclass
from math import isnan

import numpy as np

from analysis.bets import Flags, Floats
from analysis.pairs import NOT_SENT, Pairs
from analysis.policy import Gate

LOG, BRIER = "log", "brier"


def differences(pairs: Pairs, in_time: Flags, gate: Gate) -> Floats:
    """Loss of the candidate minus loss of the baseline, NaN where it is not known.

    Who alone answered nothing lost all. Without a label in time equal answers lost the same.
    """
    seen = _seen(pairs)
    lost = _loss(pairs.candidate_prediction, pairs.label, gate)
    lost -= _loss(pairs.baseline_prediction, pairs.label, gate)
    same = pairs.candidate_prediction == pairs.baseline_prediction
    if gate.loss == BRIER:
        same &= (pairs.candidate_prediction >= 0) & (pairs.candidate_prediction <= 1)
    unlabelled = np.where(same, 0.0, np.nan)
    return np.where(seen, np.where(in_time, lost, unlabelled), np.nan)


def both_losses(pairs: Pairs, in_time: Flags, gate: Gate) -> tuple[Floats, Floats]:
    """Losses of candidate and baseline of the pairs where both are known."""
    both = [
        _loss(prediction, pairs.label, gate)
        for prediction in (pairs.candidate_prediction, pairs.baseline_prediction)
    ]
    known = in_time & _seen(pairs)
    known &= ~np.isnan(both[0]) & ~np.isnan(both[1])
    return both[0][known], both[1][known]


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


def odd_in(pairs: Pairs) -> Odd:
    """What a Brier loss cannot be taken of."""
    answers = np.concatenate([pairs.candidate_prediction, pairs.baseline_prediction])
    answers = answers[(answers < 0) | (answers > 1)]
    labels = pairs.label[pairs.labelled]
    labels = labels[(labels != 0) & (labels != 1)]
    return Odd(_least(answers), _least(labels))


def _least(values: Floats) -> float:
    return float(values.min()) if len(values) else float("nan")


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
    positive = (prediction > 0) & (label > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.abs(np.log(prediction / label)) / gate.limits["largest"]
    loss = np.where(positive, np.minimum(error, 1.0), prediction != label)
    return np.where(np.isnan(label), np.nan, loss)
