"""Nobody notices: changes and kills while independent clients count every failed request."""

import time

import pytest
from local_parts import Clients, LocalSite, eventually, kill_role

from cluster.local.instances import stop_instances
from cluster.local.readiness import wait_ready
from cluster.local.upkeep import KEEPER, ensure_keeper
from cluster.route import Mirror

pytestmark = pytest.mark.site

RATE = 300.0


@pytest.fixture
def serving(site: LocalSite) -> LocalSite:
    """Two instances of v1 serve, two of v2 stand by."""
    site.serve("v1", count=2)
    site.serve("v2", count=2)
    site.route({"v1": 100})
    return site


def clients(site: LocalSite) -> Clients:
    """The load of these tests."""
    return Clients(site.home.site().ports.endpoint, rate=RATE)


def test_no_request_fails_over_49_switches(serving: LocalSite) -> None:
    """All traffic changes sides 49 times at 300 requests/s."""
    with clients(serving) as load:
        for number in range(49):
            serving.route({"v1" if number % 2 else "v2": 100})
            time.sleep(0.1)

    assert load.failed == []
    assert load.asked > 0.5 * RATE * 5


def test_no_request_fails_over_a_whole_rollout(serving: LocalSite) -> None:
    """Shadow, steps, switch, drain, end of the former version, and its return."""
    with clients(serving) as load:
        serving.route({"v1": 100}, Mirror("v2", 1.0, "r1"))
        time.sleep(0.5)
        for share in (10, 50, 100):
            serving.route({"v1": 100 - share, "v2": share})
            time.sleep(0.3)
        stop_instances(serving.home, "price", "v1", timeout=10)
        serving.serve("v1", count=2)
        serving.route({"v1": 100})
        time.sleep(0.5)

    assert load.failed == []
    assert load.asked > 500


def test_no_request_fails_when_a_server_is_killed(serving: LocalSite) -> None:
    """Two servers are killed in turn, each as soon as the other is back: nothing is lost."""
    ports = serving.traffic.endpoints("price", "v1")
    with clients(serving) as load:
        for number in range(8):
            role = f"price@v1#{number % 2 + 1}"
            kill_role(serving.home, role)
            wait_ready(serving.home, role, timeout=10)
            eventually(lambda: serving.traffic.ready_hosts("price", "v1") == ports)
            time.sleep(0.05)

    assert load.failed == []


def test_no_request_fails_when_the_keeper_is_killed(serving: LocalSite) -> None:
    """The keeper is not on any request's way."""
    with clients(serving) as load:
        for _ in range(3):
            kill_role(serving.home, KEEPER)
            time.sleep(0.2)
            ensure_keeper(serving.home)

    assert load.failed == []


def test_a_killed_envoy_costs_less_than_two_seconds(serving: LocalSite) -> None:
    """What fails, fails in the short time until the keeper has it back; then nothing does."""
    with clients(serving) as load:
        time.sleep(0.2)
        kill_role(serving.home, "envoy")
        time.sleep(2)
        lost = len(load.failed)
        time.sleep(0.5)

    assert len(load.failed) == lost
