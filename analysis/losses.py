"""What a prediction loses on a label, from 0 (right) to 1: a clipped log error, or Brier's."""

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


def mean_losses(pairs: Pairs, in_time: Flags, gate: Gate) -> tuple[float, float] | None:
    """Mean loss of candidate and baseline over the pairs where both are known."""
    both = [
        _loss(prediction, pairs.label, gate)
        for prediction in (pairs.candidate_prediction, pairs.baseline_prediction)
    ]
    known = in_time & _seen(pairs)
    known &= ~np.isnan(both[0]) & ~np.isnan(both[1])
    return (float(both[0][known].mean()), float(both[1][known].mean())) if known.any() else None


def _seen(pairs: Pairs) -> Flags:
    """Pairs about which a loss can say anything: numbers, both asked, one of them answered."""
    silent = np.isnan(pairs.candidate_prediction) & np.isnan(pairs.baseline_prediction)
    asked = (pairs.outcome != NOT_SENT) & (pairs.baseline_status > 0)
    return np.asarray(asked & ~silent & pairs.numbers)


def why_not(pairs: Pairs, gate: Gate) -> str:
    """Why the loss cannot be taken, in words; empty where it can."""
    if not pairs.numbers:
        return f"predictions are texts, which have no {name_of(gate)}"
    answers = np.concatenate([pairs.candidate_prediction, pairs.baseline_prediction])
    if np.isnan(answers).all():
        return "the record holds no predictions"
    if gate.loss == LOG:
        return ""
    odd = (answers < 0) | (answers > 1)
    if odd.any():
        return f"predictions are not probabilities: {answers[odd.argmax()]:g}"
    labels = pairs.label[pairs.labelled]
    other = (labels != 0) & (labels != 1)
    return f"labels are not 0 or 1: {labels[other.argmax()]:g}" if other.any() else ""


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
