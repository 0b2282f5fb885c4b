"""`status`, `model-status` and `history` as people read them."""

from datetime import datetime
from typing import Any

import pytest

from rollout.status_text import history, model, site
from rollout.words import date_and_clock

AT = "2026-01-05T12:00:00+00:00"
ENTRY = {
    "name": "price-predictor",
    "champion": "v2.0.0",
    "champion_since": AT,
    "champion_by": "promote-model",
    "champion_evidence": "3f9c0000aaaa",
    "champion_override": None,
    "challenger": None,
    "previous": None,
    "previous_on_disk": False,
    "weights": {"v2.0.0": 100},
    "mirror": None,
    "phase": None,
    "waiting": False,
    "decision": None,
    "progress": None,
    "approval": None,
    "watch": None,
    "differences": [],
    "not_compared": [],
}
SITE = {
    "site": "local",
    "endpoint": "http://127.0.0.1:1",
    "envoy": "ok",
    "prefect": "ok",
    "mlflow": "not answering",
    "prefect_url": "http://127.0.0.1:2",
    "mlflow_url": "http://127.0.0.1:3",
    "locks": [],
    "models": [ENTRY],
    "applications": [],
}
MIRROR = {"version": "v2.1.0", "fraction": 0.25, "rollout": "r-1"}
PROGRESS = {"decision": "CONTINUE", "expected": [2.0, 9.4], "elapsed": 12.3}
DEPLOYING = {"challenger": "v2.1.0", "phase": "SHADOW", "mirror": MIRROR, "progress": PROGRESS}


def block(**changes: Any) -> list[str]:
    """The lines of one model on a site."""
    return site({**SITE, "models": [{**ENTRY, **changes}]})[1:-2]


def test_an_empty_site_says_how_to_begin() -> None:
    """What answers, who holds the lock, the first command, and where everything is."""
    shown = site({**SITE, "models": []})

    assert shown == [
        "local    Envoy ok   Prefect ok   MLflow not answering   nobody holds the lock",
        "no model yet",
        "next: pincex register-model NAME VERSION PATH",
        "endpoint http://127.0.0.1:1",
        "Prefect  http://127.0.0.1:2 | MLflow http://127.0.0.1:3",
    ]


def test_the_holders_of_locks_are_named() -> None:
    """Each with what it holds."""
    locks = [{"holder": "deploy-model price v2", "component": name} for name in ("price", "risk")]

    assert site({**SITE, "locks": locks})[:3] == [
        "local    Envoy ok   Prefect ok   MLflow not answering",
        "lock     deploy-model price v2 holds price",
        "lock     deploy-model price v2 holds risk",
    ]


GROUNDS = {
    "on evidence": ({}, "promoted on evidence 3f9c0000"),
    "by override": (
        {"champion_override": "the desk asked"},
        "promoted by override: the desk asked",
    ),
    "rolled back": (
        {"champion_by": "rollback-model", "champion_override": "it is slow"},
        "returned to by rollback-model: it is slow",
    ),
    "first": (
        {"champion_by": "deploy-model", "champion_evidence": None},
        "first version",
    ),
}


@pytest.mark.parametrize(("changes", "said"), GROUNDS.values(), ids=GROUNDS.keys())
def test_why_the_champion_serves(changes: dict[str, Any], said: str) -> None:
    """Its share, since when, and on which grounds."""
    name, champion, grounds = block(**changes)

    assert name == "price-predictor"
    assert champion.startswith("  champion   v2.0.0   100 % of traffic since ")
    assert grounds == f"             {said}"


