"""Versions brought up, found wanting and taken down, on a real API server with fake nodes."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from kube_cluster import Cluster
from kube_shop import FINE, Shop, fated

from cluster.errors import LostLock, NotReady, Owned, Refused
from cluster.kubernetes.kinds import DEPLOYMENT
from cluster.kubernetes.lock import Lock
from cluster.kubernetes.trail import Trail
from cluster.lock import Lease
from cluster.route import Route

pytestmark = pytest.mark.kubernetes


@pytest.fixture
def shop(fake_cluster: Cluster) -> Shop:
    """An empty namespace."""
    return Shop(fake_cluster, fake_cluster.namespace())


def test_a_version_comes_up_and_is_sent_requests(shop: Shop) -> None:
    """When `bring_up` returns, the Service has an endpoint for each replica; again is no change."""
    shop.up("v1.0.0")
    found = shop.api.get(DEPLOYMENT, "price-v1-0-0")

    assert len(shop.traffic.ready_pods("price", "v1.0.0")) == 2
    assert shop.workloads.versions_up("price") == shop.traffic.deployed("price") == ["v1.0.0"]
    assert shop.workloads.trouble("price", "v1.0.0") is None

    shop.up("v1.0.0")

    again = shop.api.get(DEPLOYMENT, "price-v1-0-0")
    assert again["metadata"]["generation"] == found["metadata"]["generation"]


def test_what_loses_requests_is_not_how_pods_run(shop: Shop) -> None:
    """No pod goes before another serves, and each serves on after its end was asked for."""
    shop.up("v1.0.0")
    spec = shop.api.get(DEPLOYMENT, "price-v1-0-0")["spec"]
    (container,) = spec["template"]["spec"]["containers"]

    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert container["lifecycle"]["preStop"] == {"sleep": {"seconds": 1}}
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert "startupProbe" not in container
    assert spec["template"]["spec"]["terminationGracePeriodSeconds"] == 5


@pytest.mark.parametrize(
    ("fate", "words"),
    [
        ("crashloop", "ends again and again"),
        ("oom", "ran out of memory and was killed"),
        ("image-missing", "the image shop/price:1 cannot be had (ImagePullBackOff)"),
        ("no-config", 'secret "db-credentials" not found'),
    ],
)
def test_what_waiting_cannot_cure_is_found_in_seconds(shop: Shop, fate: str, words: str) -> None:
    """Nobody waits ten minutes for a progress deadline: the pods' own state says why."""
    begun = time.monotonic()
    with pytest.raises(NotReady, match=r"price v2\.0\.0 cannot serve") as raised:
        shop.up("v2.0.0", fated(fate), within=300)

    assert words in str(raised.value)
    assert time.monotonic() - begun < 20
    assert "kubectl logs" in raised.value.hint


def test_a_pod_that_never_becomes_ready_is_given_its_time(shop: Shop) -> None:
    """It may be slow only: the whole time passes, then the words say that it runs."""
    begun = time.monotonic()
    with pytest.raises(NotReady, match=r"not ready in 4 s; .* readiness probe does not succeed"):
        shop.up("v2.0.0", fated("never-ready"), within=4)

    assert time.monotonic() - begun >= 4


def test_pods_that_a_quota_does_not_admit_are_told(shop: Shop) -> None:
    """The reason stands in the Deployment, not in any pod, because there is none."""
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "small"},
        "spec": {"hard": {"pods": "1"}},
    }
    shop.cluster.kubectl("-n", shop.name, "apply", "-f", "-", given=quota)

    with pytest.raises(NotReady, match=r"not admitted: .*exceeded quota: small"):
        shop.up("v1.0.0", within=30)


def test_a_deployment_deleted_while_it_comes_up_is_named(shop: Shop) -> None:
    """Somebody else's kubectl is an answer within a reading, not a timeout."""
    remove = ("-n", shop.name, "delete", "deployment", "price-v2-0-0", "--wait=false")
    threading.Timer(2, shop.cluster.kubectl, remove).start()

    with pytest.raises(NotReady, match="its Deployment is gone; somebody deleted it"):
        shop.up("v2.0.0", fated("never-ready"), within=60)


def test_a_version_is_taken_down_whole(shop: Shop) -> None:
    """Deployment, pods and Service are gone, and asking again is no error."""
    shop.up("v1.0.0")

    shop.down("v1.0.0")
    shop.down("v1.0.0")

    assert shop.workloads.versions_up("price") == shop.traffic.deployed("price") == []
    assert shop.cluster.kubectl("-n", shop.name, "get", "pods,services", "-o", "name") == ""


