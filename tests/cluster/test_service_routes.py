"""Services behind the proxy: their paths, where they are ready, what is noted about answers."""

import json
import time

import pytest
from local_parts import FREE, LocalSite, eventually, kill_role

from cluster.local.instances import Instance, start_instances
from cluster.route import Calls, Route

pytestmark = pytest.mark.site

ORDERS = Calls(("/orders",), idempotent=False, mirrorable=False, single=False)


@pytest.fixture(scope="module")
def orders(shared_site: LocalSite) -> LocalSite:
    """Two versions of order entry, ready at a path of their own."""
    for version in ("v1", "v2"):
        log = shared_site.home.path / f"{version}.log"
        spec = Instance(shared_site.echo(version, log), cwd="/", grace=1.0, ready="/alive")
        start_instances(shared_site.home, "orders", version, [spec], 60, lease_check=FREE)
    return shared_site


def routed(site: LocalSite, weights: dict[str, int], observed: str | None = None) -> None:
    """Set the route of order entry."""
    route = Route(weights, calls=ORDERS, observed=observed)
    assert site.traffic.set_route("orders", route, lease_check=FREE) == route


def noted(site: LocalSite, rollout: str) -> list[dict[str, object]]:
    """The lines that were kept about a rollout's answers."""
    log = site.home.access_log
    lines = log.read_text().splitlines() if log.exists() else []
    return [row for row in map(json.loads, lines) if row["rollout"] == rollout]


def test_a_service_answers_at_and_below_its_path_as_the_client_wrote_it(orders: LocalSite) -> None:
    """Nothing is rewritten, and a longer word is another path."""
    routed(orders, {"v1": 100})

    assert orders.ask("/orders")[2]["path"] == "/orders"
    assert orders.ask("/orders/7?full=1")[2]["path"] == "/orders/7?full=1"
    assert orders.ask("/ordersomething")[0] == 404


def test_every_answer_is_noted_while_a_rollout_observes_and_none_otherwise(
    orders: LocalSite,
) -> None:
    """Which version answered, with what, how long it took; whatever the client sends."""
    routed(orders, {"v1": 100})
    orders.ask("/orders", {"x-pincex-observed": "forged"})
    routed(orders, {"v1": 50, "v2": 50}, observed="r-7")
    for _ in range(20):
        orders.ask("/orders")
    eventually(lambda: len(noted(orders, "r-7")) == 20)

    assert {row["status"] for row in noted(orders, "r-7")} == {200}
    assert {row["cluster"] for row in noted(orders, "r-7")} == {"orders--v1", "orders--v2"}
    assert noted(orders, "forged") == []


def test_a_request_that_no_server_answered_is_noted_as_well(orders: LocalSite) -> None:
    """A candidate that is gone must show as failing, not as silent."""
    routed(orders, {"v2": 100}, observed="r-8")
    kill_role(orders.home, "orders@v2#1")
    statuses = []
    begun = time.monotonic()
    while 503 not in statuses and time.monotonic() - begun < 5:
        statuses.append(orders.ask("/orders")[0])
    eventually(lambda: len(noted(orders, "r-8")) == len(statuses))

    assert [row["status"] for row in noted(orders, "r-8")] == statuses
    assert 503 in statuses
