"""The worker of manifests/worker: what an API server makes of it, and what it goes on with.

It runs here as its Deployment says, with the real Prefect server.
"""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from kube_cluster import Cluster
from kube_release import NAME, PATIENCE, Shop
from kube_worker import NAME as WORKER
from kube_worker import Pod, overlay, prefect_server

from flows import prefect_api
from flows.prefect_api import Configured, PrefectLost
from flows.zombies import process_tag

pytestmark = pytest.mark.kubernetes

PREFECT = "http://127.0.0.1:9/api"
VOLUME: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "PersistentVolume",
    "spec": {
        "capacity": {"storage": "2Gi"},
        "accessModes": ["ReadWriteOnce"],
        "hostPath": {"path": "/var/lib/ledger"},
    },
}


@pytest.fixture
def space(fake_cluster: Cluster) -> str:
    """A namespace that takes restricted pods only."""
    name = fake_cluster.namespace()
    label = "pod-security.kubernetes.io/enforce=restricted"
    fake_cluster.kubectl("label", "namespace", name, label)
    return name


def test_the_api_server_takes_each_object_as_it_is_written(
    fake_cluster: Cluster, space: str, tmp_path: Path
) -> None:
    """A dry run of the runbook's overlay, with every field known and no default left to chance."""
    folder = overlay(tmp_path / "overlay", PREFECT)
    told = fake_cluster.kubectl(
        *("-n", space, "apply", "--server-side", "--dry-run=server", "--validate=strict"),
        *("-k", str(folder), "-o", "name"),
    )
    kinds = {line.split("/")[0].split(".")[0] for line in told.split()}
    assert kinds == {
        *("configmap", "deployment", "networkpolicy", "persistentvolumeclaim"),
        *("poddisruptionbudget", "role", "rolebinding", "serviceaccount"),
    }


def test_its_pod_is_admitted_where_only_restricted_ones_are_and_leaves_a_node_that_is_drained(
    fake_cluster: Cluster, space: str, tmp_path: Path
) -> None:
    """It gets ready on a fake node, the budget lets it be evicted, and it comes back."""
    kubectl = fake_cluster.kubectl
    volume = {**VOLUME, "metadata": {"name": f"ledger-{space}"}}
    kubectl("apply", "-f", "-", given=volume)
    kubectl("-n", space, "apply", "-k", str(overlay(tmp_path / "overlay", PREFECT)))
    rolled = ("rollout", "status", f"deployment/{WORKER}", "--timeout=50s")
    kubectl("-n", space, *rolled)
    (pod,) = pods(fake_cluster, space)
    told = [one["type"] for one in pod["status"]["conditions"] if one["status"] == "True"]
    assert "Ready" in told
    assert pod["spec"]["serviceAccountName"] == "rollout-releaser"

    name = pod["metadata"]["name"]
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": name, "namespace": space},
    }
    file = tmp_path / "eviction.json"
    file.write_text(json.dumps(eviction))
    path = f"/api/v1/namespaces/{space}/pods/{name}/eviction"
    kubectl("create", "--raw", path, "-f", str(file))
    kubectl("-n", space, "wait", f"pod/{name}", "--for=delete", "--timeout=50s")
    kubectl("-n", space, *rolled)
    (after,) = pods(fake_cluster, space)
    assert after["metadata"]["name"] != name


def pods(cluster: Cluster, space: str) -> list[dict[str, Any]]:
    """The worker's pods."""
    chosen = f"app.kubernetes.io/name={WORKER}"
    told = cluster.kubectl("-n", space, "get", "pods", "-l", chosen, "-o", "yaml")
    found: list[dict[str, Any]] = yaml.safe_load(told)["items"]
    return found


@pytest.fixture
def prefect(tmp_path: Path) -> Iterator[Configured]:
    """The real Prefect server."""
    with prefect_server(tmp_path / "prefect") as made:
        yield made


@pytest.fixture
def shop(
    prefect: Configured, fake_cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shop]:
    """A namespace with the worker's objects, in which v1.0.0 serves by its account."""
    folder = tmp_path / "state"
    folder.mkdir()
    monkeypatch.setenv("PINCEX_HOME", str(folder))
    with Shop(fake_cluster, folder, gateway=False) as made:
        written = overlay(tmp_path / "overlay", prefect.prefect_api)
        fake_cluster.kubectl("-n", made.namespace, "apply", "-k", str(written))
        yield made


