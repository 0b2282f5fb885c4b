"""Real pods: what becomes of them is told, and shares by their number lose no request."""

import http.client
import time
from dataclasses import replace

import pytest
from kube_clients import Clients, ask
from kube_shop import Shop, real

from cluster.errors import NotReady
from cluster.kubernetes.kinds import SERVICE
from cluster.kubernetes.split import Split
from cluster.route import Route

pytestmark = pytest.mark.kubernetes

RATE = 200.0
TWO = 2
DRAIN = 3


@pytest.mark.parametrize(
    ("fate", "words", "within"),
    [
        ("crash", "ends again and again .* with exit code 3", 90),
        ("never-ready", "readiness probe does not succeed", 8),
    ],
)
def test_what_becomes_of_real_pods_is_told_as_of_fake_ones(
    real_shop: Shop, fate: str, words: str, within: float
) -> None:
    """The words that fake nodes earn hold for a kubelet, too."""
    with pytest.raises(NotReady, match=words):
        real_shop.up("v3.0.0", real("v3.0.0", fate, replicas=1), within=within)


def test_an_image_that_nobody_has_is_told(real_shop: Shop) -> None:
    """There is no registry: the kubelet's own words about the pull are in ours."""
    lost = replace(real("v3.0.0", replicas=1), image="pincex.test/nothing:1")

    with pytest.raises(NotReady, match=r"image pincex.test/nothing:1 cannot be had \((ErrIm|Imag)"):
        real_shop.up("v3.0.0", lost, within=90)


def until_answered(address: str) -> None:
    """A new Service takes a moment to be known to the node; nobody was served before."""
    deadline = time.monotonic() + 30
    while ask(http.client.HTTPConnection(address, 80, timeout=10), "/predict")[1]:
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.parametrize("fresh", [False, True], ids=["keep-alive", "a connection each"])
def test_a_rollout_by_replicas_loses_no_request(real_shop: Shop, fresh: bool) -> None:
    """Half, all and all the way back under load on the Service: every request is answered."""
    shop = real_shop
    split = Split(shop.api, shop.workloads)
    shop.up("v1.0.0", real("v1.0.0", drain=DRAIN), within=90)
    split.set_route("price", Route({"v1.0.0": 100}), TWO, 90, shop.lease)
    address = shop.api.get(SERVICE, "price")["spec"]["clusterIP"]
    until_answered(address)
    # Whoever keeps a connection is sent on only when its pod ends, and then to either version: of
    # few clients none may come to the new one.
    many = 32
    with Clients(80, "/predict", RATE, fresh=fresh, host=address, threads=many) as clients:
        shop.up("v2.0.0", real("v2.0.0", replicas=1), within=90)
        for share in (50, 100, 0):
            route = Route({"v1.0.0": 100 - share, "v2.0.0": share})
            told = split.set_route("price", route, TWO, 90, shop.lease)
            assert told.weights == {v: w for v, w in route.weights.items() if w}
            # A pod serves on for its drain time: before that nobody is sent on.
            time.sleep(DRAIN + 2)

    assert not clients.failed
    assert clients.asked > 1_000
    assert set(clients.answers) == {"v1.0.0", "v2.0.0"}
