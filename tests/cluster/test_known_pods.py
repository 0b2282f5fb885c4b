"""A Service whose pods changed is waited for both ways: until it knows them, and no others."""

import time

import pytest
from scripted_api import Told, serving

from cluster.errors import NotReady
from cluster.kubernetes.api import Api
from cluster.kubernetes.endpoints import wait_known

CHOOSES = Told(200, {"spec": {"selector": {"component": "prices"}}})


def pods(*names: str, unready: str = "") -> Told:
    """The pods that the Service chooses."""
    states = dict.fromkeys(names, "True") | ({unready: "False"} if unready else {})
    return Told(200, {
        "items": [
            {"metadata": {"name": name},
             "status": {"conditions": [{"type": "Ready", "status": state}]}}
            for name, state in states.items()
        ]
    })  # fmt: skip


def listed(*names: str) -> Told:
    """The pods that get its requests."""
    told = [{"conditions": {"ready": True}, "targetRef": {"name": name}} for name in names]
    return Told(200, {"items": [{"endpoints": told}]})


@pytest.mark.parametrize(
    ("chosen", "then"),
    [
        (pods("new-1"), [listed("new-1", "old-1"), listed("new-1")]),
        (pods("new-1", "old-1"), [listed("old-1"), listed("new-1", "old-1")]),
        (pods("new-1"), [listed("old-1"), listed(), listed("new-1")]),
        (pods("new-1", unready="new-2"), [listed("new-1", "new-2")]),
    ],
    ids=["it narrows", "it widens", "it is handed over", "a pod has just lost its readiness"],
)
def test_it_is_waited_for_until_what_gets_requests_is_what_shall(
    chosen: Told, then: list[Told]
) -> None:
    """As often as it is not so, it is looked at again."""
    answers = [one for seen in then for one in (CHOOSES, chosen, seen)]
    with serving(*answers) as (access, script):
        wait_known(Api(access), "prices", 30)

    assert len(script.asked) == len(answers)


@pytest.mark.parametrize(
    "seen", [listed("new-1", "old-1"), listed()], ids=["one too many", "none yet"]
)
def test_what_does_not_come_true_in_time_is_not_ready(seen: Told) -> None:
    """Ending the old pods now would cost requests: nobody goes on from here."""
    begun = time.monotonic()
    with (
        serving(CHOOSES, pods("new-1"), seen, CHOOSES, pods("new-1"), seen) as (access, _),
        pytest.raises(NotReady, match="does not know its pods, or others still, after 0 s"),
    ):
        wait_known(Api(access), "prices", 0)
    assert time.monotonic() - begun < 15