@pytest.fixture
def pod(shop: Shop, tmp_path: Path) -> Pod:
    """What the Deployment makes, whose ledger is the shop's."""
    made = Pod(shop.cluster, shop.namespace, tmp_path / "pod", shop.folder)
    shop.way = made.kubeconfig
    return made


def ask(prefect: Configured, method: str, path: str, body: object = None) -> Any:
    """What the server answers; asked again where a busy machine makes it late."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return prefect_api.call(prefect, method, path, body)
        except PrefectLost:
            assert time.monotonic() < deadline


def asked_for(prefect: Configured, deployment: str) -> None:
    """A run of a deployment, as a person starts one in Prefect."""
    ask(prefect, "POST", f"deployments/{deployment}/create_flow_run", {})


def left_running(prefect: Configured, deployment: dict[str, Any]) -> str:
    """A run as a worker that was killed left it: running, by a process that is dead."""
    gone = subprocess.Popen(["/bin/sleep", "60"])
    tag = process_tag(gone.pid)
    gone.kill()
    gone.wait()
    told = {"flow_id": deployment["flow_id"], "deployment_id": deployment["id"], "tags": [tag]}
    made = ask(prefect, "POST", "flow_runs/", {**told, "state": {"type": "RUNNING"}})
    return str(made["id"])


def states(prefect: Configured, deployment: str) -> list[dict[str, Any]]:
    """The states of the flow runs of a deployment."""
    wanted = {"flow_runs": {"deployment_id": {"any_": [deployment]}}}
    found = ask(prefect, "POST", "flow_runs/filter", wanted)
    return [{key: run["state"][key] for key in ("type", "name")} for run in found]


def of(prefect: Configured, run: str) -> dict[str, Any]:
    """The state of a flow run: type and name."""
    found = ask(prefect, "GET", f"flow_runs/{run}")["state"]
    return {"type": found["type"], "name": found["name"]}


def killed_deploy(shop: Shop, version: str) -> None:
    """A deploy that is open and has no process: killed once its version gets requests."""
    flow = shop.flow("deploy", shop.request(version))
    shop.until(lambda: shop.weights().get("prices", {}).get(version), f"{version} gets requests")
    flow.kill()
    flow.communicate()


def test_a_deploy_whose_process_was_killed_goes_on_by_a_flow_run_of_resume(
    shop: Shop, pod: Pod, prefect: Configured
) -> None:
    """And goes on where Prefect's worker is killed with its flow run: that is started again."""
    with pod.running() as process:
        code, report = shop.deploy("v1.0.0")
        assert (code, report.get("ending")) == (0, "PROMOTED"), report
        killed_deploy(shop, "v2.0.0")
        pod.renew()
        shop.until(pod.ready, "the worker asks for work")
        (made,) = ask(prefect, "POST", "deployments/filter", {})
        assert made["work_pool_name"] == made["name"] == f"pincex-{shop.namespace}"
        (schedule,) = made["schedules"]
        assert (schedule["schedule"]["cron"], schedule["active"]) == ("* * * * *", True)
        left = left_running(prefect, made)

        # This run, or one that the schedule began a moment before, or a minute after.
        asked_for(prefect, made["id"])
        promoted = {"type": "COMPLETED", "name": "Promoted"}
        shop.until(lambda: promoted in states(prefect, made["id"]), "a run ended with the rollout")
        assert shop.serving("v2.0.0")
        shop.until(lambda: of(prefect, left)["name"] == "Crashed", "what was left is marked")

        killed_deploy(shop, "v3.0.0")
        asked_for(prefect, made["id"])
        shop.until(shop.holder, "somebody goes on with it")
        (worker,) = psutil.Process(process.pid).children()
        family = [worker, *worker.children(recursive=True)]
        for one in [each for each in family if "prefect" in " ".join(each.cmdline())]:
            one.kill()
        shop.until(lambda: shop.site.history(NAME).open is None, "it is closed")
        assert shop.serving("v3.0.0")
        again = psutil.Process(process.pid).children
        shop.until(lambda: [one for one in again() if one.pid != worker.pid], "it is started again")
    assert process.returncode == 0
