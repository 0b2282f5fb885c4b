"""A rollout without a Gateway: shares by replicas, on a real API server with fake nodes."""

from dataclasses import replace

import pytest
from kube_cluster import Cluster
from kube_shop import FINE, Shop, fated

from cluster.errors import LostLock, NotReady, Owned, Refused
from cluster.kubernetes.kinds import DEPLOYMENT, POD, SERVICE
from cluster.kubernetes.lock import Lock
from cluster.kubernetes.names import VERSION
from cluster.kubernetes.pods import is_ready
from cluster.kubernetes.split import Split
from cluster.route import Mirror, Route

pytestmark = pytest.mark.kubernetes

TEN = 10


@pytest.fixture
def shop(fake_cluster: Cluster) -> Shop:
    """v1.0.0 with ten pods behind one Service."""
    made = Shop(fake_cluster, fake_cluster.namespace())
    made.up("v1.0.0", replace(FINE, replicas=TEN))
    return made


@pytest.fixture
def split(shop: Shop) -> Split:
    """The ten pods of the component get its requests."""
    made = Split(shop.api, shop.workloads)
    made.set_route("price", Route({"v1.0.0": 100}), TEN, 60, shop.lease)
    return made


def asked(shop: Shop) -> dict[str, int]:
    """How many ready pods of each version the component's Service chooses."""
    chosen = shop.api.get(SERVICE, "price")["spec"]["selector"]
    counts: dict[str, int] = {}
    for pod in shop.api.list(POD, chosen):
        if is_ready(pod):
            version = pod["metadata"]["labels"][VERSION]
            counts[version] = counts.get(version, 0) + 1
    return counts


def test_a_rollout_goes_by_tenths_and_back(shop: Shop, split: Split) -> None:
    """10, 50, 100 % and all the way back: the pods that are asked are those shares at each step."""
    shop.up("v2.0.0", replace(FINE, replicas=TEN))
    assert asked(shop) == {"v1.0.0": TEN}

    for share in (10, 50, 100, 0):
        wanted = Route({"v1.0.0": 100 - share, "v2.0.0": share})
        told = split.set_route("price", wanted, TEN, 60, shop.lease)
        shares = {v: w for v, w in wanted.weights.items() if w}
        assert told.weights == split.route("price").weights == shares
        assert asked(shop) == {version: part // 10 for version, part in shares.items()}


def test_a_version_kept_to_return_to_gets_no_share(shop: Shop, split: Split) -> None:
    """The Service of a share chooses all pods of a component: a third version has none then."""
    for version in ("v2.0.0", "v3.0.0"):
        shop.up(version, replace(FINE, replicas=TEN))
    split.set_route("price", Route({"v2.0.0": 100}), TEN, 60, shop.lease)
    split.set_route("price", Route({"v2.0.0": 50, "v3.0.0": 50}), TEN, 60, shop.lease)

    assert asked(shop) == {"v2.0.0": 5, "v3.0.0": 5}


def test_who_scales_a_share_is_told(shop: Shop, split: Split) -> None:
    """The pods are the shares: with another number of them the route is not what it says."""
    shop.up("v2.0.0", replace(FINE, replicas=5))
    split.set_route("price", Route({"v1.0.0": 50, "v2.0.0": 50}), TEN, 60, shop.lease)
    scale = ("scale", "deployment", "price-v2-0-0", "--replicas=7")
    shop.cluster.kubectl("-n", shop.name, *scale)

    with pytest.raises(Owned, match=r"kubectl changed spec\.replicas of price-v2-0-0, from 5 to 7"):
        split.route("price")


def test_pods_that_do_not_serve_take_nothing_from_those_that_do(shop: Shop, split: Split) -> None:
    """The candidate crashes: told in words, and all ten pods of what serves are still there."""
    with pytest.raises(NotReady):
        shop.up("v2.0.0", replace(fated("crashloop"), replicas=1))

    with pytest.raises(NotReady, match=r"v2.0.0 has not its 5 pods.*ends again and again"):
        split.set_route("price", Route({"v1.0.0": 50, "v2.0.0": 50}), TEN, 60, shop.lease)

    assert split.route("price") == Route({"v1.0.0": 100})


def test_copies_are_refused(shop: Shop, split: Split) -> None:
    """A shadow needs something that copies requests."""
    with pytest.raises(Refused, match="price has no Gateway"):
        split.set_route(
            "price", Route({"v1.0.0": 100}, Mirror("v1.0.0", 1, "r")), TEN, 60, shop.lease
        )


def test_whoever_lost_the_lock_scales_nothing(shop: Shop, split: Split) -> None:
    """The number of pods stays what the newer lease made it."""
    shop.up("v2.0.0", replace(FINE, replicas=1))
    Lock(shop.api).preempt("price", "eu", "rollback by bob", 600)

    with pytest.raises(LostLock, match="by rollback by bob"):
        split.set_route("price", Route({"v2.0.0": 100}), TEN, 60, shop.lease)

    assert shop.api.get(DEPLOYMENT, "price-v1-0-0")["spec"]["replicas"] == TEN
    assert shop.api.get(DEPLOYMENT, "price-v2-0-0")["spec"]["replicas"] == 1
