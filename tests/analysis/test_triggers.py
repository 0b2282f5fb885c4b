"""Live rules in minutes: what fires, what is quiet, what cannot be said, and false alarms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from analysis.triggers import (
    Counts,
    Reading,
    Rule,
    State,
    above_in_a_row,
    alarms_per_step,
    chance_above,
    failed_in_a_row,
    run_length,
)

MINUTE = 60
RULE = Rule("errors", 0.05, minutes=2, at_least=100)
GOOD, BAD, EDGE, THIN, EMPTY = (200, 2), (200, 11), (200, 10), (99, 99), (0, 0)


def counts(*minutes: tuple[int, int], more: int = 0) -> Counts:
    """Minutes of 60 s whose requests all come in one second, and `more` seconds of the next."""
    table = np.zeros((2, MINUTE * len(minutes) + more), dtype=np.int64)
    for number, minute in enumerate(minutes):
        table[:, MINUTE * number + 30] = minute
    return Counts(*table)


def read(*minutes: tuple[int, int], rule: Rule = RULE, more: int = 0) -> Reading:
    """What the rule says."""
    return above_in_a_row(rule, counts(*minutes, more=more), MINUTE, "errors")


STATES = {
    "nothing yet": ((), State.NOT_JUDGED, "the first minute has not ended"),
    "one good minute": ((GOOD,), State.QUIET, ""),
    "one bad minute": ((BAD,), State.QUIET, "1 of 2 minutes over the limit"),
    "two bad minutes": (
        (BAD, BAD),
        State.FIRING,
        "errors 5.5 % of 400 requests, over 5 % in each of 2 minutes in a row",
    ),
    "two bad minutes long ago": ((BAD, BAD, GOOD), State.QUIET, ""),
    "a good minute between": (
        (BAD, GOOD, BAD),
        State.QUIET,
        "1 of 2 minutes over the limit",
    ),
    "exactly at the limit": ((EDGE, EDGE), State.QUIET, ""),
    "too few requests": (
        (GOOD, THIN),
        State.NOT_JUDGED,
        "fewer than 100 requests in a minute",
    ),
    "too few in the minute before": (
        (THIN, BAD),
        State.NOT_JUDGED,
        "a minute before had fewer than 100 requests",
    ),
    "too few before a good one": ((THIN, GOOD), State.QUIET, ""),
    "a gap in between": (
        (BAD, EMPTY, BAD),
        State.NOT_JUDGED,
        "a minute before had fewer than 100 requests",
    ),
    "traffic stopped": ((BAD, BAD, EMPTY), State.NO_TRAFFIC, "no request in the last 60 s"),
    "no traffic": ((EMPTY, EMPTY), State.NO_TRAFFIC, "no request in the last 60 s"),
}


@pytest.mark.parametrize(("minutes", "state", "reason"), STATES.values(), ids=STATES.keys())
def test_what_a_rule_says(minutes: tuple[tuple[int, int], ...], state: State, reason: str) -> None:
    """Each row of minutes has one state, and a reason where it is not simply quiet."""
    found = read(*minutes)

    assert (found.state, found.reason) == (state, reason)


def test_a_minute_that_has_not_ended_says_nothing() -> None:
    """59 more seconds change neither the state nor the numbers."""
    assert read(BAD, BAD, more=59) == read(BAD, BAD)


@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), max_size=8),
    st.integers(1, 4),
)
def test_it_fires_exactly_where_the_last_minutes_are_all_over(
    minutes: list[tuple[int, int]], in_a_row: int
) -> None:
    """The definition, done by hand; without a request in the last minute it never fires."""
    minutes = [(n, min(n, bad)) for n, bad in minutes]
    found = read(*minutes, rule=Rule("errors", 0.05, in_a_row, 100))
    last = minutes[-in_a_row:]
    over = [n >= 100 and 20 * bad > n for n, bad in last]

    assert (found.state is State.FIRING) == (len(over) == in_a_row and all(over))
    if not minutes or minutes[-1] == (0, 0):
        assert found.state in (State.NO_TRAFFIC, State.NOT_JUDGED)


@pytest.mark.parametrize("chance", [0.001, 0.05, 0.3, 0.9, 1.0])
def test_the_mean_wait_is_the_one_of_the_notes(chance: float) -> None:
    """(1 + q) / q^2 for two in a row, (p^-3 - 1) / (1 - p) for three."""
    assert 1 / alarms_per_step(chance, 2) == pytest.approx((1 + chance) / chance**2)
    if chance < 1:
        wait = (chance**-3 - 1) / (1 - chance)
        assert 1 / alarms_per_step(chance, 3) == pytest.approx(wait)


def test_what_never_happens_never_alarms() -> None:
    """No overflow where the chance is as small as numbers get."""
    assert alarms_per_step(0.0, 5) == 0.0
    assert alarms_per_step(1e-300, 5) == 0.0


def test_the_figures_of_the_notes() -> None:
    """20 requests a minute: at 3 % errors every 78 minutes, at 1 % every 3,600."""
    waits = [1 / alarms_per_step(chance_above(rate, 20, 0.05), 2) for rate in (0.03, 0.01)]

    assert waits[0] == pytest.approx(78, rel=0.02)
    assert waits[1] == pytest.approx(3600, rel=0.02)


@given(st.floats(0, 1), st.integers(1, 500), st.floats(0.001, 0.9))
def test_the_chance_of_a_minute_is_binomial(rate: float, requests: int, limit: float) -> None:
    """More than the limit, not at least; counts at the limit are within."""
    allowed = int(limit * requests + 1e-9)

    assert chance_above(rate, requests, limit) == pytest.approx(
        binom.sf(allowed, requests, rate), abs=1e-12
    )


SIMULATED = {
    "errors, two in a row": (0.035, 100, 2),
    "errors, three in a row": (0.045, 100, 3),
    "sparse": (0.03, 20, 2),
}


@pytest.mark.parametrize(("rate", "requests", "in_a_row"), SIMULATED.values(), ids=SIMULATED.keys())
def test_expected_false_alarms_are_what_happens(rate: float, requests: int, in_a_row: int) -> None:
    """200,000 minutes at one rate: alarms, each beginning anew, within 10 % of the forecast."""
    rule = Rule("errors", 0.05, in_a_row, requests)
    bad = np.random.default_rng(7).binomial(requests, rate, 200_000)
    alarms, run = 0, 0
    for over in bad > 0.05 * requests + 1e-9:
        run = run + 1 if over else 0
        if run == in_a_row:
            alarms, run = alarms + 1, 0
    seconds = [(requests, int(one)) for one in bad[:1000]]
    forecast = read(*seconds, rule=rule).alarms_per_hour

    expected = alarms_per_step(chance_above(rate, requests, 0.05), in_a_row)
    assert alarms / len(bad) == pytest.approx(expected, rel=0.1)
    assert forecast is not None
    assert forecast == pytest.approx(60 * expected, rel=0.35)


def test_no_error_so_far_is_not_never() -> None:
    """Half an error more than was seen, so the forecast is small and above zero."""
    few = read((200, 0)).alarms_per_hour
    many = read(*[(200, 0)] * 50).alarms_per_hour

    assert few is not None
    assert many is not None
    assert 0 < many < few < 1e-3
    assert read(THIN).alarms_per_hour is None


CHECKS = {
    "none yet": ([], State.NOT_JUDGED, "none yet"),
    "all well": ([[False] * 5, [False] * 5], State.QUIET, "0 of 10 failed"),
    "two in a row": ([[True, False, True, True]], State.QUIET, "3 of 4 failed"),
    "three in a row": ([[False, True, True, True]], State.FIRING, "3 of 4 failed"),
    "three in a row once": ([[True, True, True, False]], State.QUIET, "3 of 4 failed"),
    "three over two servers": ([[True, True], [True]], State.QUIET, "3 of 3 failed"),
}


@pytest.mark.parametrize(("checks", "state", "now"), CHECKS.values(), ids=CHECKS.keys())
def test_health_checks_of_each_server(checks: list[list[bool]], state: State, now: str) -> None:
    """Three in a row of one server, up to now."""
    found = failed_in_a_row("health", checks, 3, 10.0)

    assert (found.state, found.now) == (state, now)


def test_false_alarms_of_health_checks() -> None:
    """At a failure in 50 checks of each of two servers, one in 10 s, as the notes have it."""
    checks = [[number % 50 == 0 for number in range(5000)] for _ in range(2)]
    found = failed_in_a_row("health", checks, 3, 10.0).alarms_per_hour

    assert found == pytest.approx(2 * 360 * (1 - 0.02) / (0.02**-3 - 1), rel=0.02)


@given(st.lists(st.booleans()))
def test_the_length_of_a_run(outcomes: list[bool]) -> None:
    """Counted from the end."""
    length = run_length(outcomes)

    assert all(outcomes[len(outcomes) - length :])
    assert length == len(outcomes) or not outcomes[-1 - length]


@given(st.lists(st.integers(0, 9), max_size=40), st.integers(1, 7))
def test_periods_add_up(requests: list[int], length: int) -> None:
    """Whole periods keep every request; the one under way is left out."""
    table = Counts(np.array(requests, dtype=np.int64), np.zeros(len(requests), dtype=np.int64))
    periods = table.by(length).requests
    whole = len(requests) // length

    assert len(periods) == whole
    assert periods.sum() == sum(requests[: whole * length])
