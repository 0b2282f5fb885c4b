"""What every site promises about versions and traffic: servers behind Envoy, pods in a cluster."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from cluster.errors import ClusterError, LostLock, NotFound, Refused
from cluster.kubernetes.lock import Lock as ClusterLock
from cluster.lock import Lease, Lock
from cluster.route import Mirror, Route


class Platform(Protocol):
    """The component `price` on a site, whose lease is `lease`."""

    lease: Lease

    def up(self, version: str) -> None:
        """Run two instances of a version and wait until both can be routed to."""

    def up_broken(self, version: str) -> None:
        """Try to run a version that ends again and again."""

    def down(self, version: str) -> None:
        """Take a version down."""

    def route(self, route: Route) -> Route:
        """Set the route under the lease."""

    def read(self, component: str = "price") -> Route:
        """The route of a component as the platform has it."""

    def ready(self, version: str) -> int:
        """How many instances would be sent a request now."""

    def versions(self) -> list[str]:
        """The versions that are up."""

    def preempted(self) -> Lease:
        """A lease that somebody else took by force."""


class Local:
    """Processes behind Envoy."""

    def __init__(self, directory: Path) -> None:
        from local_parts import LocalSite

        from cluster.local.home import Home

        home = Home(directory)
        home.create()
        self.site = LocalSite(home)
        self.lease = self.preempted()

    def up(self, version: str) -> None:
        self.site.serve(version, count=2)

    def up_broken(self, version: str) -> None:
        from cluster.local.instances import Instance, start_instances

        dying = Instance((sys.executable, "-c", "raise SystemExit('no model file')"), cwd="/")
        start_instances(self.site.home, "price", version, [dying], 10, lease_check=self.lease.check)

    def down(self, version: str) -> None:
        from cluster.local.instances import stop_instances

        stop_instances(self.site.home, "price", version, 10)

    def route(self, route: Route) -> Route:
        return self.site.traffic.set_route("price", route, lease_check=self.lease.check)

    def read(self, component: str = "price") -> Route:
        return self.site.traffic.route(component)

    def ready(self, version: str) -> int:
        return len(self.site.traffic.ready_hosts("price", version))

    def versions(self) -> list[str]:
        from cluster.local.instances import versions_up

        return versions_up(self.site.home, "price")

    def preempted(self) -> Lease:
        return Lock(self.site.home.ledger).preempt("price", "eu", "rollback by bob", 600)


class Pods:
    """Deployments in a cluster with fake nodes."""

    def __init__(self, cluster: object) -> None:
        from kube_cluster import Cluster
        from kube_shop import Shop

        assert isinstance(cluster, Cluster)
        self.shop = Shop(cluster, cluster.namespace())

    @property
    def lease(self) -> Lease:
        return self.shop.lease

    @lease.setter
    def lease(self, lease: Lease) -> None:
        self.shop.lease = lease

    def up(self, version: str) -> None:
        self.shop.up(version)

    def up_broken(self, version: str) -> None:
        from kube_shop import fated

        self.shop.up(version, fated("crashloop"))

    def down(self, version: str) -> None:
        self.shop.down(version)

    def route(self, route: Route) -> Route:
        return self.shop.traffic.set_route("price", route, self.shop.lease)

    def read(self, component: str = "price") -> Route:
        return self.shop.traffic.route(component)

    def ready(self, version: str) -> int:
        return len(self.shop.traffic.ready_pods("price", version))

    def versions(self) -> list[str]:
        return self.shop.workloads.versions_up("price")

    def preempted(self) -> Lease:
        return ClusterLock(self.shop.api).preempt("price", "eu", "rollback by bob", 600)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("local", marks=pytest.mark.site),
        pytest.param("pods", marks=pytest.mark.kubernetes),
    ],
)
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Platform]:
    """A site in which v1.0.0 and v2.0.0 are up."""
    made: Platform
    if request.param == "pods":
        made = Pods(request.getfixturevalue("fake_cluster"))
        _both(made)
        yield made
        return
    local = Local(tmp_path_factory.mktemp("contract") / "site")
    from cluster.local.down import down

    try:
        _both(local)
        yield local
    finally:
        down(local.site.home)


def _both(platform: Platform) -> None:
    for version in ("v1.0.0", "v2.0.0"):
        platform.up(version)


@pytest.fixture
def platform(running: Platform) -> Platform:
    """The same, v1.0.0 serving, and the lease ours whatever a test before did."""
    running.lease = running.preempted()
    running.route(Route({"v1.0.0": 100}))
    return running


def test_what_is_up_is_ready_and_listed(platform: Platform) -> None:
    """When `up` returns, both instances would be sent a request; again changes nothing."""
    platform.up("v2.0.0")

    assert platform.versions() == ["v1.0.0", "v2.0.0"]
    assert platform.ready("v1.0.0") == platform.ready("v2.0.0") == 2


@pytest.mark.parametrize(
    "route",
    [
        Route({"v2.0.0": 100}),
        Route({"v1.0.0": 90, "v2.0.0": 10}),
        Route({"v1.0.0": 100}, Mirror("v2.0.0", 0.25, "r-1")),
        Route({"v1.0.0": 50, "v2.0.0": 50}, Mirror("v2.0.0", 1.0, "r-2")),
    ],
    ids=["all", "a tenth", "copies of a quarter", "both"],
)
def test_a_route_reads_back_as_it_was_set(platform: Platform, route: Route) -> None:
    """Weights and copies are what the platform says afterwards, with a version of their own."""
    told = platform.route(route)

    assert told == platform.read() == route
    assert told.version_info


@pytest.mark.parametrize(
    "route",
    [Route({"v9.0.0": 100}), Route({"v1.0.0": 100}, Mirror("v9.0.0", 1.0, "r"))],
    ids=["traffic", "copies"],
)
def test_traffic_to_what_is_not_up_is_refused(platform: Platform, route: Route) -> None:
    """Nothing changes when a route names a version that cannot answer."""
    with pytest.raises(Refused, match=r"v9\.0\.0 has no"):
        platform.route(route)

    assert platform.read() == Route({"v1.0.0": 100})


@pytest.mark.parametrize(
    "route",
    [Route({"v1.0.0": 100}), Route({"v2.0.0": 100}, Mirror("v1.0.0", 0.5, "r"))],
    ids=["serving", "getting copies"],
)
def test_what_a_route_names_is_not_taken_down(platform: Platform, route: Route) -> None:
    """An end that would cost requests or copies is refused."""
    platform.route(route)

    with pytest.raises(Refused, match=r"v1\.0\.0 gets \d+ % of the traffic"):
        platform.down("v1.0.0")

    assert platform.ready("v1.0.0") == 2


def test_whoever_lost_the_lock_moves_no_traffic(platform: Platform) -> None:
    """The former holder's route is not written."""
    platform.preempted()

    with pytest.raises(LostLock, match="rollback by bob"):
        platform.route(Route({"v2.0.0": 100}))

    assert platform.read() == Route({"v1.0.0": 100})


def test_a_version_that_dies_is_told_and_gets_no_traffic(platform: Platform) -> None:
    """The error says what became of it; what serves goes on."""
    with pytest.raises(ClusterError, match=r"v3\.0\.0"):
        platform.up_broken("v3.0.0")
    with pytest.raises(Refused, match=r"v3\.0\.0 has no"):
        platform.route(Route({"v3.0.0": 100}))

    assert platform.read() == Route({"v1.0.0": 100})
    platform.down("v3.0.0")


def test_a_version_is_taken_down_whole(platform: Platform) -> None:
    """It is not listed any more; ending it twice is no error, and it can come back."""
    platform.down("v2.0.0")
    platform.down("v2.0.0")

    assert platform.versions() == ["v1.0.0"]
    assert platform.ready("v2.0.0") == 0
    platform.up("v2.0.0")
    assert platform.ready("v2.0.0") == 2


def test_a_component_without_traffic_has_no_route(platform: Platform) -> None:
    """Not an empty route, which would look like an outage."""
    with pytest.raises(NotFound, match="risk gets no traffic"):
        platform.read("risk")
