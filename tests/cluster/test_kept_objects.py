"""What a restore of a namespace waits for, by the objects alone: after a kill, too."""

from typing import Any

import pytest

from cluster.kubernetes.kept_objects import asked, ended
from cluster.kubernetes.names import COMPONENT, VERSION

MARKS = {COMPONENT: "price", VERSION: "v2.0.0"}


def thing(spec: dict[str, Any], **labels: str) -> dict[str, Any]:
    """An object as a backup holds it."""
    return {"metadata": {"labels": labels}, "spec": spec}


DEPLOYMENT = thing({"selector": {"matchLabels": MARKS}}, **MARKS)
SERVICE = thing({"selector": MARKS}, **MARKS)
OVER_ALL = thing({"selector": {COMPONENT: "price"}}, **{COMPONENT: "price"})
FLAGS = {"metadata": {"labels": {COMPONENT: "price"}}, "data": {}}
BOTH = {"Deployment price-v2-0-0": DEPLOYMENT, "Service price-v2-0-0": SERVICE}


@pytest.mark.parametrize(
    ("present", "waited_for"),
    [
        pytest.param(BOTH, [MARKS], id="of a Deployment that goes now"),
        pytest.param(
            {"Service price-v2-0-0": SERVICE}, [MARKS], id="of one that a killed restore removed"
        ),
        pytest.param(
            {"Service price": OVER_ALL, "ConfigMap flags": FLAGS},
            [],
            id="of no version: other pods may serve behind it",
        ),
    ],
)
def test_a_service_goes_when_the_pods_behind_it_have(
    present: dict[str, Any], waited_for: list[dict[str, str]]
) -> None:
    """A proxy that is late still finds them."""
    assert ended([*present], present) == waited_for


def test_a_service_whose_deployment_stays_is_not_waited_for() -> None:
    """Its pods do not end."""
    assert ended(["Service price-v2-0-0"], BOTH) == []


def test_a_route_waits_for_what_it_gives_requests_to() -> None:
    """Not for what has none of them, nor for what the backup does not hold."""
    shares = {"price-v1-0-0": 0, "price-v2-0-0": 100, "price-v3-0-0": 5}
    refs = [{"name": name, "weight": weight} for name, weight in shares.items()]
    route = thing({"rules": [{"backendRefs": refs}, {}]}, **{COMPONENT: "price"})
    wanted = {**BOTH, "Deployment price-v1-0-0": DEPLOYMENT, "HTTPRoute price": route}

    assert asked(["HTTPRoute price", "Service price-v2-0-0"], wanted) == {"price-v2-0-0"}
    assert asked(["Service price-v2-0-0"], wanted) == set()
