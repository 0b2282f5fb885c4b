"""What each pair says for and against the candidate.

Where something is unknown it is imputed twice: against the claim of harm and against the claim of
safety, so that neither can be proven by what nobody saw (design, section 6, Time).
"""

from dataclasses import dataclass

import numpy as np

from analysis.bets import Flags, Floats
from analysis.pairs import ANSWERED, NOT_SENT, TIMEOUT, Pairs
from analysis.policy import Accuracy


@dataclass(frozen=True, slots=True)
class Sides:
    """Which pairs were bad on each side, as the claim of harm and the claim of safety see it."""

    candidate_harm: Flags
    candidate_safety: Flags
    baseline_harm: Flags
    baseline_safety: Flags

    def harm(self) -> tuple[Flags, Flags]:
        """Flags of b (only the candidate bad) and c (only the baseline bad), claiming harm."""
        return _discordant(self.candidate_harm, self.baseline_harm)

    def safety(self) -> tuple[Flags, Flags]:
        """The same, claiming safety."""
        return _discordant(self.candidate_safety, self.baseline_safety)


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
    )


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