def test_a_pod_that_nobody_ends_is_left_behind_unless_it_acts_alone(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a node that went silent: it may act still, which harms where two must never act."""
    monkeypatch.setattr("cluster.kubernetes.pods.OVERDUE", timedelta(seconds=2))
    shop.up("v1.0.0")
    pods = ("get", "pods", "-o", "name")
    stuck, _ = shop.cluster.kubectl("-n", shop.name, *pods).split()
    kept = '{"metadata": {"finalizers": ["pincex.test/kept"]}}'
    shop.cluster.kubectl("-n", shop.name, "patch", stuck, "--type=merge", "-p", kept)

    with pytest.raises(NotReady, match=r"1 pods of price v1.0.0 did not end in 15 s"):
        shop.down("v1.0.0", within=15, alone=True)
    assert shop.down("v1.0.0") == [stuck.removeprefix("pod/")]
    assert shop.traffic.deployed("price") == []
    freed = '{"metadata": {"finalizers": null}}'
    shop.cluster.kubectl("-n", shop.name, "patch", stuck, "--type=merge", "-p", freed)


def test_what_serves_is_not_taken_down(shop: Shop) -> None:
    """Refused while the route names the version, and its pods go on serving."""
    shop.up("v1.0.0")
    shop.traffic.set_route("price", Route({"v1.0.0": 100}), shop.lease)

    with pytest.raises(Refused, match=r"v1.0.0 gets 100 % of the traffic"):
        shop.down("v1.0.0")

    assert len(shop.traffic.ready_pods("price", "v1.0.0")) == 2


@pytest.mark.parametrize("act", [Shop.up, Shop.down], ids=["up", "down"])
def test_whoever_lost_the_lock_changes_nothing(
    shop: Shop, act: Callable[[Shop, str], None]
) -> None:
    """A stale process finds out before it writes, and the workload is as it was."""
    shop.up("v1.0.0")
    before = shop.api.get(DEPLOYMENT, "price-v1-0-0")["metadata"]
    Lock(shop.api).preempt("price", "eu", "rollback by bob", 600)

    with pytest.raises(LostLock, match="from deploy by ann by rollback by bob"):
        act(shop, "v1.0.0")

    after = shop.api.get(DEPLOYMENT, "price-v1-0-0")["metadata"]
    assert after["uid"] == before["uid"]
    assert after["generation"] == before["generation"]


def test_an_object_of_a_newer_lease_is_left_alone(shop: Shop) -> None:
    """The token in the object fences where the lease itself could not be asked in time."""
    shop.up("v1.0.0")
    newer = Lock(shop.api).preempt("price", "eu", "rollback by bob", 600)
    shop.workloads.bring_up("price", "v1.0.0", replace(FINE, replicas=3), 60, newer)
    stale = Unasked(shop.lease)

    with pytest.raises(LostLock, match="newer lease than that of deploy by ann"):
        shop.workloads.bring_up("price", "v1.0.0", FINE, 60, stale)

    assert shop.api.get(DEPLOYMENT, "price-v1-0-0")["spec"]["replicas"] == 3


class Unasked(Lease):
    """A lease whose holder asked just before it was taken from it."""

    def __init__(self, lost: Lease) -> None:
        super().__init__(lost.lock, lost.component, lost.region, lost.holder, lost.token, lost.ttl)

    def check(self) -> None:
        """It was still the newest when it was asked."""


def test_a_field_that_somebody_else_manages_is_not_taken(shop: Shop) -> None:
    """An autoscaler or a person who owns the replicas is named, and keeps them."""
    shop.up("v1.0.0")
    given = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "price-v1-0-0"},
        "spec": {"replicas": 4},
    }
    told = ("apply", "-f", "-", "--server-side", "--force-conflicts", "--field-manager=scaler")
    shop.cluster.kubectl("-n", shop.name, *told, given=given)

    with pytest.raises(Owned, match=r"spec.replicas of Deployment price-v1-0-0 .* by scaler"):
        shop.up("v1.0.0")

    assert shop.api.get(DEPLOYMENT, "price-v1-0-0")["spec"]["replicas"] == 4


def test_two_versions_of_one_name_are_refused(shop: Shop) -> None:
    """v1.0.0 and v1-0-0 would share a Service: the second is refused, the first is not touched."""
    shop.up("v1.0.0")

    with pytest.raises(Refused, match=r"would be called price-v1-0-0, which is v1.0.0"):
        shop.up("v1-0-0")


def test_the_trail_stands_beside_its_object(shop: Shop) -> None:
    """What we did and why is among the object's own events."""
    shop.up("v1.0.0")

    name = "price-v1-0-0"
    Trail(shop.api).say(DEPLOYMENT, name, "RolledBack", "p95 over 100 ms", warning=True).join()

    told = shop.cluster.kubectl("-n", shop.name, "describe", "deployment", "price-v1-0-0")
    assert "RolledBack" in told
    assert "p95 over 100 ms" in told
