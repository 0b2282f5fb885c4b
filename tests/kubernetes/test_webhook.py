"""A real webhook that refuses what a rollout writes: its words, and nothing of it changed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from kube_cluster import Cluster
from kube_release import Shop
from kube_webhook import refusing

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(400)]

WORDS = "no release before Monday (change 4711)"
DENIED = f'admission webhook "freeze.example.com" denied the request: {WORDS}'
NEW_ONES = {
    "apiGroups": ["apps"],
    "resources": ["deployments"],
    "operations": ["CREATE"],
}


@pytest.fixture
def shop(fake_cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """v1.0.0 serves."""
    monkeypatch.setenv("PINCEX_HOME", str(tmp_path))
    with Shop(fake_cluster, tmp_path) as made:
        made.apply_gateway()
        code, report = made.deploy("v1.0.0")
        assert code == 0, report
        yield made


def test_a_webhook_that_refuses_ends_a_deploy_in_its_own_words(shop: Shop) -> None:
    """The version did nothing wrong; `validate` says it before anything is begun, and both say
    where to look."""
    with refusing(shop.cluster, shop.namespace, shop.folder, WORDS, **NEW_ONES):
        words = ("validate", "shop", "--release", "v2.0.0")
        looked, checklist, _ = shop.run(*words)
        code, report, said = shop.command_deploy("v2.0.0")
    after, done, _ = shop.command_deploy("v2.0.0", "--retry")

    failed = {
        line["name"]: line["evidence"] for line in checklist["lines"] if line["outcome"] == "FAIL"
    }
    assert looked == 3
    assert [*failed] == ["prices: manifests"]
    assert DENIED in failed["prices: manifests"]
    assert (code, report.get("ending")) == (4, "INCONCLUSIVE"), (report, said)
    assert report["reason"].startswith("prices: v2.0.0 cannot be started: a webhook of the")
    assert DENIED in report["reason"]
    assert (after, done.get("ending")) == (0, "PROMOTED"), done


def test_a_webhook_that_does_not_answer_is_called_one(shop: Shop) -> None:
    """What it guards cannot be written; what serves goes on."""
    with refusing(shop.cluster, shop.namespace, shop.folder, WORDS, **NEW_ONES) as server:
        server.shutdown()
        server.server_close()
        code, report, said = shop.command_deploy("v2.0.0")

    assert (code, report.get("ending")) == (4, "INCONCLUSIVE"), (report, said)
    assert 'failed calling webhook "freeze.example.com"' in report["reason"]
    assert shop.serving("v1.0.0")
