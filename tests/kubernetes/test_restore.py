"""A backup of a namespace, and a restore, as a person runs them against a real API server."""

import json
from pathlib import Path

import pytest
from kube_cluster import Cluster
from kube_shop import FINE, PINNED, Shop, fated

from cluster.backup import Backup, changes, read
from cluster.errors import NotReady
from cluster.kubernetes.api import Api, Object
from cluster.kubernetes.config import Config
from cluster.kubernetes.kinds import DEPLOYMENT, HTTP_ROUTE, Kind
from cluster.kubernetes.lock import Lock
from cluster.kubernetes.names import REGION
from cluster.route import Mirror, Route
from flows.cli import main

pytestmark = pytest.mark.kubernetes

FLAGS = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "flags", "labels": {"rollout.pincex/component": "price"}},
    "data": {"smart-routing": "25"},
}


@pytest.fixture
def shop(fake_cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """v1.0.0 of price takes all traffic, v2.0.0 gets copies, and there is a flag."""
    monkeypatch.setenv("PINCEX_HOME", str(tmp_path / "home"))
    made = Shop(fake_cluster, fake_cluster.namespace())
    for version in ("v1.0.0", "v2.0.0"):
        made.up(version, PINNED)
    made.traffic.set_route("price", Route({"v1.0.0": 100}, Mirror("v2.0.0", 0.5, "r")), made.lease)
    made.cluster.kubectl("-n", made.name, "apply", "-f", "-", given=FLAGS)
    return made


def told(shop: Shop, *words: str) -> list[str]:
    """A command line for this namespace."""
    return [*words, "--namespace", shop.name, "--kubeconfig", str(shop.cluster.plane.kubeconfig)]


def backed_up(shop: Shop, capsys: pytest.CaptureFixture[str]) -> str:
    """The file of a new backup."""
    assert main(told(shop, "backup-config", "--json")) == 0
    return str(json.loads(capsys.readouterr().out)["file"])


def renewed(shop: Shop) -> None:
    """A lease that is newer than that of the restore."""
    shop.lease = Lock(shop.api).preempt("price", "eu", "deploy by bob", 600)


def test_what_others_did_since_the_backup_is_told_and_undone(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """Scaled, edited, deleted, added: named first, done with --yes only, equal afterwards."""
    file = backed_up(shop, capsys)
    config = Config(shop.api, 60)
    before = config.items(["price"])
    kubectl, space = shop.cluster.kubectl, ("-n", shop.name)
    kubectl(*space, "scale", "deployment", "price-v1-0-0", "--replicas=5")
    kubectl(*space, "set", "env", "deployment/price-v1-0-0", "DEBUG=1")
    kubectl(*space, "delete", "configmap", "flags")
    shop.up("v3.0.0", FINE)
    shop.traffic.set_route("price", Route({"v1.0.0": 50, "v3.0.0": 50}), shop.lease)
    edited = config.items(["price"])

    assert main(told(shop, "restore-config", file)) == 4
    plan = capsys.readouterr().err
    assert config.items(["price"]) == edited
    assert "1 to make, 2 to change, 2 to remove, 3 equal" in plan
    for line in (
        "make    ConfigMap flags",
        "change  Deployment price-v1-0-0",
        "  spec.replicas: 5 -> 2",
        "remove  Deployment price-v3-0-0",
        "--yes",
    ):
        assert line in plan

    assert main(told(shop, "restore-config", file, "--yes")) == 0
    assert "all 6 items read back as in the backup" in capsys.readouterr().out
    assert config.items(["price"]) == before
    assert shop.workloads.versions_up("price") == ["v1.0.0", "v2.0.0"]
    assert shop.traffic.route("price") == Route({"v1.0.0": 100})
    assert main(told(shop, "restore-config", file)) == 0
    assert "nothing to do" in capsys.readouterr().out


def test_what_was_put_back_is_ours_to_change_again(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither the person who edited it nor the restore itself stands in the next rollout's way."""
    file = backed_up(shop, capsys)
    kubectl, space = shop.cluster.kubectl, ("-n", shop.name)
    kubectl(*space, "scale", "deployment", "price-v1-0-0", "--replicas=5")
    weight = '[{"op": "replace", "path": "/spec/rules/0/backendRefs/0/weight", "value": 7}]'
    kubectl(*space, "patch", "httproute", "price", "--type=json", "-p", weight)
    assert main(told(shop, "restore-config", file, "--yes")) == 0
    renewed(shop)

    shop.up("v1.0.0", FINE)
    shop.traffic.set_route("price", Route({"v1.0.0": 10, "v2.0.0": 90}), shop.lease)

    assert shop.traffic.route("price").weights == {"v1.0.0": 10, "v2.0.0": 90}


class Bustling(Api):
    """An API server whose objects are noted upon by a controller just before we first write one."""

    def __init__(self, shop: Shop) -> None:
        super().__init__(shop.api.access)
        self._shop = shop
        self._noted: set[str] = set()

    def replace(self, kind: Kind, content: Object, *, rehearsed: bool = False) -> Object:
        """Somebody is faster, once for each object and each of rehearsal and write."""
        once = f"{kind.name.lower()}/{content['metadata']['name']}"
        if (mark := f"{once} {rehearsed}") not in self._noted:
            self._noted.add(mark)
            note = f"busy={len(self._noted)}"
            self._shop.cluster.kubectl("-n", self._shop.name, "annotate", once, note, "--overwrite")
        return super().replace(kind, content, rehearsed=rehearsed)


def test_controllers_that_write_at_the_same_time_are_no_obstacle(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """A scaled Deployment is being noted upon while it is rehearsed, and while it is put back."""
    backup = read(Path(backed_up(shop, capsys)))
    shop.cluster.kubectl("-n", shop.name, "scale", "deployment", "price-v1-0-0", "--replicas=5")
    config = Config(Bustling(shop), 60)
    planned = changes(config.items(["price"]), backup.items)

    config.restore(backup, planned, lambda: None)

    assert Config(shop.api, 60).items(["price"]) == backup.items


def test_a_namespace_that_lost_all_of_it_is_made_again(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is named comes before what names it, and pods serve before the route is there."""
    file = backed_up(shop, capsys)
    before = Config(shop.api, 60).items(["price"])
    for kind in ("httproute", "deployment", "service", "configmap"):
        marks = ("-l", "rollout.pincex/component=price")
        shop.cluster.kubectl("-n", shop.name, "delete", kind, *marks, "--wait=true")

    assert main(told(shop, "restore-config", file, "--yes")) == 0

    assert Config(shop.api, 60).items(["price"]) == before
    assert len(shop.traffic.ready_pods("price", "v1.0.0")) == 2


def test_pods_that_do_not_serve_any_more_get_no_traffic(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error says what became of them; the route is the one of before the restore."""
    shop.cluster.kubectl("-n", shop.name, "delete", "deployment", "price-v2-0-0")
    with pytest.raises(Exception, match="ends again and again"):
        shop.up("v2.0.0", fated("crashloop"))
    file = backed_up(shop, capsys)
    shop.cluster.kubectl("-n", shop.name, "delete", "deployment", "price-v2-0-0")
    shop.up("v3.0.0", FINE)
    shop.traffic.set_route("price", Route({"v3.0.0": 100}), shop.lease)

    assert main(told(shop, "restore-config", file, "--yes")) == 1

    said = capsys.readouterr().err
    assert "price-v2-0-0 was put back and does not serve" in said
    assert shop.traffic.route("price") == Route({"v3.0.0": 100})


def test_traffic_waits_for_pods_that_an_earlier_restore_asked_for(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """The Deployment is as in the backup by then, and nothing serves: the route stays, again."""
    backup = read(Path(backed_up(shop, capsys)))
    kubectl, space = shop.cluster.kubectl, ("-n", shop.name)
    shop.up("v3.0.0", FINE)
    shop.traffic.set_route("price", Route({"v3.0.0": 100}), shop.lease)
    kubectl(*space, "delete", "deployment", "price-v1-0-0", "--wait=true")
    kubectl(*space, "create", "quota", "none", "--hard=pods=0")

    for _ in range(2):
        with pytest.raises(NotReady, match="price-v1-0-0 was put back and does not serve"):
            restored(shop, backup, within=3)
        assert shop.traffic.route("price") == Route({"v3.0.0": 100})
    kubectl(*space, "delete", "quota", "none")
    restored(shop, backup, within=60)

    assert shop.traffic.route("price") == Route({"v1.0.0": 100})
    assert Config(shop.api, 60).items(["price"]) == backup.items


def restored(shop: Shop, backup: Backup, within: float) -> None:
    """All that differs, put back."""
    config = Config(shop.api, within)
    config.restore(backup, changes(config.items(["price"]), backup.items), lambda: None)


def test_a_write_that_the_cluster_would_refuse_stops_all_of_them(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rehearsed first: a selector cannot be changed back, and nothing else was written either."""
    file = backed_up(shop, capsys)
    found = shop.api.get(DEPLOYMENT, "price-v1-0-0")
    shop.cluster.kubectl("-n", shop.name, "delete", "deployment", "price-v1-0-0", "--wait=true")
    found["spec"]["selector"]["matchLabels"]["more"] = "yes"
    found["spec"]["template"]["metadata"]["labels"]["more"] = "yes"
    made = {key: found["metadata"][key] for key in ("name", "labels")}
    shop.api.create(DEPLOYMENT, {"metadata": made, "spec": found["spec"]})
    shop.cluster.kubectl("-n", shop.name, "delete", "configmap", "flags")
    edited = Config(shop.api, 60).items(["price"])

    assert main(told(shop, "restore-config", file, "--yes")) == 2

    assert "spec.selector: " in capsys.readouterr().err
    assert Config(shop.api, 60).items(["price"]) == edited


def test_a_rollout_that_holds_the_lock_is_not_disturbed(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error names it, and nothing was written."""
    file = backed_up(shop, capsys)
    shop.cluster.kubectl("-n", shop.name, "delete", "configmap", "flags")
    Lock(shop.api).acquire("price", REGION, "deploy by ann", 600)

    assert main(told(shop, "restore-config", file, "--yes")) == 1

    assert "held by deploy by ann" in capsys.readouterr().err
    assert "ConfigMap flags" not in Config(shop.api, 60).items(["price"])


def test_a_backup_of_another_namespace_is_refused(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would make a second shop of this one."""
    file = backed_up(shop, capsys)
    other = Shop(shop.cluster, shop.cluster.namespace())
    other.up("v1.0.0", PINNED)

    assert main(told(other, "restore-config", file, "--yes")) == 2

    assert f"the backup is of namespace {shop.name} of a cluster" in capsys.readouterr().err
    assert other.api.find(HTTP_ROUTE, "price") is None