SHADOWS = {
    "under way": (DEPLOYING, "mirrored 25 %   SHADOW for 12 s, CONTINUE, verdict in about 9 s"),
    "without forecast": (
        {**DEPLOYING, "progress": {**PROGRESS, "expected": None}},
        "mirrored 25 %   SHADOW for 12 s, CONTINUE",
    ),
    "starting": (
        {**DEPLOYING, "mirror": None, "progress": {**PROGRESS, "decision": None, "expected": None}},
        "not mirrored   SHADOW for 12 s, starting",
    ),
    "never looked": ({**DEPLOYING, "progress": None}, "mirrored 25 %   SHADOW"),
    "waiting": (
        {**DEPLOYING, "waiting": True, "decision": "PROMOTE"},
        "mirrored 25 %   PASS; pincex promote-model price-predictor",
    ),
    "judged": (
        {**DEPLOYING, "decision": "ROLLBACK", "progress": {**PROGRESS, "expected": None}},
        "mirrored 25 %   SHADOW for 12 s, ROLLBACK",
    ),
}


@pytest.mark.parametrize(("changes", "said"), SHADOWS.values(), ids=SHADOWS.keys())
def test_how_far_the_challenger_is(changes: dict[str, Any], said: str) -> None:
    """Copies, phase, decision, forecast; a PASS says the next command."""
    share, now = said.split("   ")
    assert block(**changes)[3:5] == [f"  challenger v2.1.0   {share}", f"             {now}"]


def test_previous_and_differences_are_told() -> None:
    """Where a rollback returns to, and what does not agree; no champion is said, too."""
    lines = block(previous="v1.9.0", previous_on_disk=True, differences=["alias champion is gone"])

    assert lines[3:] == [
        "  previous   v1.9.0   on disk",
        "             back to it: pincex rollback-model price-predictor",
        "  differs    alias champion is gone",
    ]
    assert block(champion=None) == ["price-predictor", "  champion   none"]


def test_a_model_lists_its_versions() -> None:
    """Each with its place in the registry, its manifest and its roles."""
    versions = [
        {"version": "v2.0.0", "number": 1, "validation_status": None, "manifest_sha256": "ab" * 32},
        {
            "version": "v2.3.0",
            "number": 2,
            "validation_status": "rejected",
            "manifest_sha256": None,
        },
        {"version": None, "number": 13, "validation_status": None, "manifest_sha256": None},
    ]

    assert model({**ENTRY, "versions": versions}, "local", "")[3:] == [
        "  v2.0.0     MLflow version 1   abababababab  champion",
        "  v2.3.0     MLflow version 2   no manifest  rejected",
        "  no release MLflow version 13  no manifest",
        "region local",
    ]


def test_no_line_is_wider_than_a_terminal() -> None:
    """80 columns, with a long name, ports of five digits, a shadow, and locks that are held."""
    addresses = {
        "endpoint": "http://127.0.0.1:30564",
        "prefect_url": "http://127.0.0.1:27760",
        "mlflow_url": "http://127.0.0.1:31267",
    }
    lock = {"holder": "promote-model price-predictor", "component": "price-predictor"}
    entry = {**ENTRY, **DEPLOYING, "previous": "v1.9.0-rc.1", "previous_on_disk": True}
    shown = site({**SITE, **addresses, "locks": [lock], "models": [entry]})

    assert max(map(len, shown)) <= 80, shown


