"""Releases of real pods behind a real gateway, as clients outside see them."""

import time
from collections.abc import Iterator

import kube_naive
import pytest
from kube_clients import Clients
from kube_naive import NAIVE
from kube_real import RealNode, inside
from kube_storefront import Storefront, asking
from kube_undone import undone

pytestmark = pytest.mark.gateway

RATES = {"/prices": 200.0, "/orders": 100.0}
WITHIN = 5.0


@pytest.fixture(scope="module")
def shop(gateway: RealNode, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storefront]:
    """v1.0.0 of two components serves; orders are taken by one pod at a time."""
    with (
        inside(gateway.namespace),
        Storefront(gateway, tmp_path_factory.mktemp("storefront")) as made,
    ):
        made.begin()
        yield made


def told(clients: list[Clients]) -> str:
    """What came of it, for whoever reads the run."""
    asked, lost = sum(one.asked for one in clients), sum(one.failed.total() for one in clients)
    return f"{lost} of {asked} requests failed ({100 * lost / asked:.1f} %)"


def test_a_deploy_its_promotion_and_a_rollback_lose_no_request(shop: Storefront) -> None:
    """In steps to all of it and back at once, with new and with kept connections: 0 failed."""
    with asking(RATES) as clients:
        time.sleep(1)
        assert shop.must(0, "deploy", "v2.0.0")["ending"] == "PROMOTED"
        shop.must(0, "rollback")
        time.sleep(1)

    print(f"deploy and rollback: {told(clients)}")
    for one in clients:
        assert not one.failed + one.wrong
        assert set(one.answers) == {"v1.0.0", "v2.0.0"}
    assert sum(one.asked for one in clients) > 4_000


def test_a_bad_release_is_undone_within_seconds_of_the_decision(shop: Storefront) -> None:
    """Half of its requests fail: the clients that it answered are few, and none is lost."""
    with asking(RATES) as clients:
        report = shop.must(3, "deploy", "v3.0.0")
        time.sleep(1)

    assert report["ending"] == "ROLLED_BACK"
    found = undone(shop, clients, "v3.0.0")
    print(f"undone: {found}")
    # From the evidence to the decision is also a matter of what else the machine has to do.
    assert found.decision < WITHIN
    for one in clients:
        assert not one.failed
        assert set(one.wrong) <= {"v3.0.0"}
        assert sum(one.wrong.values()) < one.asked / 10


def test_kubectl_set_image_on_a_naive_deployment_loses_some(shop: Storefront) -> None:
    """The same pods without probe and drain, updated and undone by kubectl, stand beside ours."""
    kube_naive.begin(shop, NAIVE)
    with asking({f"/{NAIVE}": 300.0}) as clients:
        time.sleep(1)
        kube_naive.set_image(shop, NAIVE, "v2.0.0")
        kube_naive.undo(shop, NAIVE)
        time.sleep(1)

    print(f"kubectl set image and rollout undo: {told(clients)}")
    for one in clients:
        assert one.failed
        assert set(one.answers) == {"v1.0.0", "v2.0.0"}
