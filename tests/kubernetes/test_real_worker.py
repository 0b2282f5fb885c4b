"""The worker of manifests/worker as a kubelet runs it: its user, volumes and probe, and its end."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from kube_build import program
from kube_cluster import Cluster
from kube_host import IMAGE, add_image, volume, with_programs
from kube_image import image
from kube_real import RealNode, inside
from kube_requests import Scraper
from kube_targets import Targets
from kube_worker import MANIFESTS, overlay, prefect_server
from kube_worker import NAME as WORKER

pytestmark = pytest.mark.kubernetes

WITHIN = 240.0
SLOW = "pincex.test/slow"
APPLICATION = f"""
[application]
name = "shop"

[component.prices]
image = "{SLOW}:{{version}}"
command = ["/pod", "serve", "{{port}}"]
paths = ["/prices"]
runs = "many"
"""


@dataclass(frozen=True)
class Place:
    """A namespace of the real node with a worker in it."""

    cluster: Cluster
    namespace: str

    def kubectl(self, *words: str, given: object = None) -> str:
        """kubectl in the namespace."""
        return self.cluster.kubectl("-n", self.namespace, *words, given=given)

    def pincex(self, *words: str) -> dict[str, Any]:
        """A verb as the runbook has it run: by exec in the worker's pod."""
        way = ("exec", f"deployment/{WORKER}", "--", "pincex", *words)
        told: dict[str, Any] = json.loads(
            self.kubectl(*way, "--namespace", self.namespace, "--json")
        )
        return told

    def until_ready(self) -> None:
        """The worker's readiness probe is answered: Prefect is asked for work."""
        deadline = time.monotonic() + WITHIN
        chosen = ("get", "deployment", WORKER, "-o", "jsonpath={.status.readyReplicas}")
        while self.kubectl(*chosen) != "1":
            assert time.monotonic() < deadline, self.said()
            time.sleep(1)

    def said(self) -> str:
        """What is known of the worker's pod, for whoever reads a failure."""
        words = self.kubectl("describe", "pods", "-l", f"app.kubernetes.io/name={WORKER}")
        return words[-3_000:]

    def closed(self) -> list[dict[str, Any]]:
        """The rows of the ledger by which a rollout ended."""
        rows = self.pincex("history")["rows"]
        return [row for row in rows if row["kind"] == "rollout-closed"]


@pytest.fixture
def place(real_node: RealNode, tmp_path: Path) -> Iterator[Place]:
    """The runbook's overlay applied where Prefect and Prometheus are, as this machine has them."""
    add_image(real_node)
    archive = tmp_path / "slow.tar"
    # So slow that its deploy is still open when the worker has gone, and its liveness probe would
    # have ended it.
    slow = {"VERSION": "v1.0.0", "STARTS": "35s"}
    archive.write_bytes(image(program("pod").read_bytes(), f"{SLOW}:v1.0.0", slow))
    real_node.ctr("images", "import", str(archive))
    with inside(real_node.namespace), prefect_server(tmp_path / "prefect") as prefect:
        cluster = Cluster(real_node.plane)
        made = Place(cluster, cluster.namespace())
        targets = Targets(cluster.api(made.namespace), tmp_path / "pods.json")
        scraper = Scraper(tmp_path / "prometheus", targets.job)
        (state := tmp_path / "state").mkdir()
        ledger = volume(f"state-{made.namespace}", state)
        try:
            with targets:
                scraper.start()
                cluster.kubectl("apply", "-f", "-", given=ledger)
                url = f'url = "{scraper.url}"'
                settings = {"application.toml": APPLICATION, "metrics.toml": url}
                made.kubectl("apply", "-f", "-", given=config("pincex-settings", settings))
                patches = (with_programs(WORKER), way_to(real_node.plane.url))
                folder = overlay(tmp_path / "overlay", prefect.prefect_api, *patches, image=IMAGE)
                made.kubectl("apply", "-k", str(folder))
                yield made
        finally:
            scraper.stop()
            cluster.kubectl("delete", "namespace", made.namespace, "--wait=false")
            cluster.kubectl("delete", "--wait=false", "--ignore-not-found", "-f", "-", given=ledger)


def config(name: str, data: dict[str, str]) -> dict[str, Any]:
    """A ConfigMap."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def way_to(url: str) -> dict[str, Any]:
    """The kubeconfig of the manifests, where no Service leads to the API server."""
    (told,) = (
        one
        for one in yaml.safe_load_all((MANIFESTS / "settings.yaml").read_text())
        if one["metadata"]["name"] == "pincex-worker-access"
    )
    kubeconfig = told["data"]["kubeconfig"].replace("https://kubernetes.default.svc", url)
    return config("pincex-worker-access", {"kubeconfig": kubeconfig})


def test_a_deploy_goes_on_in_the_pod_that_comes_after_one_that_was_evicted(place: Place) -> None:
    """As user 10001 on a read-only root, with the ledger on its volume, known by its name."""
    place.until_ready()
    way = ("--application", "/settings/application.toml", "--metrics", "/settings/metrics.toml")
    place.pincex("deploy", "v1.0.0", *way, "--gateway", "none", "--no-follow")
    assert not place.closed()

    place.kubectl("delete", "pod", "-l", f"app.kubernetes.io/name={WORKER}")
    place.until_ready()
    deadline = time.monotonic() + WITHIN
    while not (ended := place.closed()):
        assert time.monotonic() < deadline, place.pincex("status")
        time.sleep(2)

    (row,) = ended
    assert row["data"]["ending"] == "PROMOTED", row["data"]
    assert row["actor"] == WORKER
    versions = place.kubectl("get", "deployments", "-o", "name").split()
    assert [one for one in versions if "v1.0.0" in one or "v1-0-0" in one]
