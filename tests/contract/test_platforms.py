"""What every site promises about versions and traffic: servers behind Envoy, pods in a cluster."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from cluster.errors import ClusterError, LostLock, NotFound, Refused
from cluster.kubernetes.lock import Lock as ClusterLock
from cluster.kubernetes.traffic import Gateway
from cluster.lock import Lease, Lock
from cluster.route import Mirror, Route
from cluster.serving import Servers, Serving


class Platform(Protocol):
    """The model `price` on a site, whose lease is `lease`."""

    lease: Lease
    serving: Serving

    def up(self, version: str) -> None:
        """Run two servers of a version and wait until both can be routed to."""

    def up_broken(self, version: str) -> None:
        """Try to run a version that ends again and again."""

    def preempted(self) -> Lease:
        """A lease that somebody else took by force."""


class Local:
    """Processes behind Envoy."""

    def __init__(self, directory: Path) -> None:
        from local_parts import LocalSite

        from cluster.local.home import Home
        from cluster.local.serving import LocalServing

        home = Home(directory)
        home.create()
        self.site = LocalSite(home)
        self.serving: Serving = LocalServing(home)
        self.lease = self.preempted()

    def up(self, version: str) -> None:
        _, *arguments = self.site.echo(version, self.site.home.path / f"{version}.log")
        self.serving.start(_servers(version, *arguments), 20, self.lease, forced=False)

    def up_broken(self, version: str) -> None:
        dying = _servers(version, "-c", "raise SystemExit('no model file')")
        self.serving.start(dying, 10, self.lease, forced=False)

    def preempted(self) -> Lease:
        return Lock(self.site.home.ledger).preempt("price", "eu", "rollback by bob", 600)


class Pods:
    """Deployments in a cluster with fake nodes."""

    def __init__(self, cluster: object, directory: Path) -> None:
        from kube_cluster import Cluster
        from kube_shop import Shop

        from cluster.kubernetes.serving import ClusterServing

        assert isinstance(cluster, Cluster)
        self.shop = Shop(cluster, cluster.namespace())
        pod = directory / "server-pod.yaml"
        pod.write_text("containers: [{name: server, image: 'shop/price:1'}]")
        gateway = Gateway("gw", self.shop.name)
        self.serving: Serving = ClusterServing(self.shop.api, gateway, pod, directory)
        self.lease = self.preempted()

    def up(self, version: str) -> None:
        self.serving.start(_servers(version), 60, self.lease, forced=False)

    def up_broken(self, version: str) -> None:
        from kube_shop import fated

        self.shop.lease = self.lease
        self.shop.up(version, fated("crashloop"))

    def preempted(self) -> Lease:
        return ClusterLock(self.shop.api).preempt("price", "eu", "rollback by bob", 600)


def _servers(version: str, *arguments: str) -> Servers:
    return Servers("price", version, arguments, {}, 2)


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
        directory = tmp_path_factory.mktemp("pods")
        made = Pods(request.getfixturevalue("fake_cluster"), directory)
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
    _set(running, Route({"v1.0.0": 100}))
    return running


def _set(platform: Platform, route: Route) -> None:
    platform.serving.set_route("price", route, platform.lease, forced=False)


def _ready(platform: Platform, version: str) -> int:
    return len(platform.serving.servers("price", version))


def _down(platform: Platform, version: str) -> None:
    platform.serving.stop("price", version, 30, platform.lease)


def test_what_is_up_is_ready_and_listed(platform: Platform) -> None:
    """When it has started, both servers would get requests, and none fails its health check."""
    platform.up("v2.0.0")

    assert platform.serving.versions_up("price") == ["v1.0.0", "v2.0.0"]
    for version in ("v1.0.0", "v2.0.0"):
        assert platform.serving.is_ready("price", version)
        assert len(platform.serving.servers("price", version)) == 2
        assert list(platform.serving.failed("price", version).values()) == [False, False]
    assert platform.serving.servers("price", "v9.0.0") == []
    assert not platform.serving.is_ready("price", "v9.0.0")


@pytest.mark.parametrize(
    "route",
    [
        Route({"v2.0.0": 100}),
        Route({"v1.0.0": 90, "v2.0.0": 10}),
        Route({"v1.0.0": 100}, Mirror("v2.0.0", 1.0, "r-1")),
    ],
    ids=["all", "a tenth", "copies of all"],
)
def test_a_route_reads_back_as_it_was_set(platform: Platform, route: Route) -> None:
    """Weights and copies are what the platform says afterwards, with a version of their own."""
    _set(platform, route)
    told = platform.serving.route("price")

    assert told == route
    assert told.version_info


def test_a_share_is_copied_where_it_can_be_told_from_the_rest(platform: Platform) -> None:
    """And beside requests of its own: elsewhere both are refused, and nothing changes."""
    quarter = Route({"v1.0.0": 100}, Mirror("v2.0.0", 0.25, "r-1"))
    both = Route({"v1.0.0": 50, "v2.0.0": 50}, Mirror("v2.0.0", 1.0, "r-2"))
    for route in (quarter, both):
        if platform.serving.shares_copies:
            _set(platform, route)
            assert platform.serving.route("price") == route
            continue
        with pytest.raises(Refused, match="gateway"):
            _set(platform, route)
        assert platform.serving.route("price") == Route({"v1.0.0": 100})


@pytest.mark.parametrize(
    "route",
    [Route({"v9.0.0": 100}), Route({"v1.0.0": 100}, Mirror("v9.0.0", 1.0, "r"))],
    ids=["traffic", "copies"],
)
def test_traffic_to_what_is_not_up_is_refused(platform: Platform, route: Route) -> None:
    """Nothing changes when a route names a version that cannot answer."""
    with pytest.raises(Refused, match=r"v9\.0\.0 has no"):
        _set(platform, route)

    assert platform.serving.route("price") == Route({"v1.0.0": 100})


@pytest.mark.parametrize(
    "route",
    [Route({"v1.0.0": 100}), Route({"v2.0.0": 100}, Mirror("v1.0.0", 1.0, "r"))],
    ids=["serving", "getting copies"],
)
def test_what_a_route_names_is_not_taken_down(platform: Platform, route: Route) -> None:
    """An end that would cost requests or copies is refused."""
    _set(platform, route)

    with pytest.raises(Refused, match=r"v1\.0\.0 gets \d+ % of the traffic"):
        _down(platform, "v1.0.0")

    assert _ready(platform, "v1.0.0") == 2


def test_whoever_lost_the_lock_moves_no_traffic(platform: Platform) -> None:
    """The former holder's route is not written."""
    platform.preempted()

    with pytest.raises(LostLock, match="rollback by bob"):
        _set(platform, Route({"v2.0.0": 100}))

    assert platform.serving.route("price") == Route({"v1.0.0": 100})


def test_a_version_that_dies_is_told_and_gets_no_traffic(platform: Platform) -> None:
    """The error says what became of it; what serves goes on."""
    with pytest.raises(ClusterError, match=r"v3\.0\.0"):
        platform.up_broken("v3.0.0")
    with pytest.raises(Refused, match=r"v3\.0\.0 has no"):
        _set(platform, Route({"v3.0.0": 100}))

    assert platform.serving.route("price") == Route({"v1.0.0": 100})
    _down(platform, "v3.0.0")


def test_a_version_is_taken_down_whole(platform: Platform) -> None:
    """It is not listed any more; ending it twice is no error, and it can come back."""
    _down(platform, "v2.0.0")
    _down(platform, "v2.0.0")

    assert platform.serving.versions_up("price") == ["v1.0.0"]
    assert _ready(platform, "v2.0.0") == 0
    platform.up("v2.0.0")
    assert _ready(platform, "v2.0.0") == 2


def test_a_component_without_traffic_has_no_route(platform: Platform) -> None:
    """Not an empty route, which would look like an outage."""
    with pytest.raises(NotFound, match="risk gets no traffic"):
        platform.serving.route("risk")
