"""What every site promises about services: processes, pods behind a Gateway, or without."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from cluster.errors import Invalid, LostLock, NotFound, NotReady, Refused
from cluster.kubernetes.lock import Lock as ClusterLock
from cluster.kubernetes.traffic import Gateway
from cluster.lock import Lease, Lock
from cluster.route import Route
from cluster.services import Services, calls_of
from rollout.application import Component, parse_application

V1, V2, BROKEN = "v1.0.0", "v2.0.0", "v3.0.0"
WITHIN = 60.0


@dataclass
class Site:
    """The component `orders` in two instances; `broken` is described so that it never serves."""

    services: Services
    orders: Component
    broken: Component
    preempted: Callable[[], Lease]
    lease: Lease

    def up(self, version: str) -> None:
        self.services.start(self.orders, version, WITHIN, self.lease, forced=False)

    def route(self, weights: dict[str, int], observed: str | None = None) -> Route:
        route = Route(weights, calls=calls_of(self.orders), observed=observed)
        self.services.set_route(self.orders, route, WITHIN, self.lease, forced=False)
        return route

    def end(self, version: str) -> str:
        return self.services.retire(self.orders, version, WITHIN, 1.0, self.lease)


def described(more: str) -> Component:
    """Order entry as an application describes it."""
    text = f"""
[application]
name = "shop"

