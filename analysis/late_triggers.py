"""The sequential triggers of a watch: late harm of a rate, and accuracy judged on a bound.

Each fires for nothing with a probability of at most its level over the whole watch, however often
one looks; they see within seconds what the rules in minutes see later.
"""

from dataclasses import dataclass
from math import ceil

import numpy as np
from scipy.special import bdtr

from analysis.bets import Flags, Floats, Integers, follow
from analysis.clock import admitted_labels
from analysis.error_gates import late_rate_bets
from analysis.late import SECOND_US, Blocks, follow_late
from analysis.policy import Accuracy
from analysis.rates import harm_bets, interval_between
from analysis.sides import is_right
from analysis.triggers import HOUR, ROUNDING, Counts, Reading, State
from analysis.words import count, percent, share

INTERVAL_LEVEL = 0.05
HALF = 0.5
"""The share of seconds that may be over the limit while the rate is within it."""


@dataclass(frozen=True, slots=True)
class Answers:
    """Requests in order of arrival with what was answered and what was true.

    `labelled_us` is NO_TIME without a label; texts are given as codes with `numbers` false.
    """

    arrived_us: Integers
    prediction: Floats
    label: Floats
    labelled_us: Integers
    numbers: bool
    watermark_us: int


def late_harm(
    name: str, counts: Counts, limit: float, level: float, watch: float, silence: int, what: str
) -> Reading:
    """Whether some window ending now is proven to be over the limit; `watch` is the horizon (s).

    Without a request in the last `silence` seconds there is nothing to judge.
    """
    alarms = level * HOUR / watch
    window = _harmed_window(counts, limit, level, watch)
    if window is None:
        return _unharmed(name, counts, silence, alarms)
    n, over = (int(part[window].sum()) for part in (counts.requests, counts.bad))
    reason = (
        f"{what} {percent(over / n)} of {count(n)} requests in {window.stop - window.start} s, "
        f"proven over {percent(limit)}"
    )
    return Reading(name, State.FIRING, _share_words(counts), reason, alarms, True)


def sustained_harm(
    name: str, counts: Counts, limit: float, level: float, watch: float, silence: int, what: str
) -> Reading:
    """The same where requests go bad together: whether most seconds of some window are over it.

    A second counts once, however many requests waited in it, so that a machine that stops for a
    moment proves nothing. At a rate within the limit a second has more bad ones than the median of
    its binomial with a chance of at most 1/2.
    """
    alarms = level * HOUR / watch
    seconds = Counts(
        (counts.requests > 0).astype(np.int64),
        (counts.bad > _median(counts.requests, limit)).astype(np.int64),
    )
    window = _harmed_window(seconds, HALF, level, watch)
    if window is None:
        return _unharmed(name, counts, silence, alarms)
    over, n = int(seconds.bad[window].sum()), int(seconds.requests[window].sum())
    reason = f"{what} in {over} of {n} seconds, proven in more than half"
    return Reading(name, State.FIRING, _share_words(counts), reason, alarms, True)


def _median(n: Integers, rate: float) -> Integers:
    """Of the bad ones among n: one of the two integers around rate n (Kaas and Buhrman, 1980)."""
    least = np.floor(rate * n + ROUNDING)
    median: Floats = np.where(bdtr(least, n, rate) >= 0.5, least, least + 1)
    return median.astype(np.int64)


def accuracy(
    name: str,
    answers: Answers,
    rule: Accuracy,
    least: float,
    level: float,
    window: float,
    watch: float,
) -> Reading:
    """Whether the share of right answers is proven to be below `least`.

    Answers wait for their labels in order of arrival, `window` seconds at most; one without a
    label by then counts as right, so that missing labels never undo.
    """
    alarms = level * HOUR / watch
    if not len(answers.arrived_us):
        return Reading(name, State.NO_TRAFFIC, "nothing yet", "no request so far", alarms, True)
    admitted, in_time = admitted_labels(
        answers.arrived_us,
        answers.labelled_us,
        ~np.isnan(answers.label),
        answers.watermark_us,
        window,
    )
    in_time = in_time[: len(admitted)]
    labelled = int(in_time.sum())
    if not labelled:
        waiting = f"no label in time for {count(len(answers.arrived_us))} requests"
        return Reading(name, State.NO_LABELS, "no label yet", waiting, alarms, True)
    right = is_right(answers.prediction, answers.label, rule, numbers=answers.numbers)
    wrong = in_time & ~right[: len(admitted)]
    trace = follow(harm_bets(1 - least), [wrong], level)
    now = _accuracy_words(wrong, in_time)
    if trace.first() is not None:
        reason = f"accuracy {now} of {count(labelled)} labelled, proven below {percent(least)}"
        return Reading(name, State.FIRING, now, reason, alarms, True)
    silent = answers.watermark_us - int(admitted[in_time].max())
    if silent > window * SECOND_US:
        reason = f"no label for {silent // SECOND_US} s"
        return Reading(name, State.NOT_JUDGED, now, reason, alarms, True)
    return Reading(name, State.QUIET, now, "", alarms, True)


def _harmed_window(counts: Counts, limit: float, level: float, watch: float) -> slice | None:
    """The seconds that prove it at the first look that does; None while nothing is proven."""
    filled = np.flatnonzero(counts.requests)
    if not len(filled):
        return None
    horizon = max(1, ceil(watch))
    requests, bad = counts.requests[filled], counts.bad[filled]
    kinds = np.stack([bad, requests - bad]).astype(np.float64)
    blocks = _blocks(filled, requests, horizon)
    trace, begin = follow_late(late_rate_bets(limit), kinds, blocks, horizon, level)
    first = trace.first()
    return None if first is None else slice(int(filled[begin]), int(filled[first]) + 1)


def _unharmed(name: str, counts: Counts, silence: int, alarms: float) -> Reading:
    """Quiet where there is traffic, and silence named where there is none."""
    if not counts.requests.any():
        return Reading(name, State.NO_TRAFFIC, "nothing yet", "no request so far", alarms, True)
    now = _share_words(counts)
    if len(counts.requests) >= silence and counts.silent(silence):
        reason = f"no request in the last {silence} s"
        return Reading(name, State.NO_TRAFFIC, now, reason, alarms, True)
    return Reading(name, State.QUIET, now, "", alarms, True)


def _share_words(counts: Counts) -> str:
    n = int(counts.requests.sum())
    return f"{percent(int(counts.bad.sum()) / n)} of {count(n)}"


def _blocks(filled: Integers, requests: Integers, horizon: int) -> Blocks:
    """Seconds with requests as the blocks of the recursion; empty ones only begin new windows."""
    stop = requests.cumsum()
    age = np.minimum(filled - filled[0] + 1, horizon)
    starts = np.diff(age, prepend=0).astype(np.float64)
    return Blocks(stop - requests, stop, (filled + 1) * SECOND_US, starts)


def _accuracy_words(wrong: Flags, in_time: Flags) -> str:
    n, labelled, bad = len(wrong), int(in_time.sum()), int(wrong.sum())
    low, high = interval_between(bad, bad + n - labelled, n, INTERVAL_LEVEL)
    return f"{percent(1 - bad / labelled)} ({share(1 - high)} to {share(1 - low)})"
