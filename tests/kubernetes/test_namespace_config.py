"""A backup of a namespace that is deployed to: its policy and application, and what serves."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from kube_cluster import Cluster
from kube_release import POLICY, Shop

pytestmark = pytest.mark.kubernetes


@pytest.fixture
def shop(fake_cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """v1.0.0 of two components serves."""
    monkeypatch.setenv("PINCEX_HOME", str(tmp_path))
    with Shop(fake_cluster, tmp_path, single=True) as made:
        made.apply_gateway()
        assert made.deploy("v1.0.0")[1]["ending"] == "PROMOTED"
        yield made


def backed_up(shop: Shop) -> str:
    """The file of a new backup."""
    code, report, said = shop.run("backup-config")
    assert code == 0, said
    return str(report["file"])


def test_policy_and_application_come_back_with_the_objects(shop: Shop) -> None:
    """Edited, removed or scaled since: told first, then all of it as it was."""
    file = backed_up(shop)
    application = (shop.folder / "application.toml").read_text()
    (shop.folder / "policy.toml").write_text(POLICY.replace("120", "7"))
    (shop.folder / "application.toml").unlink()
    shop.cluster.kubectl(
        "-n", shop.namespace, "scale", "deployment", "prices-v1-0-0", "--replicas=1"
    )

    held, _, told = shop.run("restore-config", file)
    untouched = (shop.folder / "policy.toml").read_text()
    done, _, said = shop.run("restore-config", file, "--yes")

    assert held == 4
    planned = [
        line for line in told.splitlines() if line.startswith(("make ", "change ", "remove "))
    ]
    assert [line.split(maxsplit=1)[1] for line in planned] == [
        "Deployment prices-v1-0-0",
        "application",
        "policy",
    ]
    assert untouched == POLICY.replace("120", "7")
    assert done == 0, said
    assert (shop.folder / "policy.toml").read_text() == POLICY
    assert (shop.folder / "application.toml").read_text() == application
    assert shop.run("restore-config", file)[1]["planned"] == []


def test_a_restore_never_contradicts_what_serves_by_the_ledger(shop: Shop) -> None:
    """Refused with the verb that moves traffic, nothing changed; after that verb it is done."""
    file = backed_up(shop)
    assert shop.deploy("v2.0.0")[1]["ending"] == "PROMOTED"
    (shop.folder / "policy.toml").write_text(POLICY.replace("120", "7"))

    refused, told, _ = shop.run("restore-config", file, "--yes")
    still = shop.serving("v2.0.0"), (shop.folder / "policy.toml").read_text()
    assert shop.run("rollback")[0] == 0
    done, _, said = shop.run("restore-config", file, "--yes")

    assert refused == 1
    assert told["error"].startswith("shop v2.0.0 serves by the ledger, and v1.0.0 in the backup")
    assert told["hint"].startswith("pincex rollback --namespace")
    assert still == (True, POLICY.replace("120", "7"))
    assert done == 0, said
    assert shop.serving("v1.0.0")
    assert (shop.folder / "policy.toml").read_text() == POLICY


def test_without_the_ledger_that_knows_what_serves_nothing_is_put_back(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another folder, to which the file alone was carried."""
    file = backed_up(shop)
    shop.cluster.kubectl(
        "-n", shop.namespace, "scale", "deployment", "prices-v1-0-0", "--replicas=1"
    )
    monkeypatch.setattr(shop, "folder", tmp_path / "another")
    (tmp_path / "another").mkdir()

    code, told, _ = shop.run("restore-config", file, "--yes")

    assert code == 1
    assert told["error"].startswith("the ledger of shop is not here")
    scaled = ("get", "deployment", "prices-v1-0-0", "-o", "jsonpath={.spec.replicas}")
    assert shop.cluster.kubectl("-n", shop.namespace, *scaled) == "1"
