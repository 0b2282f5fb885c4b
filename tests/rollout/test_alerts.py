"""The runbook's nine alerts: each at its boundary, what cannot be said, and false alarms."""

from dataclasses import replace

import numpy as np
import pytest

from analysis import BadInput
from analysis.alerts import CounterRule, GaugeRule, Samples, crossings, grown, over_for
from analysis.triggers import HOUR, Counts, State
from rollout.alerts import Seen, alerts
from rollout.policy import default_policy_text, parse

EVERY, LAST = 5.0, 20 * 60
NOW_US = 1_760_000_000_000_000
POLICY = parse(default_policy_text())
NAMES = (
    [f"critical {name}" for name in ("errors", "response time", "restarts", "database")]
    + ["critical trading engine"]
    + [f"warning {name}" for name in ("errors", "response time", "CPU", "memory")]
)


def scraped(values: np.ndarray, age: float = 1.0) -> Samples:
    """Scrapes every 5 s, the last one `age` seconds ago."""
    back = np.arange(len(values))[::-1] * EVERY + age
    return Samples(NOW_US - np.round(back * 1e6).astype(np.int64), values, EVERY, NOW_US)


def gauge(value: float, lasting: float, before: float, age: float = 1.0) -> Samples:
    """Twenty minutes and more, of which the last so many seconds stand at `value`."""
    values = np.full(2 + int(LAST / EVERY), before)
    values[len(values) - int(lasting / EVERY) :] = value
    return scraped(values, age)


def minutes(bad: int, lasting: int, of: int = 200) -> Counts:
    """Twelve minutes of requests, the last ones with so many bad."""
    counts = np.zeros((2, 12 * 60), dtype=np.int64)
    counts[0, 30::60] = of
    counts[1, 30 + 60 * (12 - lasting) :: 60] = bad
    return Counts(*counts)


def counter(*ages: float) -> Samples:
    """A counter that grew by one so many seconds ago, each time."""
    told = scraped(np.zeros(2 + int(LAST / EVERY)))
    for age in ages:
        told.values[told.at_us >= NOW_US - age * 1e6] += 1
    return told


WELL = Seen(
    errors=minutes(0, 1),
    over_critical=minutes(0, 1),
    over_warning=minutes(0, 1),
    cpu=gauge(0.3, 60, 0.3),
    memory=gauge(0.4, 60, 0.4),
    restarts=counter(),
    database=counter(),
    engine=gauge(1.0, 60, 1.0),
)

# Name: what fires it just, and what just does not.
BOUNDARIES = {
    "critical errors": ({"errors": minutes(11, 2)}, {"errors": minutes(10, 2)}),
    "warning errors": ({"errors": minutes(3, 5)}, {"errors": minutes(2, 5)}),
    "critical response time": (
        {"over_critical": minutes(11, 5)},
        {"over_critical": minutes(11, 4)},
    ),
    "warning response time": (
        {"over_warning": minutes(11, 10)},
        {"over_warning": minutes(11, 9)},
    ),
    "warning CPU": ({"cpu": gauge(0.81, 910, 0.3)}, {"cpu": gauge(0.81, 890, 0.3)}),
    "warning memory": ({"memory": gauge(0.91, 610, 0.3)}, {"memory": gauge(0.9, 610, 0.3)}),
    "critical restarts": ({"restarts": counter(590, 300, 5)}, {"restarts": counter(620, 300, 5)}),
    "critical database": ({"database": counter(40)}, {"database": counter(20)}),
    "critical trading engine": (
        {"engine": gauge(0.0, 5, 1.0)},
        {"engine": gauge(1.0, 5, 0.0)},
    ),
}


def states(seen: Seen) -> dict[str, State]:
    """Each of the nine by name."""
    critical, warnings = alerts(seen, POLICY)
    found = {f"critical {one.name}": one.state for one in critical}
    return found | {f"warning {one.name}": one.state for one in warnings}


def test_nine_alerts_are_quiet_while_all_is_well() -> None:
    """Five critical ones and four warnings, each with its expected false alarms."""
    assert list(states(WELL)) == NAMES
    assert set(states(WELL).values()) == {State.QUIET}
    for one in [one for both in alerts(WELL, POLICY) for one in both]:
        assert one.alarms_per_hour is not None
        assert 0 <= one.alarms_per_hour < 3


@pytest.mark.parametrize("name", NAMES)
def test_each_fires_just_over_its_limit_and_not_at_it(name: str) -> None:
    """As the runbook writes it, to the sample."""
    over, under = BOUNDARIES[name]
    assert states(replace(WELL, **over))[name] is State.FIRING
    assert states(replace(WELL, **under))[name] is State.QUIET


