"""The live rules over what a component answers: what fires, what is quiet, what nobody can say."""

import numpy as np
import pytest

from analysis.triggers import State
from rollout.policy import default_policy_text, parse
from rollout.watch_words import ERRORS, ERRORS_LATE, RESPONSE_TIME, RESPONSE_TIME_LATE
from rollout.watching import Seen, detectors, runbook_rules, unread, watched_of

POLICY = parse(default_policy_text())
PAST = 40.0
RULES = (ERRORS, RESPONSE_TIME, ERRORS_LATE, RESPONSE_TIME_LATE)


def seen(minutes: int, errors: int = 0, slow: int | None = 0, **more: float) -> Seen:
    """Twenty requests a second for so long, so many of each second bad in the last five minutes."""
    seconds = 60 * minutes
    late = np.arange(seconds) >= seconds - 300
    requests = np.full(seconds, 20)
    told = None if slow is None else slow * late
    return Seen(requests, errors * late, requests, told, **more)  # type: ignore[arg-type]


def states(told: Seen, past: float | None = PAST, watched: int = 1) -> dict[str, State]:
    """What each of the four triggers says."""
    rules = runbook_rules(told, past, POLICY)
    found = unread([*rules, *detectors(told, past, POLICY, watched)], told, POLICY)
    return {one.name: one.state for one in found}


@pytest.mark.parametrize(
    ("told", "firing"),
    [
        (seen(8), ()),
        (seen(8, errors=1), ()),
        (seen(8, errors=3), (ERRORS, ERRORS_LATE)),
        (seen(8, slow=1), ()),
        (seen(8, slow=4), (RESPONSE_TIME, RESPONSE_TIME_LATE)),
    ],
    ids=["well", "five percent", "fifteen percent", "one in twenty slow", "one in five slow"],
)
def test_each_limit_is_held_by_its_rule_and_its_detector(
    told: Seen, firing: tuple[str, ...]
) -> None:
    """At the limit nothing fires; over it both do, once the rule has its minutes."""
    assert states(told) == {name: State.FIRING if name in firing else State.QUIET for name in RULES}


@pytest.mark.parametrize(
    ("told", "past", "unjudged"),
    [
        (seen(8), None, (RESPONSE_TIME, RESPONSE_TIME_LATE)),
        (seen(8, slow=None), PAST, (RESPONSE_TIME, RESPONSE_TIME_LATE)),
        (seen(8, silent_for=61.0), PAST, RULES),
        (seen(8, lost=1), PAST, RULES),
        (Seen(*[np.zeros(120, dtype=np.int64)] * 4), PAST, RULES),
        (Seen(*[np.zeros(0, dtype=np.int64)] * 4), PAST, RULES),
    ],
    ids=[
        "no past p95",
        "no bound at the limit",
        "counted no more",
        "one counter lost",
        "no request",
        "no second",
    ],
)
def test_what_nobody_can_say_is_not_quiet(
    told: Seen, past: float | None, unjudged: tuple[str, ...]
) -> None:
    """It is named as not judged, and fires nothing."""
    rules = runbook_rules(told, past, POLICY)
    readings = unread([*rules, *detectors(told, past, POLICY)], told, POLICY)
    found = watched_of(readings)

    assert found.firing is None
    assert sorted(found.unjudged) == sorted(unjudged)


def test_harm_that_was_counted_fires_though_nobody_counts_any_more() -> None:
    """What was proven before the outage stays proven."""
    assert states(seen(8, errors=3, silent_for=500.0))[ERRORS] is State.FIRING


def test_components_that_are_watched_at_once_divide_the_level() -> None:
    """Evidence that suffices for one is not enough where ten are watched."""
    found = []
    for errors in range(0, 200, 2):
        requests, bad = np.array([*[20] * 30, 200]), np.array([*[0] * 30, errors])
        told = Seen(requests, bad, requests, 0 * requests)
        found.append([states(told, watched=number)[ERRORS_LATE] for number in (1, 10)])

    assert [State.FIRING, State.QUIET] in found
    assert [State.QUIET, State.FIRING] not in found
