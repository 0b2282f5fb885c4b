"""A namespace that is not there, or goes in the middle: said so, nothing hangs, nothing is kept."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kube_cluster import Cluster
from kube_release import Shop
from test_deploy_faults import begun

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(400)]

SOON = 45.0


@pytest.fixture
def shop(fake_cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """v1.0.0 serves."""
    monkeypatch.setenv("PINCEX_HOME", str(tmp_path))
    with Shop(fake_cluster, tmp_path) as made:
        made.apply_gateway()
        code, report = made.deploy("v1.0.0")
        assert code == 0, report
        yield made


def test_a_namespace_that_is_deleted_amid_a_deploy_ends_it_and_can_come_back(shop: Shop) -> None:
    """Each verb says that it is gone; made anew, a rollback brings back what served in it."""
    running, space = begun(shop, "v2.0.0"), shop.namespace
    began = time.monotonic()
    shop.cluster.kubectl("delete", "namespace", space, "--wait=false")

    code, report = running.result(SOON)
    took = time.monotonic() - began
    shop.cluster.kubectl("wait", "--for=delete", f"namespace/{space}", "--timeout=60s")
    looked, seen, _ = shop.run("status")
    others = [shop.run(*words)[:2] for words in (
        ("rollback",), ("resume", "shop"), ("diagnose", "prices"),
        ("deploy", "v3.0.0", "--gateway", "gw"),
    )]  # fmt: skip
    shop.cluster.kubectl("create", "namespace", space)
    shop.apply_gateway()
    back, restored, said = shop.run("rollback")

    assert code == 1
    assert report["error"].startswith(
        "the lock of shop in cluster of deploy v2.0.0 was deleted, as "
    )
    assert space in report["error"]
    assert took < SOON
    assert (looked, seen["wrong"]) == (0, f"test has no namespace {space}")
    assert seen["applications"][0]["open"] == "deploy v2.0.0"
    for number, told in others:
        assert number == 2, told
        assert told["error"].startswith(f"test has no namespace {space}")
        assert f"kubectl create namespace {space}" in told["hint"]
        assert told["changed"] == "Nothing was changed."
    assert (back, restored["back"]) == (0, {"prices": "v1.0.0"}), said
    assert shop.serving("v1.0.0")


@pytest.mark.parametrize("gateway", ["gw", "none"])
def test_a_deploy_into_a_namespace_that_is_not_there_is_bad_input(shop: Shop, gateway: str) -> None:
    """How to make it, or name another; nothing of it is kept here."""
    before = sorted((shop.folder / "clusters").iterdir())
    shop.namespace = "nowhere"
    shop.application()

    code, report, said = shop.run("deploy", "v1.0.0", "--gateway", gateway)

    assert code == 2, said
    assert report["error"] == "test has no namespace nowhere"
    assert report["hint"].startswith("kubectl create namespace nowhere; or name another one")
    assert report["changed"] == "Nothing was changed."
    assert sorted((shop.folder / "clusters").iterdir()) == before