def test_the_warning_of_errors_stands_below_the_critical_one() -> None:
    """Errors of 5.5 % for two minutes are critical, and no warning before five."""
    found = states(replace(WELL, errors=minutes(11, 2)))
    assert found["critical errors"] is State.FIRING
    assert found["warning errors"] is State.QUIET


def holed(samples: Samples, begin: int, end: int) -> Samples:
    """Scrapes that brought no number."""
    values = samples.values.copy()
    values[begin:end] = np.nan
    return replace(samples, values=values)


UNKNOWN = {
    "never seen": (scraped(np.zeros(0)), State.NO_DATA, "no sample so far"),
    "only empty ones": (scraped(np.full(9, np.nan)), State.NO_DATA, "no sample so far"),
    "old": (gauge(0.95, 1000, 0.9, age=16.0), State.STALE, "16 s old"),
    "old, by empty scrapes": (holed(gauge(0.95, 1000, 0.9), -4, 242), State.STALE, "21 s old"),
    "a gap": (holed(gauge(0.95, 1000, 0.9), -100, -96), State.NOT_JUDGED, "no sample for 25 s"),
    "too short": (scraped(np.full(100, 0.95)), State.NOT_JUDGED, "fewer than 15 min seen"),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_was_not_seen_is_neither_well_nor_a_breach(name: str) -> None:
    """Nothing, old, missing and too little are outcomes of their own, though all seen is over."""
    samples, state, why = UNKNOWN[name]
    found = over_for(GaugeRule("CPU", 0.8, 900.0, 15.0), samples)
    assert found.state is state
    assert why in found.reason


def test_three_missing_scrapes_are_no_gap() -> None:
    """Two in a row may fail, as scrapes do."""
    samples = holed(gauge(0.95, 1000, 0.9), -100, -98)
    assert over_for(GaugeRule("CPU", 0.8, 900.0, 15.0), samples).state is State.FIRING


def test_a_counter_that_is_born_anew_counts_from_nothing() -> None:
    """A restart of what counts is no fall, and what came since counts."""
    values = np.concatenate([np.full(200, 50.0), np.full(40, 3.0)])
    found = grown(CounterRule("restarts", 2, 600.0, 0.0, 15.0), scraped(values))
    assert (found.state, found.now) == (State.FIRING, "3 in 10 min")


@pytest.mark.parametrize(("rate", "more_than"), [(0.004, 2), (0.001, 2), (0.02, 0), (0.005, 0)])
def test_expected_alarms_of_counters_are_those_of_simulated_events(
    rate: float, more_than: int
) -> None:
    """Upward crossings of the number in the last 600 s, of 400,000 events of a Poisson process."""
    rng = np.random.default_rng([7, round(1e4 * rate), more_than])
    at = rng.exponential(1 / rate, 400_000).cumsum()
    others = np.arange(len(at)) - np.searchsorted(at, at - 600.0)
    crossed = np.count_nonzero(others == more_than) / at[-1]
    wanted = crossings(rate, 600.0, more_than)
    assert crossed == pytest.approx(wanted, rel=0.05, abs=3 * (wanted / at[-1]) ** 0.5)


def test_expected_alarms_of_a_gauge_are_those_of_its_simulated_chain() -> None:
    """A gauge that goes over its limit and back by chance, seen for long: alarms per hour."""
    rng = np.random.default_rng(8)
    draws = rng.random(400_000)
    over = np.zeros(len(draws), dtype=np.bool_)
    for step in range(1, len(draws)):
        over[step] = draws[step] < (0.8 if over[step - 1] else 0.05)
    rule = GaugeRule("CPU", 0.5, 40.0, 15.0)
    found = over_for(rule, scraped(over.astype(np.float64))).alarms_per_hour
    run, fired = 0, 0
    for now in over:
        run = run + 1 if now else 0
        fired += run == 9
    hours = len(over) * EVERY / HOUR
    assert found == pytest.approx(fired / hours, rel=0.05)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[rollout.alerts.cpu]\nabove_percent = 101\n", "no share"),
        ("[rollout.alerts.database]\nseconds = 90\n", "outlasts"),
        ("[rollout.alerts.restarts]\nmore_than = 2.5\n", "whole number"),
        ("[rollout.alerts.disk]\nminutes = 2\n", "no key 'disk'"),
    ],
)
def test_numbers_that_mean_nothing_are_refused(text: str, why: str) -> None:
    """Named by key, with what would be right."""
    with pytest.raises(BadInput, match=why):
        parse(default_policy_text().split("[rollout]")[0] + text)
