"""`deploy`, `status` and `rollback` of services on a real API server, judged by a Prometheus."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from kube_cluster import Cluster
from kube_release import NAME, Shop
from kube_requests import Behaviour

from cluster.kubernetes.kinds import DEPLOYMENT
from cluster.kubernetes.names import COMPONENT, FENCE, VERSION

pytestmark = pytest.mark.kubernetes


@pytest.fixture(params=["gateway", "replicas"])
def shop(fake_cluster: Cluster, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Shop]:
    """v1.0.0 of two components serves, the second one single."""
    behind = request.param == "gateway"
    with Shop(fake_cluster, tmp_path, gateway=behind, single=True) as made:
        if behind:
            made.apply_gateway()
        code, report, said = made.command_deploy("v1.0.0")
        assert (code, report.get("ending")) == (0, "PROMOTED"), (report, said)
        yield made


def test_a_release_is_rolled_out_undone_on_evidence_and_rolled_back(shop: Shop) -> None:
    """Forward in steps, back by itself where it fails more often, back by hand: all of it."""
    code, report, said = shop.command_deploy("v2.0.0")
    assert (code, report.get("ending")) == (0, "PROMOTED"), (report, said)
    assert shop.serving("v2.0.0")

    shop.requests.behave["settlement", "v3.0.0"] = Behaviour(errors=0.5)
    code, report, said = shop.command_deploy("v3.0.0")
    assert (code, report.get("ending")) == (3, "ROLLED_BACK"), (report, said)
    assert "settlement: errors" in report["reason"]
    assert shop.serving("v2.0.0")
    code, report, _ = shop.command_deploy("v3.0.0")
    assert (code, report["changed"]) == (3, "Nothing was changed.")
    assert "v3.0.0 was undone" in report["error"]
    assert "--retry" in report["hint"]

    code, report, said = shop.run("rollback")
    assert (code, report["back"]) == (0, {"prices": "v1.0.0", "settlement": "v1.0.0"}), said
    assert shop.serving("v1.0.0")
    code, report, _ = shop.run("status")
    (entry,) = report["applications"]
    assert (code, entry["version"], entry["open"]) == (0, "v1.0.0", None)
    assert [part["weights"] for part in entry["parts"]] == [{"v1.0.0": 100}] * 2
    written = shop.api.get(DEPLOYMENT, "prices-v1-0-0")["metadata"]["annotations"]
    assert int(written[FENCE]) > 0
    assert shop.holder() is None
    assert entry["name"] == NAME


@pytest.mark.parametrize("shop", ["gateway"], indirect=True)
def test_what_serves_with_more_pods_than_described_is_followed_by_as_many(shop: Shop) -> None:
    """As an autoscaler makes them: neither a deploy nor an undo takes capacity away."""
    scaled = ("scale", "deployment", "prices-v1-0-0", "--replicas=5")
    shop.cluster.kubectl("-n", shop.namespace, *scaled)
    code, report, said = shop.command_deploy("v2.0.0")
    assert (code, report.get("ending")) == (0, "PROMOTED"), (report, said)
    assert shop.serving("v2.0.0")
    assert wanted(shop) == {"v1.0.0": 5, "v2.0.0": 5}

    code, report, said = shop.run("rollback")
    assert code == 0, said
    assert shop.serving("v1.0.0")
    assert wanted(shop)["v1.0.0"] == 5


def wanted(shop: Shop) -> dict[str, int]:
    """How many pods each version of `prices` is to have."""
    return {
        told["metadata"]["labels"][VERSION]: told["spec"]["replicas"]
        for told in shop.api.list(DEPLOYMENT, {COMPONENT: "prices"})
    }