[component.orders]
paths = ["/orders"]
runs = "many"
instances = 2
grace = 1
{more}
"""
    return parse_application(text).components[0]


def local(directory: Path) -> Site:
    """Processes behind Envoy."""
    from local_parts import ECHO, LocalSite

    from cluster.local.home import Home
    from cluster.local.services import LocalServices

    home = Home(directory)
    home.create()
    LocalSite(home)

    def preempted() -> Lease:
        return Lock(home.ledger).preempt("shop", "eu", "rollback by bob", 600)

    log = directory / "orders.log"
    fine = described(f'command = ["{{python}}", "{ECHO}", "{{port}}", "{{version}}", "{log}"]')
    dying = described('command = ["{python}", "-c", "raise SystemExit(\'no database\')", "{port}"]')
    return Site(LocalServices(home), fine, dying, preempted, preempted())


def pods(cluster: object, *, gateway: bool) -> Site:
    """Deployments in a namespace with fake nodes."""
    from kube_cluster import Cluster

    from cluster.kubernetes.services import ClusterServices

    assert isinstance(cluster, Cluster)
    name = cluster.namespace()
    api = cluster.api(name)

    def preempted() -> Lease:
        return ClusterLock(api).preempt("shop", "eu", "rollback by bob", 600)

    services = ClusterServices(api, Gateway("gw", name) if gateway else None)
    fine = described('image = "shop/orders:{version}"')
    crashing = described('image = "shop/orders:crashloop"')
    return Site(services, fine, crashing, preempted, preempted())


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("local", marks=pytest.mark.site),
        pytest.param("gateway", marks=pytest.mark.kubernetes),
        pytest.param("replicas", marks=pytest.mark.kubernetes),
    ],
)
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """A site on which v1.0.0 serves and v2.0.0 is up."""
    if request.param != "local":
        cluster = request.getfixturevalue("fake_cluster")
        made = pods(cluster, gateway=request.param == "gateway")
        _begun(made)
        yield made
        return
    from cluster.local.down import down
    from cluster.local.home import Home

    place = tmp_path_factory.mktemp("contract") / "site"
    try:
        made = local(place)
        _begun(made)
        yield made
    finally:
        down(Home(place))


def _begun(site: Site) -> None:
    site.up(V1)
    site.route({V1: 100})
    site.up(V2)


@pytest.fixture
def site(running: Site) -> Site:
    """The same, v1.0.0 serving alone, and the lease ours whatever a test before did."""
    running.lease = running.preempted()
    running.route({V1: 100})
    return running


def test_what_is_up_is_ready_and_fails_no_health_check(site: Site) -> None:
    """Starting it again changes nothing; what is not up is neither ready nor asked."""
    site.up(V1)
    services = site.services

    assert services.versions_up("orders") == [V1, V2]
    assert services.is_ready(site.orders, V1)
    assert not services.is_ready(site.orders, "v9.0.0")
    assert list(services.failed(site.orders, V1).values()) == [False, False]
    assert services.failed(site.orders, "v9.0.0") == {}
    assert services.fault(site.orders, V1, None) is None
    assert services.versions_up("risk") == []


@pytest.mark.parametrize(
    ("weights", "observed"),
    [({V2: 100}, None), ({V1: 50, V2: 50}, "r-1"), ({V2: 100}, "r-1")],
    ids=["all", "half, observed", "all, observed"],
)
def test_a_route_reads_back_as_it_was_set(
    site: Site, weights: dict[str, int], observed: str | None
) -> None:
    """The shares, who observes them, and what the requests allow."""
    route = site.route(weights, observed)
    told = site.services.route("orders")

    assert (dict(told.weights), told.observed) == (weights, observed)
    assert route.weights == told.weights


def test_requests_to_what_is_not_up_are_refused(site: Site) -> None:
    """And nothing is changed by asking."""
    with pytest.raises(Refused, match=r"v9\.0\.0"):
        site.route({"v9.0.0": 100})

    assert dict(site.services.route("orders").weights) == {V1: 100}


def test_what_the_route_names_is_not_ended(site: Site) -> None:
    """An end that would cost requests is refused, whatever its share."""
    site.route({V1: 50, V2: 50})
    with pytest.raises(Refused, match=r"v2\.0\.0 gets"):
        site.end(V2)

    assert V2 in site.services.versions_up("orders")


@pytest.mark.parametrize(
    "act", [lambda site: site.route({V2: 100}), lambda site: site.up("v4.0.0")]
)
def test_whoever_lost_the_lock_changes_nothing(site: Site, act: Callable[[Site], object]) -> None:
    """The new holder is named."""
    site.preempted()
    with pytest.raises(LostLock, match="rollback by bob"):
        act(site)

    assert dict(site.services.route("orders").weights) == {V1: 100}
    assert site.services.versions_up("orders") == [V1, V2]


def test_a_version_that_cannot_serve_says_so_and_gets_no_request(site: Site) -> None:
    """In words about its own servers; what serves goes on, and it can be ended."""
    with pytest.raises(NotReady):
        site.services.start(site.broken, BROKEN, 20, site.lease, forced=False)
    with pytest.raises((Refused, NotReady), match=r"v3\.0\.0"):
        site.route({BROKEN: 100})
    assert dict(site.services.route("orders").weights) == {V1: 100}
    site.end(BROKEN)

    assert site.services.versions_up("orders") == [V1, V2]


def test_a_version_is_ended_whole_and_how_is_said(site: Site) -> None:
    """Twice is no error, and it can come back."""
    assert site.end(V2)
    site.end(V2)

    assert site.services.versions_up("orders") == [V1]
    site.up(V2)
    assert site.services.is_ready(site.orders, V2)


def test_a_component_that_nobody_routes_to_has_no_route(site: Site) -> None:
    """Not an empty one, which would look like an outage."""
    with pytest.raises(NotFound):
        site.services.route("risk")


def test_what_a_site_cannot_run_is_bad_input_before_anything_is_done(site: Site) -> None:
    """A step that would be told what only a server has; a command here, an image there."""
    steps = '[[component.orders.release_steps]]\nname = "x"\ncommand = ["migrate", "{port}"]\n'
    command = '["serve", "{port}"]'
    told = described(f"command = {command}\nimage = 'shop/orders:1'\n{steps}")
    with pytest.raises(Invalid, match=r"has no \{port\}"):
        site.services.require_runnable(told)
    bare = replace(site.orders, command=(), image=None)
    with pytest.raises(Invalid, match="orders has"):
        site.services.require_runnable(bare)
    site.services.require_runnable(site.orders)
