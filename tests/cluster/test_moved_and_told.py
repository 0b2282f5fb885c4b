"""Traffic that was moved is told by an Event, which nobody waits for: least of all an undo."""

import logging
import threading
import time
from pathlib import Path

import pytest
from scripted_api import Told, serving, status

from cluster.kubernetes.api import Api
from cluster.kubernetes.names import COMPONENT, VERSION
from cluster.kubernetes.services import ClusterServices
from cluster.kubernetes.traffic import Gateway
from cluster.lock import Lock
from cluster.route import Route
from rollout.application import parse_application

(PRICES,) = parse_application(
    '[application]\nname = "shop"\n[component.prices]\nimage = "prices:{version}"\n'
    'paths = ["/prices"]\nruns = "many"\n'
).services
NAME = "prices-v1-0-0"
LABELS = {COMPONENT: "prices", VERSION: "v1.0.0"}
SERVICES = {"items": [{"metadata": {"name": NAME, "labels": LABELS}}]}
READY = {"conditions": {"ready": True}, "targetRef": {"name": f"{NAME}-0"}}
PODS = {"items": [{"endpoints": [READY]}]}
NOTHING = status(404, "NotFound", "httproutes prices not found")
FAILED = status(500, "InternalError", "etcdserver: request timed out")
WAIT, SLOW = 3.5, 4.0


@pytest.mark.parametrize(
    "answer",
    [Told(500, FAILED), Told(500, FAILED, delay=SLOW), Told(403, status(403, "Forbidden", "no"))],
    ids=["an API server that fails", "one that is slow and fails", "one that does not allow it"],
)
def test_an_undo_is_neither_delayed_nor_failed_by_its_event(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, answer: Told
) -> None:
    """The traffic is moved and read back; that nothing tells of it is logged, later."""
    lease = Lock(tmp_path / "ledger.db").acquire("shop", "eu", "rollback by ann", 60)
    weights = {"name": NAME, "weight": 100}
    spec = {"rules": [{"backendRefs": [weights], "matches": [{"path": {"value": "/prices"}}]}]}
    route = Route({"v1.0.0": 100})
    written = {"metadata": {"name": "prices", "resourceVersion": "7"}, "spec": spec}
    before = [Told(200, SERVICES), Told(200, PODS), Told(404, NOTHING)]
    after = [Told(200, written), Told(200, written), Told(200, SERVICES)]
    with serving(*before, *after, answer) as (access, script):
        services = ClusterServices(Api(access, patience=0), Gateway("gw", "shop"))
        begun = time.monotonic()

        services.set_route(PRICES, route, 10, lease, forced=True)

        assert time.monotonic() - begun < WAIT
        with caplog.at_level(logging.WARNING, "trail"):
            for thread in threading.enumerate():
                if thread.name == "event TrafficRolledBack":
                    thread.join()
    assert [asked[0] for asked in script.asked] == [
        "GET",
        "GET",
        "GET",
        "PATCH",
        "GET",
        "GET",
        "GET",
    ]
    assert "no event TrafficRolledBack about prices" in caplog.text
