"""A model's report: what the ledger adds, what is missing, and how it reads."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from rollout_parts import NOW, V1, V2, judged, rollout, watch

from rollout.history import History
from rollout.model_report import (
    alarms_spent,
    judged_between,
    missing,
    rollouts_between,
    watched_between,
)
from rollout.model_report_text import first, markdown, page, text_of
from rollout.state import Decision, Ending, Phase, Verb

DAY = timedelta(days=1)
OLD = NOW - 3 * DAY
START = NOW - DAY
PASSED = judged(Decision.PROMOTE)

MEMBERS = {
    "opened and closed within": (rollout(closed=Ending.PROMOTED), NOW, True),
    "closed within": (rollout(opened_at=OLD, closed=Ending.EXPIRED), NOW - DAY / 2, True),
    "open since long": (rollout(opened_at=OLD), None, True),
    "closed before": (rollout(opened_at=OLD, closed=Ending.EXPIRED), OLD + DAY, False),
}


@pytest.mark.parametrize(("one", "closed_at", "told"), MEMBERS.values(), ids=MEMBERS.keys())
def test_rollouts_of_the_window(one: Any, closed_at: Any, told: bool) -> None:
    """What was opened or closed in it, and whatever is open."""
    closings = {one.id: closed_at} if closed_at else {}
    found = rollouts_between(History(rollouts=(one,)), closings, START, NOW + DAY)
    assert [each["rollout"] for each in found] == ([one.id] if told else [])


JUDGED = {
    "a shadow": (rollout(judged=PASSED), 1),
    "a promotion that cites it": (rollout(judged=PASSED, verb=Verb.PROMOTE), 0),
    "a first version": (rollout(judged=PASSED, stable=None), 0),
    "not judged": (rollout(), 0),
    "judged before": (rollout(judged=judged(Decision.PROMOTE, age=2 * 86_400)), 0),
}


@pytest.mark.parametrize(("one", "number"), JUDGED.values(), ids=JUDGED.keys())
def test_only_shadows_that_were_judged_spend_the_budget(one: Any, number: int) -> None:
    """A verdict counts once, in the window in which it fell."""
    found = judged_between(History(rollouts=(one,)), START, NOW)
    spent = alarms_spent(found, [])
    assert (len(found), spent["judged"]) == (number, number)
    assert spent["false_rollbacks_at_most"] == pytest.approx(0.05 * number)


def test_watches_spend_what_their_triggers_expect() -> None:
    """Those that are not known are counted apart and not taken for nothing."""
    watched = rollout(watch=watch(), phase=Phase.WATCHING)
    assert watched_between(History(rollouts=(watched, rollout())), START, NOW) == [watched]
    told = [{"seconds": 600, "expected": 0.01}, {"seconds": 60, "expected": None}]
    spent = alarms_spent([], told)
    assert spent["watches"] == 2
    assert spent["watched_seconds"] == 660
    assert (spent["watch_alarms"], spent["watches_unknown"]) == (0.01, 1)


SHARE = {"n": 1_000, "events": 10, "estimate": 0.01, "low": 0.005, "high": 0.02}
MOVED = {"name": "a", "before": 500, "now": 500, "psi": 0.31, "ks": 0.2, "size": "large"}
FEW = {**MOVED, "psi": None, "ks": None, "size": "too few values"}
WINDOW = {
    "days": 1,
    "start": "2026-01-04T12:00:00+00:00",
    "end": "2026-01-05T12:00:00+00:00",
    "measured_from": "2026-01-04T12:00:00+00:00",
}
SINCE = "2026-01-05T00:00:00+00:00"
ALERT: dict[str, Any] = {
    "severity": "critical",
    "name": "errors",
    "outcome": "firing",
    "now": "6.00 % of 600",
    "reason": "errors 6.00 % of 1,200 requests, over 5 % in each of 2 minutes in a row",
    "false_alarms_per_hour": 0.00123,
    "at_most": False,
}
QUIET = {**ALERT, "severity": "warning", "name": "CPU", "outcome": "quiet", "now": "0.3",
         "reason": ""}  # fmt: skip
NEVER = {**QUIET, "name": "memory", "false_alarms_per_hour": 3.8e-37}
BLIND = {**QUIET, "name": "database", "outcome": "no data", "false_alarms_per_hour": None}
REPORT: dict[str, Any] = {
    "model": "price",
    "window": WINDOW,
    "champion": {"version": "v1.0.0", "since": SINCE},
    "method": "time-uniform 95 % interval",
    "damaged": 0,
    "requests": 1_000,
    "versions": {"v1.0.0": 900, "v2.0.0": 100},
    "errors": {**SHARE, "limit": 0.05},
    "late_errors": {"limit": 0.05, "false_alarm_every": 2_592_000, "alarms": []},
    "alerts": [QUIET],
    "latency_ms": {
        "p50": {"value": 2.0, "low": 1.9, "high": 2.1},
        "p99": {"value": 9.0, "low": 8.0, "high": None},
    },
    "accuracy": {**SHARE, "estimate": 0.9, "low": 0.88, "high": 0.92},
    "floor": 0.85,
    "accuracy_outcome": "above",
    "labels": {"due": 900, "missing": 0, "missing_since": None},
    "disagreement": [{"champion": "v1.0.0", "challenger": "v2.0.0", "share": SHARE}],
    "drift": {"compared": "against the window before", "predictions": MOVED, "inputs": [MOVED]},
    "rollouts": rollouts_between(
        History(rollouts=(rollout(judged=PASSED, stable=V1, candidate=V2),)), {}, START, NOW
    ),
    "false_alarms": alarms_spent([rollout(judged=PASSED)], [{"seconds": 600, "expected": 0.01}]),
    "missing": [],
}
NO_TRAFFIC = {
    **REPORT,
    "requests": 0,
    "versions": {},
    "errors": None,
    "latency_ms": None,
    "accuracy": None,
    "accuracy_outcome": "unknown",
    "champion": None,
    "disagreement": [],
    "drift": {"compared": "", "predictions": None, "inputs": []},
    "rollouts": [],
    "false_alarms": alarms_spent([], []),
}
UNLABELLED = {"due": 900, "missing": 9, "missing_since": SINCE}
GAPS = {
    "nothing": ({}, []),
    "no traffic": ({"requests": 0}, ["traffic: no request was answered"]),
    "no labels": ({"accuracy": None}, ["accuracy: no request has a label"]),
    "some labels": ({"labels": UNLABELLED}, [f"labels of 9 of 900 requests whose label is due, "
                    f"since {SINCE}"]),
    "no shadow": ({"disagreement": []}, ["disagreement: no shadow ran"]),
    "no inputs": ({"drift": {**REPORT["drift"], "inputs": []}},
                  ["drift of inputs: inputs are not recorded"]),
    "few inputs": ({"drift": {**REPORT["drift"], "inputs": [FEW]}},
                   ["drift of inputs: too few kept requests to compare"]),
    "few answers": ({"drift": {**REPORT["drift"], "predictions": FEW}},
                    ["drift of predictions: too few answers to compare"]),
    "an alert without samples": ({"alerts": [ALERT, BLIND]}, ["samples for alerts: database"]),
    "rotated": ({"window": {**WINDOW, "measured_from": SINCE}},
                [f"rows before {SINCE}: their files were rotated away"]),
    "damage": ({"damaged": 2}, ["2 damaged lines of the records"]),
    "unknown watches": ({"false_alarms": {**REPORT["false_alarms"], "watches_unknown": 1}},
                        ["false alarms of watches without enough traffic"]),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "gaps"), GAPS.values(), ids=GAPS.keys())
def test_what_is_missing_is_named(changes: Mapping[str, Any], gaps: list[str]) -> None:
    """Each gap has its sentence, and a whole report has none."""
    assert missing({**REPORT, **changes}) == gaps


@pytest.mark.parametrize("report", [REPORT, NO_TRAFFIC], ids=["whole", "no traffic"])
def test_text_page_and_markdown_say_the_same(report: dict[str, Any]) -> None:
    """In 80 columns, as one file without assets, and as a table."""
    whole = {**report, "missing": missing(report)}
    text = text_of(whole)
    assert all(len(line) <= 80 for line in text.splitlines())
    assert first(whole) in " ".join(text.split())
    assert markdown(whole).startswith(f"**{first(whole)}**")
    assert page(whole).startswith("<!DOCTYPE html>")
    assert "://" not in page(whole)
    for gap in whole["missing"]:
        assert gap in " ".join(text.split())
        assert gap in page(whole)


def test_numbers_stand_with_their_interval_and_their_limit() -> None:
    """Errors, accuracy, latency, drift and false alarms as people read them."""
    text = " ".join(text_of(REPORT).split())
    for part in (
        "price: 1,000 requests in 24 h, 1.00 % errors, accuracy 90.0 %, above the floor of 85.0 %",
        "1.00 % (0.50 % to 2.00 %), limit 5.00 %",
        "p99 9 ms (8 to no end)",
        "v2.0.0 differs from v1.0.0 in 1.00 % (0.50 % to 2.00 %)",
        "large move: PSI 0.31, KS distance 0.20, against the window before",
        "deploy-model v2.0.0 against v1.0.0: open in SHADOW, PROMOTE after 500 pairs",
        "1 judged at 5.00 %: at most 0.05 false ROLLBACKs to expect",
        "1 watch, 10 min: at most 0.01 false alarms",
    ):
        assert part in text, part


def test_late_errors_are_told_with_the_minute_before_and_how_rare_a_false_alarm_is() -> None:
    """None, one, and many of them."""
    alarm = {"at": SINCE, "requests": 600, "bad": 72}
    late = REPORT["late_errors"]
    quiet = " ".join(text_of(REPORT).split())
    assert "late errors none over 5.00 % since any second (a false alarm in 30 days" in quiet
    for number, said in ((1, "1 alarm:"), (3, "3 alarms, an hour apart or more:")):
        report = {**REPORT, "late_errors": {**late, "alarms": [alarm] * number}}
        text = " ".join(text_of(report).split())
        assert f"late errors {said}" in text
        assert "12.0 % of 600 requests in the minute before" in text


def test_alerts_are_told_each_with_its_outcome_and_false_alarms() -> None:
    """One that is firing stands in the first sentence; without a sample nothing is said of now."""
    report = {**REPORT, "alerts": [ALERT, QUIET, BLIND, {**ALERT, "at_most": True}, NEVER]}
    text = " ".join(text_of(report).split())

    assert first(report).startswith("price: 1,000 requests in 24 h, 2 alerts are firing, 1.00 %")
    assert (
        "alert errors (critical): firing, 6.00 % of 600, errors 6.00 % of 1,200 requests, over 5 % "
        "in each of 2 minutes in a row; 0.0012 false alarms an hour"
    ) in text
    assert "alert CPU (warning): quiet, 0.3; 0.0012 false alarms an hour" in text
    assert "alert database (warning): no data alert" in text
    assert "alert memory (warning): quiet, 0.3; less than a false alarm in a century" in text
    assert "at most 0.0012 false alarms an hour" in text
