"""A pod that ends on nobody's word, as on a node that went silent: waited for, or left behind."""

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from kube_cluster import Cluster
from kube_release import NAME, POLICY, Shop

from cluster.kubernetes.kinds import POD
from cluster.kubernetes.names import labels
from flows.platform import parts_of

pytestmark = pytest.mark.kubernetes

IMPATIENT = f"{POLICY}\n".replace("[rollout]\n", "[rollout]\ndrain_within = 1\n")
KEPT = '{"metadata": {"finalizers": ["pincex.test/kept"]}}'
FREED = '{"metadata": {"finalizers": null}}'


@pytest.fixture
def shop(fake_cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """v1.0.0 of two components serves, one of which acts alone."""
    monkeypatch.setenv("PINCEX_HOME", str(tmp_path))
    with Shop(fake_cluster, tmp_path, single=True) as made:
        made.apply_gateway()
        (tmp_path / "policy.toml").write_text(IMPATIENT)
        assert made.deploy("v1.0.0")[1]["ending"] == "PROMOTED"
        yield made


def pods(shop: Shop, component: str, version: str) -> list[str]:
    """The names of a version's pods."""
    found = shop.api.list(POD, labels(component, version))
    return [pod["metadata"]["name"] for pod in found]


def patched(shop: Shop, pod: str, how: str) -> None:
    """Keep a pod from being taken away, or let it go."""
    shop.cluster.kubectl("-n", shop.namespace, "patch", "pod", pod, "--type=merge", "-p", how)


def taken(shop: Shop, component: str) -> str:
    """Which version serves by the ledger."""
    serving = parts_of(shop.site, NAME).part(component).serving
    assert serving is not None
    return serving.version


def test_what_acts_alone_is_not_taken_over_while_a_pod_of_the_one_before_is_left(
    shop: Shop,
) -> None:
    """It may act still, however long its Deployment is gone."""
    (stuck,) = pods(shop, "settlement", "v1.0.0")
    patched(shop, stuck, KEPT)
    deploying = shop.begin("v2.0.0", IMPATIENT)
    weights = {"v2.0.0": 100}
    shop.until(lambda: shop.services.route("settlement").weights == weights, "it is handed over")
    shop.until(lambda: "v1.0.0" not in _deployed(shop), "its Deployment is gone")
    time.sleep(20)
    assert taken(shop, "settlement") == "v1.0.0"
    patched(shop, stuck, FREED)

    assert deploying.result(120)[1]["ending"] == "PROMOTED"
    assert taken(shop, "settlement") == "v2.0.0"


def test_a_pod_of_many_is_left_behind_and_told(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rollout ends, and its history names the pod."""
    monkeypatch.setattr("cluster.kubernetes.pods.OVERDUE", timedelta(seconds=5))
    assert shop.deploy("v2.0.0")[1]["ending"] == "PROMOTED"
    stuck = pods(shop, "prices", "v1.0.0")[0]
    patched(shop, stuck, KEPT)
    code, report = shop.deploy("v3.0.0")
    patched(shop, stuck, FREED)

    assert (code, report["ending"]) == (0, "PROMOTED"), report
    rows = [row.data for row in shop.site.ledger.rows(component=NAME)]
    how = [row["how"] for row in rows if row.get("version") == "v1.0.0" and "how" in row]
    assert any(f"left behind, as nobody ends them: {stuck}" in said for said in how), how


def _deployed(shop: Shop) -> str:
    told = shop.cluster.kubectl("-n", shop.namespace, "get", "deployments", "-o", "name")
    return told.replace("settlement-v1-0-0", "v1.0.0")
