"""In which order the components of a release are rolled out."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from rollout.history import OPENED
from rollout.release import JUDGED, fold_parts

REVISION = {"version": "v1.0.0", "digest": "0" * 64}


@dataclass(frozen=True)
class Row:
    """A row of the ledger, as JSON with sorted keys gives it back."""

    kind: str
    data: dict[str, Any]
    at: datetime = datetime(2026, 11, 29, tzinfo=UTC)
    actor: str = "ann"
    component: str = "shop"
    region: str = "local"


def opened(application: str, *names: str) -> Row:
    """A rollout begins that leads all of these to one revision."""
    data = {
        "candidate": REVISION,
        "application": application,
        "targets": dict.fromkeys(names, REVISION),
    }
    return Row(OPENED, json.loads(json.dumps(data, sort_keys=True)))


def described(**needed: list[str]) -> str:
    """An application whose components need each other."""
    parts = [
        f'[component.{name}]\nimage = "{name}:1"\ndependencies = {json.dumps(others)}\n'
        for name, others in needed.items()
    ]
    return '[application]\nname = "shop"\n' + "".join(parts)


@pytest.mark.parametrize(
    ("application", "wanted"),
    [
        pytest.param(described(a=["b"], b=["c"], c=[]), ["c", "b", "a"], id="against the alphabet"),
        pytest.param(described(z=[], a=[]), ["z", "a"], id="as written, where nothing is needed"),
        pytest.param(described(z=[]), ["z", "a"], id="a target that is described no more, last"),
    ],
)
def test_each_component_comes_after_those_it_depends_on(
    application: str, wanted: list[str]
) -> None:
    """The ledger keeps no order of names, so the description decides it again."""
    assert list(fold_parts([opened(application, *wanted)]).targets) == wanted


@pytest.mark.parametrize("decision", ["PROMOTE", "ROLLBACK"])
def test_what_the_last_step_came_to_is_known_until_the_next_rollout_begins(decision: str) -> None:
    """Of each component by itself."""
    begun = opened(described(a=[], b=[]), "a", "b")
    share = {"share": 5, "began_at": "2026-11-29T00:00:00+00:00", "past_p95_ms": 4.0}
    rows = [
        begun,
        *(Row("traffic", {"component": name, **share}) for name in ("a", "b")),
        Row(JUDGED, {"component": "a", "decision": "PROMOTE", "reason": "fine at 5 %"}),
        Row(JUDGED, {"component": "a", "decision": decision, "reason": "at 25 %"}),
    ]
    told = {name: fold_parts(rows).part(name).judged for name in ("a", "b")}

    assert told == {"a": "at 25 %", "b": None}
    assert fold_parts([*rows, begun]).part("a").judged is None
