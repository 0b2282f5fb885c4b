"""Several files in $KUBECONFIG lead where kubectl goes."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from kube_cluster import Cluster
from kube_shop import PINNED, Shop

from cluster.kubernetes.kubeconfig import read_access
from flows.cli import main

pytestmark = pytest.mark.kubernetes

ELSEWHERE = "https://127.0.0.1:9"


@pytest.fixture
def files(fake_cluster: Cluster, tmp_path: Path) -> dict[str, Path]:
    """The kubeconfig of an administrator in three pieces, and one of another cluster."""
    whole = yaml.safe_load(fake_cluster.plane.kubeconfig.read_text())
    contexts = [{"name": "test", "context": {**whole["contexts"][0]["context"], "namespace": "a"}}]
    pieces = {
        "clusters": {"clusters": whole["clusters"]},
        "users": {"users": whole["users"]},
        "contexts": {"contexts": contexts, "current-context": "test"},
        "other": {
            **whole,
            "clusters": [{"name": "test", "cluster": {"server": ELSEWHERE}}],
            "contexts": [{"name": "other", "context": whole["contexts"][0]["context"]}],
            "current-context": "other",
        },
    }
    made = {}
    for name, content in pieces.items():
        made[name] = tmp_path / f"{name}.yaml"
        made[name].write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", **content}))
    return made


@pytest.mark.parametrize(
    "order",
    [
        "clusters users contexts",
        "contexts clusters users other",
        "other contexts clusters users",
        "users contexts clusters missing",
        "contexts other users",
    ],
)
def test_the_same_cluster_context_and_namespace_as_kubectl(
    fake_cluster: Cluster, files: dict[str, Path], tmp_path: Path, order: str
) -> None:
    """Whatever the order is: of each name the first that is found holds."""
    joined = ":".join(str(files.get(name, tmp_path / name)) for name in order.split())
    view = viewed(fake_cluster, joined)

    told = read_access(Path(joined), None, None)

    context = view["contexts"][0]["context"]
    assert told.context == view["current-context"]
    assert told.server == view["clusters"][0]["cluster"]["server"]
    assert told.namespace == context.get("namespace", "default")


def viewed(cluster: Cluster, joined: str) -> dict[str, Any]:
    """What kubectl makes of the files, its current context alone."""
    argv = cluster.plane.kubectl("config", "view", "--minify", "-o", "json")
    argv = [word for word in argv if not word.startswith("--kubeconfig")]
    environment = {**os.environ, "KUBECONFIG": joined}
    done = subprocess.run(argv, env=environment, capture_output=True, check=True)
    view: dict[str, Any] = json.loads(done.stdout)
    return view


def test_a_verb_goes_where_several_files_lead(
    fake_cluster: Cluster,
    files: dict[str, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """By the environment, and by the option, as a hint has it."""
    shop = Shop(fake_cluster, fake_cluster.namespace())
    shop.up("v1.0.0", PINNED)
    joined = ":".join(str(files[name]) for name in ("clusters", "users", "contexts"))
    words = ["diagnose", "price", "--namespace", shop.name]

    monkeypatch.setenv("KUBECONFIG", joined)
    assert main(words) == 0
    monkeypatch.delenv("KUBECONFIG")
    assert main([*words, "--kubeconfig", joined]) == 0
    assert f"price in {shop.name} (test): no cause found" in capsys.readouterr().out
