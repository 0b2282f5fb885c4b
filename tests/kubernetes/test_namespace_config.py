"""A backup of a namespace that is deployed to: its policy and application, and what serves."""

from pathlib import Path

import pytest
from kube_cluster import Cluster
from kube_release import NAME, POLICY, Shop

pytestmark = pytest.mark.kubernetes


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
    scaled(shop, 1)

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


def refused(shop: Shop, file: str, *more: str) -> tuple[str, str]:
    """Why a backup is not put back, and what to do; nothing is changed, however it is asked."""
    before = shop.weights(), (shop.folder / "policy.toml").read_text()
    code, told, _ = shop.run("restore-config", file, *more)
    assert code == 1, told
    assert (shop.weights(), (shop.folder / "policy.toml").read_text()) == before
    return told["error"], told["hint"]


@pytest.mark.parametrize("more", [(), ("--yes",)], ids=["plan", "yes"])
def test_a_backup_of_what_no_longer_serves_names_the_verb_that_returns_to_it(
    shop: Shop, more: tuple[str, ...]
) -> None:
    """Before the plan is offered, too; after that verb it is put back."""
    file = backed_up(shop)
    assert shop.deploy("v2.0.0")[1]["ending"] == "PROMOTED"
    newer = backed_up(shop)
    (shop.folder / "policy.toml").write_text(POLICY.replace("120", "7"))

    said, hint = refused(shop, file, *more)
    assert shop.run("rollback")[0] == 0
    _, forward = refused(shop, newer, *more)
    done, _, told = shop.run("restore-config", file, "--yes")

    assert said.startswith("prices v2.0.0 serves by the ledger, and the backup gives the requests")
    assert hint.startswith("pincex rollback --namespace")
    assert forward.startswith("pincex deploy v2.0.0 --retry --namespace")
    assert done == 0, told
    assert shop.serving("v1.0.0")
    assert (shop.folder / "policy.toml").read_text() == POLICY


def test_the_rollback_of_one_component_is_not_undone(shop: Shop) -> None:
    """The release is the same one, but not what serves of it."""
    assert shop.deploy("v2.0.0")[1]["ending"] == "PROMOTED"
    file = backed_up(shop)
    assert shop.run("rollback", "--component", "prices")[0] == 0

    said, _ = refused(shop, file, "--yes")

    assert said.startswith("prices v1.0.0 serves by the ledger")


def test_amid_a_rollout_there_is_nothing_to_keep_and_nothing_to_put_back(shop: Shop) -> None:
    """It is between two versions, and would lose one of them."""
    file = backed_up(shop)
    deploying = shop.begin("v2.0.0", POLICY.replace("min_requests = 50", "min_requests = 1000000"))
    shop.until(lambda: shop.site.history(NAME).open, "it is open")

    kept, told, _ = shop.run("backup-config")
    put, _, _ = shop.run("restore-config", file, "--yes")
    assert shop.run("rollback")[0] == 0
    deploying.result()

    assert (kept, put) == (1, 1)
    assert told["error"].startswith("deploy v2.0.0 of shop is open")
    assert shop.run("restore-config", file, "--yes")[0] == 0


def test_files_that_another_namespace_shares_are_left_alone(
    shop: Shop, fake_cluster: Cluster
) -> None:
    """Objects come back; what else is rolled out by them keeps its policy."""
    file = backed_up(shop)
    scaled(shop, 1)
    changed = POLICY.replace("120", "7")
    with Shop(fake_cluster, shop.folder) as other:
        other.apply_gateway()
        assert other.deploy("v1.0.0")[1]["ending"] == "PROMOTED"
        (shop.folder / "policy.toml").write_text(changed)

        code, _, said = shop.run("restore-config", file, "--yes")

    assert code == 0, said
    assert "not compared: application, policy" in said
    assert (shop.folder / "policy.toml").read_text() == changed
    assert replicas(shop) == 2


def test_from_another_folder_the_objects_come_back_and_the_rest_is_named(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To which the file alone was carried: the ledger is lost, and what served is not."""
    file = backed_up(shop)
    scaled(shop, 1)
    monkeypatch.setattr(shop, "folder", tmp_path / "another")
    (tmp_path / "another").mkdir()

    code, _, said = shop.run("restore-config", file, "--yes")

    assert code == 0, said
    assert "not compared: application, policy: nothing was deployed" in said
    assert replicas(shop) == 2


def scaled(shop: Shop, count: int) -> None:
    """Somebody scales what serves."""
    told = ("scale", "deployment", "prices-v1-0-0", f"--replicas={count}")
    shop.cluster.kubectl("-n", shop.namespace, *told)


def replicas(shop: Shop) -> int:
    """How many pods it is told to have."""
    told = ("get", "deployment", "prices-v1-0-0", "-o", "jsonpath={.spec.replicas}")
    return int(shop.cluster.kubectl("-n", shop.namespace, *told))
