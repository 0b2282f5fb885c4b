"""`pincex validate` as a person runs it against a real API server."""

import json

import pytest
from kube_cluster import Cluster
from kube_shop import PINNED, Shop

from flows.cli import main

pytestmark = pytest.mark.kubernetes


def test_validate_says_what_is_wrong_and_changes_nothing(
    fake_cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    """Faults first with their remedy, within 80 columns, and the exit code of a refusal."""
    shop = Shop(fake_cluster, fake_cluster.namespace())
    shop.up("v1.0.0", PINNED)
    patch = '{"spec": {"strategy": {"rollingUpdate": {"maxUnavailable": 1}}}}'
    shop.cluster.kubectl("-n", shop.name, "patch", "deployment", "price-v1-0-0", "-p", patch)
    before = shop.cluster.kubectl("-n", shop.name, "get", "all", "-o", "name")
    told = ["validate", "price", "--namespace", shop.name]
    told += ["--kubeconfig", str(fake_cluster.plane.kubeconfig)]

    assert main(told) == 3
    shown = capsys.readouterr().out
    assert main([*told, "--json"]) == 3
    report = json.loads(capsys.readouterr().out)

    first, second, *_ = shown.splitlines()
    assert first.startswith(f"price in {shop.name} (test): 1 FAIL, ")
    assert second.startswith("FAIL         price-v1-0-0: strategy: maxUnavailable 1")
    assert "right: maxUnavailable: 0" in shown
    assert max(len(line) for line in shown.splitlines()) <= 80
    assert report["counts"]["FAIL"] == 1
    assert shop.cluster.kubectl("-n", shop.name, "get", "all", "-o", "name") == before


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--context", "asia"], "no context 'asia'. Known: test"),
        (["--kubeconfig", "none.yaml"], "there is no kubeconfig none.yaml"),
    ],
    ids=["context", "kubeconfig"],
)
def test_where_to_look_must_be_there(
    fake_cluster: Cluster,
    capsys: pytest.CaptureFixture[str],
    more: list[str],
    words: str,
) -> None:
    """A wrong way in is bad input, with what is known."""
    told = ["validate", "price", "--kubeconfig", str(fake_cluster.plane.kubeconfig), *more]

    assert main(told) == 2
    assert words in capsys.readouterr().err
