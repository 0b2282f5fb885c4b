"""Routes as a real API server keeps them: written, read back, refused, and fenced."""

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kube_cluster import Cluster, rules
from kube_shop import Shop

from cluster.errors import Forbidden, Invalid, LostLock, NotFound, Owned, Refused, Unknown
from cluster.kubernetes import rights
from cluster.kubernetes.kinds import HTTP_ROUTE
from cluster.kubernetes.lock import Lock
from cluster.kubernetes.traffic import Gateway, Traffic
from cluster.route import Mirror, Route

pytestmark = pytest.mark.kubernetes


@pytest.fixture(scope="module")
def two(fake_cluster: Cluster) -> Shop:
    """A namespace in which v1.0.0 and v2.0.0 are ready."""
    shop = Shop(fake_cluster, fake_cluster.namespace())
    for version in ("v1.0.0", "v2.0.0"):
        shop.up(version)
    return shop


@pytest.fixture
def serving(two: Shop) -> Shop:
    """The same, v1.0.0 serving, and the lease ours again whatever a test before did."""
    two.lease = Lock(two.api).preempt("price", "eu", "deploy by ann", 600)
    two.traffic.set_route("price", Route({"v1.0.0": 100}), two.lease)
    return two


@st.composite
def any_route(draw: st.DrawFn) -> Route:
    """Any route between the two versions, with or without a mirror."""
    share = draw(st.integers(0, 100))
    fraction = st.integers(1, 1_000_000).map(lambda parts: parts / 1_000_000)
    mirror = st.builds(Mirror, st.sampled_from(["v1.0.0", "v2.0.0"]), fraction, st.just("r-1"))
    return Route({"v1.0.0": share, "v2.0.0": 100 - share}, draw(st.none() | mirror))


def test_labels_are_never_copied_and_clients_mark_nothing(serving: Shop) -> None:
    """Each label must come once, and only the route says that a shadow is on, and for whom."""
    shadow = Route({"v1.0.0": 100}, Mirror("v2.0.0", 1.0, "r-7"))
    serving.traffic.set_route("price", shadow, serving.lease)
    rules = serving.api.get(HTTP_ROUTE, "price")["spec"]["rules"]

    paths = [rule["matches"][0]["path"]["value"] for rule in rules]
    kinds = [[told["type"] for told in rule["filters"]] for rule in rules]
    marks = [told["requestHeaderModifier"] for rule in rules for told in rule["filters"][1:2]]

    assert paths == ["/models/price/predict", "/models/price/labels"]
    assert "RequestMirror" in kinds[0]
    assert "RequestMirror" not in kinds[1]
    assert {mark["name"]: mark["value"] for mark in marks[0]["set"]} == {
        "x-pincex-shadow": "r-7",
        "x-pincex-copies-to": "v2.0.0",
    }
    assert "set" not in marks[1]
    assert set(marks[1]["remove"]) >= {"x-pincex-shadow", "x-pincex-copies-to", "x-pincex-copy"}


def test_copies_end_although_what_serves_is_not_ready_just_then(serving: Shop) -> None:
    """What gets the requests already gets no more by it; anything else stays refused."""
    shadow = Route({"v1.0.0": 100}, Mirror("v2.0.0", 1.0, "r-7"))
    serving.traffic.set_route("price", shadow, serving.lease)
    scaled(serving, 0)
    try:
        serving.traffic.set_route("price", Route({"v1.0.0": 100}), serving.lease)
        assert serving.traffic.route("price") == Route({"v1.0.0": 100})

        serving.traffic.set_route("price", Route({"v2.0.0": 100}), serving.lease)
        with pytest.raises(Refused, match=r"v1\.0\.0 has no ready pod"):
            serving.traffic.set_route("price", Route({"v1.0.0": 100}), serving.lease)
    finally:
        scaled(serving, 2)


def scaled(shop: Shop, pods: int) -> None:
    """So many pods of v1.0.0 are ready."""
    told = ("scale", "deployment", "price-v1-0-0", f"--replicas={pods}")
    shop.cluster.kubectl("-n", shop.name, *told)
    deadline = time.monotonic() + 60
    while len(shop.traffic.ready_pods("price", "v1.0.0")) != pods:
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_rules_that_divide_requests_differently_are_no_route_of_ours(serving: Shop) -> None:
    """Somebody changed one of them: nothing is read into it."""
    weight = '[{"op": "replace", "path": "/spec/rules/1/backendRefs/0/weight", "value": 7}]'
    space = ("-n", serving.name)
    serving.cluster.kubectl(*space, "patch", "httproute", "price", "--type=json", "-p", weight)

    with pytest.raises(Owned, match="divide requests alike"):
        serving.traffic.route("price")
    serving.traffic.set_route("price", Route({"v1.0.0": 100}), serving.lease, forced=True)


