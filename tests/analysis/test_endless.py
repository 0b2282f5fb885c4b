"""Watching without an end: rare false alarms, simulated, and late harm that is found."""

import numpy as np
import pytest

from analysis.endless import QUIET, alarms, recursion
from analysis.triggers import Counts
from benchmarks.run_lengths import delay, quiet


@pytest.mark.parametrize("requests", [2, 10])
@pytest.mark.parametrize("every", [300.0, 2_000.0])
def test_false_alarms_are_no_more_frequent_than_asked(requests: int, every: float) -> None:
    """At the limit itself, the worst rate that is none: 400,000 simulated seconds of each."""
    assert quiet(0.05, requests, every, 400_000) >= every


def test_the_promise_is_not_empty() -> None:
    """At the limit the time to a false alarm is of the order that was asked, not for ever."""
    assert quiet(0.05, 10, 300.0, 400_000) <= 10 * 300


def test_late_errors_are_found_within_seconds_of_their_onset() -> None:
    """10 % at 50 requests a second, after ten good minutes, a false alarm a day at most."""
    assert delay(0.1, 50, 86_400.0, 10) <= 20
    assert delay(0.2, 50, 86_400.0, 10) <= 4


def test_the_recursion_is_the_sum_over_all_beginnings() -> None:
    """log R against the sum of the products of all windows that end now; state carried over."""
    gains = np.random.default_rng(2).normal(0, 0.3, (3, 50))
    wanted = [
        np.log(
            np.sum([np.exp(gains[:, begin : end + 1].sum(axis=1)) for begin in range(end + 1)], 0)
        )
        for end in range(50)
    ]
    whole = recursion(gains, np.full(3, -np.inf))
    assert whole == pytest.approx(np.array(wanted).T)
    first = recursion(gains[:, :20], np.full(3, -np.inf))
    assert recursion(gains[:, 20:], first[:, -1]) == pytest.approx(whole[:, 20:])


def test_a_breach_that_lasts_is_told_once_an_hour() -> None:
    """Three hours of 20 % errors make three alarms, each with what was so in the minute before."""
    n = np.full(3 * QUIET, 50)
    found = alarms(Counts(n, np.full(3 * QUIET, 10)), 0.05, 86_400.0)
    assert len(found) == 3
    assert np.diff([one.second for one in found]) == pytest.approx(QUIET, abs=5)
    assert (found[1].requests, found[1].bad) == (3_000, 600)


def test_seconds_without_requests_say_nothing() -> None:
    """Silence between changes no evidence; nothing at all is no alarm."""
    rng = np.random.default_rng(4)
    n = np.full(2_000, 20)
    bad = rng.binomial(n, 0.12)
    dense = alarms(Counts(n, bad), 0.05, 1e6)
    sparse = np.zeros((2, 6_000), dtype=np.int64)
    sparse[:, ::3] = n, bad
    spread = alarms(Counts(*sparse), 0.05, 1e6)
    assert spread[0].second == 3 * dense[0].second
    assert alarms(Counts(np.zeros(9, dtype=np.int64), np.zeros(9, dtype=np.int64)), 0.05, 1e6) == []
