"""Alerts as the runbook writes them, over gauges and counters: they tell people, and undo nothing.

Shares of requests are rules in minutes (`analysis.triggers`). Here a gauge is over its limit for so
long, or a counter grew by more than so much. A sample that is missing or old is no good value.
Expected alarms: a gauge goes over its limit and stays there as a Markov chain of two states does
that moved as often as was seen; events come as in a Poisson process of the rate seen, whose number
in the last w seconds is that of customers with a service of w (M/D/inf; Takacs 1962, chapter 3).
"""

from dataclasses import dataclass
from math import ceil

import numpy as np
from scipy.special import gammaln, xlogy

from analysis.bets import Flags, Floats, Integers
from analysis.late import SECOND_US
from analysis.triggers import HOUR, Reading, State
from analysis.words import count, seconds_words

SCRAPES = 3
"""Scrapes that may be missing in a row; more are a gap."""


@dataclass(frozen=True, slots=True)
class Samples:
    """What was scraped, in order of time; NaN where a scrape brought no number.

    `every` is the time between two scrapes, `now_us` that of the look.
    """

    at_us: Integers
    values: Floats
    every: float
    now_us: int

    def last(self, seconds: float) -> "Samples":
        """Those of the last so many seconds, and the last one before them."""
        since = int(np.searchsorted(self.at_us, self.now_us - round(seconds * SECOND_US), "right"))
        first = max(since - 1, 0)
        return Samples(self.at_us[first:], self.values[first:], self.every, self.now_us)

    def known(self) -> "Samples":
        """Those with a number."""
        told = ~np.isnan(self.values)
        return Samples(self.at_us[told], self.values[told], self.every, self.now_us)


@dataclass(frozen=True, slots=True)
class GaugeRule:
    """Over `limit` at every scrape of the last `seconds`; 0: at the last one."""

    name: str
    limit: float
    seconds: float
    stale_after: float


@dataclass(frozen=True, slots=True)
class CounterRule:
    """More than `more_than` events within `within` seconds, seen so at every scrape of `seconds`.

    `seconds` are at most `within`.
    """

    name: str
    more_than: int
    within: float
    seconds: float
    stale_after: float


def over_for(rule: GaugeRule, samples: Samples) -> Reading:
    """A gauge over its limit, without a break and without a gap."""
    told = samples.known()
    alarms = _gauge_alarms(rule, told)
    unfit = _unfit(rule.name, told, rule.seconds, rule.stale_after, alarms)
    if unfit is not None:
        return unfit
    over = told.last(rule.seconds).values > rule.limit
    now = f"{told.values[-1]:.3g}"
    if over.all():
        lasted = f" for {seconds_words(rule.seconds)}" if rule.seconds else ""
        return Reading(rule.name, State.FIRING, now, f"over {rule.limit:g}{lasted}", alarms)
    return Reading(rule.name, State.QUIET, now, "", alarms)


def grown(rule: CounterRule, samples: Samples) -> Reading:
    """A counter that grew by too much; one that fell was born anew and counts from 0."""
    told = samples.known()
    alarms = _counter_alarms(rule, told)
    unfit = _unfit(rule.name, told, rule.within + rule.seconds, rule.stale_after, alarms)
    if unfit is not None:
        return unfit
    at_us, grew = told.at_us[1:], _growth(told.values)
    ends = told.at_us[told.at_us >= told.now_us - round(rule.seconds * SECOND_US)]
    ends = ends if len(ends) else told.at_us[-1:]
    running = np.append(0.0, grew.cumsum())
    window = round(rule.within * SECOND_US)
    seen = running[np.searchsorted(at_us, ends, "right")]
    seen = seen - running[np.searchsorted(at_us, ends - window, "right")]
    now = f"{count(round(float(seen[-1])))} in {seconds_words(rule.within)}"
    # Where one is too many, each is in the window for longer than asked; else some leave it sooner.
    bound = rule.more_than > 0 and rule.seconds > 0
    if (seen > rule.more_than).all():
        why = f"{now}, more than {rule.more_than}"
        return Reading(rule.name, State.FIRING, now, why, alarms, bound)
    return Reading(rule.name, State.QUIET, now, "", alarms, bound)


def _unfit(
    name: str, told: Samples, seconds: float, stale_after: float, alarms: float | None
) -> Reading | None:
    """Why nothing can be said: no sample, an old one, a gap, or too short a past."""
    if not len(told.at_us):
        return Reading(name, State.NO_DATA, "never seen", "no sample so far", alarms)
    now, age = f"{told.values[-1]:.3g}", (told.now_us - int(told.at_us[-1])) / SECOND_US
    if age > stale_after:
        why = f"the last sample is {seconds_words(age)} old"
        return Reading(name, State.STALE, now, why, alarms)
    recent = told.last(seconds)
    if told.now_us - int(recent.at_us[0]) < seconds * SECOND_US:
        why = f"fewer than {seconds_words(seconds)} seen"
        return Reading(name, State.NOT_JUDGED, now, why, alarms)
    longest = float(np.diff(recent.at_us).max(initial=0)) / SECOND_US
    if longest > SCRAPES * told.every:
        why = f"no sample for {seconds_words(longest)} within the last {seconds_words(seconds)}"
        return Reading(name, State.NOT_JUDGED, now, why, alarms)
    return None


def _growth(values: Floats) -> Floats:
    grew = np.diff(values)
    return np.asarray(np.where(grew < 0, values[1:], grew))


def _gauge_alarms(rule: GaugeRule, told: Samples) -> float | None:
    if len(told.values) < 2:
        return None
    over = told.values > rule.limit
    return excursions(over) * stays(over) ** ceil(rule.seconds / told.every) * HOUR / told.every


def excursions(over: Flags) -> float:
    """How often, by step, a chain goes over its limit; half a time more than was seen."""
    before = over[:-1]
    rises = int(np.count_nonzero(~before & over[1:]))
    return (rises + 0.5) / (len(before) + 1)


def stays(over: Flags) -> float:
    """The chance to be over the limit at the next step as well; half a time more either way."""
    before = int(np.count_nonzero(over[:-1]))
    return (int(np.count_nonzero(over[:-1] & over[1:])) + 0.5) / (before + 1)


def _counter_alarms(rule: CounterRule, told: Samples) -> float | None:
    if len(told.values) < 2:
        return None
    seen = (int(told.at_us[-1]) - int(told.at_us[0])) / SECOND_US
    rate = (float(_growth(told.values).sum()) + 0.5) / seen
    return HOUR * crossings(rate, rule.within, rule.more_than)


def crossings(rate: float, within: float, more_than: int) -> float:
    """How often a second the events of the last `within` seconds come to be more than so many.

    An event finds as many others as a Poisson variable of mean rate x within says; it is the one
    too many where it finds just `more_than`. Exact for a Poisson process of single events.
    """
    mean = rate * within
    return float(rate * np.exp(xlogy(more_than, mean) - mean - gammaln(more_than + 1)))
