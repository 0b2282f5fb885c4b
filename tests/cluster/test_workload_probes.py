"""When a kubelet may end a container: never while it starts."""

import pytest

from cluster.kubernetes.workloads import STARTS_WITHIN, Workload, objects

LIVE = {"path": "/livez", "port": "http"}
OWN = {"tcpSocket": {"port": "http"}, "failureThreshold": 5}


def container(**described: object) -> dict[str, object]:
    """What becomes of a container with a path that answers as long as it works."""
    pod = {"containers": [described]}
    workload = Workload("shop:1", 8080, "/readyz", 1, live_path="/livez", pod=pod)
    _, deployment = objects("prices", "v1.0.0", workload, "shop")
    (made,) = deployment["spec"]["template"]["spec"]["containers"]
    found: dict[str, object] = made
    return found


def test_liveness_counts_once_it_has_answered() -> None:
    """A server may take ten minutes until it listens; the policy says how long is waited for."""
    made = container()

    assert made["livenessProbe"] == {"httpGet": LIVE, "periodSeconds": 10}
    start = {"httpGet": LIVE, "periodSeconds": 1, "failureThreshold": STARTS_WITHIN}
    assert made["startupProbe"] == start


def test_a_startup_probe_of_ones_own_stays() -> None:
    """Who knows how it starts says so in `pod`."""
    assert container(startupProbe=OWN)["startupProbe"] == OWN


@pytest.mark.parametrize("path", [None], ids=["no live path"])
def test_without_liveness_there_is_nothing_to_hold_back(path: None) -> None:
    """Readiness alone ends nobody."""
    workload = Workload("shop:1", 8080, "/readyz", 1, live_path=path)
    _, deployment = objects("prices", "v1.0.0", workload, "shop")
    (made,) = deployment["spec"]["template"]["spec"]["containers"]

    assert not {"livenessProbe", "startupProbe"} & set(made)
