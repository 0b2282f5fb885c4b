"""Real pods behind a real gateway: what it does with traffic and copies is counted, not read."""

import http.client
import json
import time
from collections.abc import Iterator

import pytest
from kube_clients import Clients, ask
from kube_cluster import Cluster
from kube_gateway import GATEWAY, GATEWAYS, PORT
from kube_real import RealNode, inside
from kube_shop import Shop, real

from cluster.kubernetes.kinds import POD
from cluster.kubernetes.names import VERSION
from cluster.kubernetes.traffic import Gateway, Traffic
from cluster.kubernetes.workloads import Workloads
from cluster.route import Mirror, Route

pytestmark = pytest.mark.gateway

PATH = "/models/price/predict"
RATE = 300.0


@pytest.fixture(scope="module")
def shop(gateway: RealNode) -> Iterator[Shop]:
    """A namespace of its own behind the gateway, inside its network: two versions are ready."""
    with inside(gateway.namespace):
        cluster = Cluster(gateway.plane)
        made = Shop(cluster, cluster.namespace())
        made.traffic = Traffic(made.api, Gateway(GATEWAY, GATEWAYS))
        made.workloads = Workloads(made.api, made.traffic)
        for version in ("v1.0.0", "v2.0.0"):
            made.up(version, real(version), within=90)
        yield made
        cluster.kubectl("delete", "namespace", made.name, "--wait=false")


@pytest.fixture
def serving(shop: Shop) -> Shop:
    """v1.0.0 serves, and v2.0.0 gets nothing."""
    shop.traffic.set_route("price", Route({"v1.0.0": 100}), shop.lease)
    obeyed("v1.0.0")
    return shop


def obeyed(version: str, within: float = 30.0) -> float:
    """Wait until twenty answers in a row come from a version; the seconds it took."""
    begun, row = time.monotonic(), 0
    while row < 20:
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=5)
        answered, _ = ask(connection, PATH)
        connection.close()
        row = row + 1 if answered == version else 0
        assert time.monotonic() - begun < within, "the gateway does not obey"
    return time.monotonic() - begun


def arrived(shop: Shop, version: str) -> int:
    """How many requests the pods of a version counted: this gateway marks no copy as one."""
    found = 0
    for pod in shop.api.list(POD, {VERSION: version}):
        connection = http.client.HTTPConnection(pod["status"]["podIP"], 8080, timeout=5)
        connection.request("GET", "/counts")
        found += json.loads(connection.getresponse().read())["asked"]
        connection.close()
    return found


@pytest.mark.parametrize("share", [10, 50, 100])
def test_the_gateway_obeys_weights(serving: Shop, share: int) -> None:
    """Of a thousand and more requests the share at the candidate is that asked for, 0 fail."""
    route = Route({"v1.0.0": 100 - share, "v2.0.0": share})
    serving.traffic.set_route("price", route, serving.lease)
    time.sleep(0.5)

    with Clients(PORT, PATH, RATE, fresh=False) as clients:
        time.sleep(4)

    assert not clients.failed
    seen = clients.answers["v2.0.0"] / clients.asked
    assert seen == pytest.approx(share / 100, abs=0.05)


@pytest.mark.parametrize("fraction", [1.0, 0.25])
def test_the_gateway_obeys_the_share_of_copies(serving: Shop, fraction: float) -> None:
    """Copies are counted where they arrive; without the mirror none comes any more."""
    mirror = Mirror("v2.0.0", fraction, "r-1")
    serving.traffic.set_route("price", Route({"v1.0.0": 100}, mirror), serving.lease)
    time.sleep(0.5)
    before = arrived(serving, "v2.0.0")

    with Clients(PORT, PATH, RATE, fresh=False) as clients:
        time.sleep(4)

    assert not clients.failed
    assert set(clients.answers) == {"v1.0.0"}
    seen = (arrived(serving, "v2.0.0") - before) / clients.asked
    assert seen == pytest.approx(fraction, abs=0.06)

    serving.traffic.set_route("price", Route({"v1.0.0": 100}), serving.lease)
    time.sleep(0.5)
    before = arrived(serving, "v2.0.0")
    with Clients(PORT, PATH, RATE, fresh=False):
        time.sleep(1)
    assert arrived(serving, "v2.0.0") == before


@pytest.mark.parametrize("fresh", [False, True], ids=["keep-alive", "a connection each"])
def test_a_whole_rollout_loses_no_request(serving: Shop, fresh: bool) -> None:
    """Up, shadow, shares, switch, old one down, and everything back again: 0 failed."""
    shadow = Route({"v1.0.0": 100}, Mirror("v2.0.0", 0.5, "r-1"))
    shares = [Route({"v1.0.0": 100 - s, "v2.0.0": s}) for s in (10, 50)]
    with Clients(PORT, PATH, RATE, fresh=fresh) as clients:
        for route in (shadow, *shares, Route({"v2.0.0": 100})):
            serving.traffic.set_route("price", route, serving.lease)
            time.sleep(1)
        obeyed("v2.0.0")
        serving.down("v1.0.0")
        serving.up("v1.0.0", real("v1.0.0"), within=90)
        serving.traffic.set_route("price", Route({"v1.0.0": 100}), serving.lease)
        took = obeyed("v1.0.0")

    assert clients.asked > 2_000
    assert not clients.failed
    assert took < 5