V1, V2 = {"version": "v1.0.0", "digest": "1"}, {"version": "v2.0.0", "digest": "2"}
VERDICT = {
    "decision": "PROMOTE",
    "pairs": 5904,
    "reason": "proven",
    "evidence_digest": "3f9c0000aa",
}
EVENTS: dict[str, tuple[str, dict[str, Any], str]] = {
    "opened": (
        "rollout-opened",
        {"verb": "deploy-model", "stable": V1, "candidate": V2},
        "deploy-model v2.0.0 against v1.0.0",
    ),
    "first opened": (
        "rollout-opened",
        {"verb": "deploy-model", "stable": None, "candidate": V1},
        "deploy-model v1.0.0 against nothing",
    ),
    "verdict": (
        "verdict",
        VERDICT,
        "verdict PROMOTE after 5,904 pairs: proven (evidence 3f9c0000)",
    ),
    "served": (
        "served",
        {"from": V1, "to": V2, "verb": "promote-model", "override": None},
        "traffic v1.0.0 -> v2.0.0 by promote-model",
    ),
    "served by override": (
        "served",
        {"from": V1, "to": V2, "verb": "promote-model", "override": "the desk asked"},
        "traffic v1.0.0 -> v2.0.0 by promote-model, override: the desk asked",
    ),
    "rolled back": (
        "served",
        {"from": V2, "to": V1, "verb": "rollback-model", "override": "it is slow"},
        "traffic v2.0.0 -> v1.0.0 by rollback-model, because it is slow",
    ),
    "first served": (
        "served",
        {"from": None, "to": V1, "verb": "deploy-model", "override": None},
        "traffic nothing -> v1.0.0 by deploy-model",
    ),
    "route": (
        "traffic",
        {"weights": {"v1.0.0": 100}, "mirrored": None},
        "route v1.0.0 100 %",
    ),
    "route with copies": (
        "traffic",
        {"weights": {"v1.0.0": 90, "v2.0.0": 10}, "mirrored": "v2.0.0"},
        "route v1.0.0 90 %, v2.0.0 10 %, copies to v2.0.0",
    ),
    "closed": (
        "rollout-closed",
        {"ending": "EXPIRED", "reason": "too old"},
        "closed EXPIRED: too old",
    ),
    "phase": ("phase", {"phase": "PROMOTING", "override": None}, "phase PROMOTING"),
    "control": (
        "control-left",
        {"rollout": "r-1", "reason": "ended for promote-model"},
        "control ended for promote-model",
    ),
    "phase by override": (
        "phase",
        {"phase": "PROMOTING", "override": "the desk asked"},
        "phase PROMOTING, override: the desk asked",
    ),
    "aliases": (
        "aliases",
        {"aliases": {"champion": "v2.0.0", "previous": "v1.0.0"}},
        "aliases champion v2.0.0, previous v1.0.0",
    ),
    "no aliases": ("aliases", {"aliases": {}}, "aliases none"),
    "asked": (
        "approval-asked",
        {"until": AT, "evidence_digest": "3f9c0000aa", "override": None},
        f"asks for approval until {date_and_clock(datetime.fromisoformat(AT))} "
        "on evidence 3f9c0000",
    ),
    "approved": (
        "approved",
        {"how": "Prefect", "reason": "all gates", "evidence_digest": "3f9c0000aa"},
        "approved in Prefect on evidence 3f9c0000: all gates",
    ),
    "refused, by override": (
        "refused",
        {"how": "the terminal", "reason": "", "evidence_digest": None},
        "refused in the terminal without a verdict",
    ),
    "given up": (
        "approval-lapsed",
        {"reason": "nobody approved it within 60 min"},
        "not promoted: nobody approved it within 60 min",
    ),
    "another kind": ("message", {}, "message"),
}


@pytest.mark.parametrize(("kind", "data", "said"), EVENTS.values(), ids=EVENTS.keys())
def test_each_row_of_the_ledger_is_a_sentence(kind: str, data: dict[str, Any], said: str) -> None:
    """When, who, on which model, what; and in the end that the chain holds."""
    row = {"seq": 7, "at": AT, "actor": "ann", "component": "price", "kind": kind, "data": data}
    event, last = history([{**row, "hash": "abcdef0123456789"}], None)

    assert event.startswith("   7 2026-01-0")
    assert event.endswith(f") ann price: {said}")
    assert last == "1 rows, chain intact, head abcdef012345"


def test_an_empty_ledger_says_how_to_begin() -> None:
    """The first command is named."""
    assert history([], 80)[-1] == "next: pincex deploy-model NAME VERSION --first"


def test_a_control_is_told_by_its_false_alarms() -> None:
    """It has no verdict to wait for."""
    said = "1 false ROLLBACK in 3 windows of 30 min; the policy allows 0.15; mirror offset: +1 %"
    progress = {**PROGRESS, "control": said}
    mirror = {**MIRROR, "version": "v2.0.0-copy"}
    lines = block(**{**DEPLOYING, "challenger": "v2.0.0-copy", "progress": progress,
                     "mirror": mirror})  # fmt: skip
    assert "             control for 12 s: 1 false ROLLBACK in 3 windows of 30 min" in lines