@settings(max_examples=15, derandomize=True,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(route=any_route())
def test_a_route_reads_back_as_it_was_set(serving: Shop, route: Route) -> None:
    """Weights, the mirror, its share and its rollout survive the API server and its schema."""
    assert serving.traffic.set_route("price", route, serving.lease) == route
    assert serving.traffic.route("price") == route


def test_a_mirror_is_gone_when_it_is_not_asked_for(serving: Shop) -> None:
    """Server-side apply takes out what we no longer say: no copies go on unseen."""
    mirror = Mirror("v2.0.0", 0.25, "r-7")
    serving.traffic.set_route("price", Route({"v1.0.0": 100}, mirror), serving.lease)

    serving.traffic.set_route("price", Route({"v1.0.0": 100}), serving.lease)

    assert serving.traffic.route("price").mirror is None
    spec = serving.api.get(HTTP_ROUTE, "price")["spec"]
    assert "RequestMirror" not in str(spec)


@pytest.mark.parametrize(
    "route",
    [Route({"v9.0.0": 100}), Route({"v1.0.0": 100}, Mirror("v9.0.0", 1.0, "r"))],
    ids=["traffic", "copies"],
)
def test_traffic_to_what_is_not_ready_is_refused(serving: Shop, route: Route) -> None:
    """A rollback onto nothing would be an outage: nothing changes."""
    with pytest.raises(Refused, match=r"v9.0.0 has no ready pod; no traffic was moved"):
        serving.traffic.set_route("price", route, serving.lease)

    assert serving.traffic.route("price") == Route({"v1.0.0": 100})


def test_whoever_lost_the_lock_moves_no_traffic(serving: Shop) -> None:
    """The route stays with the newer lease."""
    Lock(serving.api).preempt("price", "eu", "rollback by bob", 600)

    with pytest.raises(LostLock, match="by rollback by bob"):
        serving.traffic.set_route("price", Route({"v2.0.0": 100}), serving.lease)

    assert serving.traffic.route("price") == Route({"v1.0.0": 100})


def test_a_component_without_a_route_is_said_to_have_none(serving: Shop) -> None:
    """Not an empty route, which would look like an outage."""
    with pytest.raises(NotFound, match="risk gets no traffic"):
        serving.traffic.route("risk")


def test_weights_that_somebody_else_set_are_named_with_who(serving: Shop) -> None:
    """A foreign change is not read as ours and not overwritten in silence."""
    told = ('[{"op": "replace", "path": "/spec/rules/0/backendRefs/0/weight", "value": 7}]',)
    patch = ("patch", "httproute", "price", "--type=json", "--field-manager=bob", "-p", *told)
    serving.cluster.kubectl("-n", serving.name, *patch)

    with pytest.raises(Owned, match=r"HTTPRoute price was changed by bob"):
        serving.traffic.route("price")
    with pytest.raises(Owned, match=r"spec.rules of HTTPRoute price .* is managed by bob"):
        serving.traffic.set_route("price", Route({"v1.0.0": 100}), serving.lease)

    serving.cluster.kubectl("-n", serving.name, "delete", "httproute", "price")


def test_the_schema_of_the_cluster_is_believed(serving: Shop) -> None:
    """What the API server finds wrong is an error that names the field."""
    odd = Traffic(serving.api, Gateway("", serving.name))

    with pytest.raises(Invalid, match=r"spec.parentRefs\[0\].name"):
        odd.set_route("price", Route({"v2.0.0": 100}), serving.lease)


def test_the_rights_listed_are_those_that_are_used(serving: Shop) -> None:
    """With exactly these rules a route is set under a lease, and none of them is idle.

    Read from the audit log of the API server, not from our own idea of what we ask.
    """
    way = serving.cluster.user(serving.name, rules(rights.ROUTING))
    api = serving.cluster.api(serving.name, way)
    lease = Lock(api).acquire("price", "us", "worker", 60)
    lease.renew()

    traffic = Traffic(api, Gateway("gw", serving.name))
    assert traffic.set_route("price", Route({"v2.0.0": 100}), lease).weights == {"v2.0.0": 100}

    user = f"system:serviceaccount:{serving.name}:{way.stem}"
    given = {(r.kind.plural, r.verb) for r in rights.ROUTING} - {("httproutes", "create")}
    assert serving.cluster.asked_by(user) == given


@pytest.mark.parametrize("missing", ["httproutes", "services", "endpointslices", "leases"])
def test_a_missing_right_is_named_as_the_rule_that_gives_it(serving: Shop, missing: str) -> None:
    """Whoever reads the error can paste the rule into the Role; nothing was changed."""
    way = serving.cluster.user(
        serving.name, rules(r for r in rights.ROUTING if r.kind.plural != missing)
    )
    api = serving.cluster.api(serving.name, way)

    with pytest.raises(Forbidden, match=rf'resources: \["{missing}"\], verbs: \["(get|list)"\]'):
        Traffic(api, Gateway("gw", serving.name)).set_route(
            "price", Route({"v2.0.0": 100}), Lock(api).preempt("price", "eu", "worker", 60)
        )

    assert serving.traffic.route("price") == Route({"v1.0.0": 100})


def test_a_token_that_is_none_is_told(serving: Shop) -> None:
    """401 is not 403: no rule would help."""
    plane = serving.cluster.plane
    way = plane.write_kubeconfig(plane.directory / "stranger.yaml", {"token": "not-a-token"})

    with pytest.raises(Unknown, match="does not know who asks"):
        Traffic(serving.cluster.api(serving.name, way), Gateway("gw", "x")).route("price")
