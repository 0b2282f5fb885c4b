"""A watch in words: triggers with their limits, false alarms a week, time left."""

from typing import Any

import pytest
from rollout_parts import POLICY

from rollout.live import line, lines, markdown, table
from rollout.policy import parse
from rollout.watch_words import (
    ACCURACY,
    ERRORS,
    ERRORS_LATE,
    HEALTH,
    RESPONSE_TIME,
    RESPONSE_TIME_LATE,
    alarms_a_week,
    label,
    left,
    reasons,
)
from rollout.watch_words import lines as watch_lines

LABELS = {
    ERRORS: "errors > 5 % 2 min",
    RESPONSE_TIME: "p95 +50 % 5 min",
    HEALTH: "3 failed health checks",
    ACCURACY: "accuracy < 85 %",
    ERRORS_LATE: "late errors > 5 %",
    RESPONSE_TIME_LATE: "late p95 +50 %",
}


@pytest.mark.parametrize(("name", "said"), LABELS.items(), ids=LABELS.keys())
def test_a_trigger_is_named_with_its_limit(name: str, said: str) -> None:
    """The runbook's numbers, as the policy has them."""
    assert label(name, POLICY) == said


def test_the_limits_are_the_policys() -> None:
    """Another number in the policy is another label."""
    other = parse("[rollout.live_rules.errors]\nabove_percent = 0.5\nminutes = 3")

    assert label(ERRORS, other) == "errors > 0.5 % 3 min"


def trigger(**changes: Any) -> dict[str, Any]:
    """A quiet one, changed."""
    return {
        "name": ERRORS,
        "label": "errors > 5 % 2 min",
        "state": "QUIET",
        "now": "0.02 % of 18,034",
        "reason": "",
        "alarms_per_hour": 0.0001,
        "bound": False,
        **changes,
    }


ALARMS = {
    "nothing is known": (None, False, "unknown"),
    "hardly ever": (5e-6, False, "< 0.001 a week"),
    "now and then": (0.0001, False, "0.017 a week"),
    "often": (2.0, False, "336 a week"),
    "at most": (0.019, True, "<= 3.2 a week"),
}


@pytest.mark.parametrize(("per_hour", "bound", "said"), ALARMS.values(), ids=ALARMS.keys())
def test_false_alarms_a_week(per_hour: float | None, bound: bool, said: str) -> None:
    """168 hours of watching; a bound is said to be one."""
    assert alarms_a_week(trigger(alarms_per_hour=per_hour, bound=bound)) == said


LOST = trigger(
    label="accuracy < 85 %",
    state="NO_LABELS",
    now="no label yet",
    reason="no label in time for 12 requests",
    alarms_per_hour=0.019,
    bound=True,
)
WATCH = {"seconds": 600, "left": 420.0, "triggers": [trigger(), LOST]}
PROGRESS = {
    "component": "price-predictor",
    "stable": "v2.0.0",
    "candidate": "v2.1.0",
    "phase": "WATCHING",
    "watch": WATCH,
}


def test_what_a_follower_sees() -> None:
    """What serves, how long it is watched, every trigger, what could not be judged, and why."""
    assert lines(PROGRESS) == [
        "price-predictor   v2.1.0 champion   WATCHING",
        "7 min left of 10 min; a trigger returns to v2.0.0 by itself",
        "",
        "trigger                  state      now                   false alarms",
        "errors > 5 % 2 min       QUIET      0.02 % of 18,034      0.017 a week",
        "accuracy < 85 %          NO_LABELS  no label yet          <= 3.2 a week",
        "",
        "accuracy < 85 %: no label in time for 12 requests",
        "Ctrl-C stops watching; the rollout goes on: pincex resume price-predictor",
    ]


def test_one_line_for_a_pipe() -> None:
    """The time left and what is not quiet."""
    quiet = {**PROGRESS, "watch": {**WATCH, "triggers": [trigger()]}}

    assert line(PROGRESS).startswith("WATCHING, 7 min left of 10 min; ")
    assert line(PROGRESS).endswith(": accuracy < 85 %: no label in time for 12 requests")
    assert line(quiet).endswith("every trigger is quiet")


def test_the_page_and_the_table_in_prefect() -> None:
    """The same triggers, with their false alarms."""
    page = markdown(PROGRESS)

    assert page.startswith("## price-predictor: v2.1.0 is watched\n")
    assert "| accuracy < 85 % | NO_LABELS | no label yet | <= 3.2 a week |" in page
    assert "pincex rollback-model price-predictor" in page
    assert table(PROGRESS)[0] == {
        "label": "errors > 5 % 2 min",
        "now": "0.02 % of 18,034",
        "outcome": "QUIET",
        "false alarms": "0.017 a week",
    }


def test_a_watch_that_is_over() -> None:
    """It promises nothing any more."""
    assert left({**WATCH, "left": 0.0}, "v2.0.0") == "watched for 10 min"


def test_lines_fit_the_screen() -> None:
    """80 columns, whatever a trigger has to say."""
    long = trigger(now="x" * 90, state="NOT_JUDGED", alarms_per_hour=1e9, bound=True)

    assert max(map(len, watch_lines({**WATCH, "triggers": [long]}, indent="    "))) <= 80
    assert reasons([trigger(), LOST]) == ["accuracy < 85 %: no label in time for 12 requests"]
