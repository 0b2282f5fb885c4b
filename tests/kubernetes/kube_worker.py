"""The worker of the manifests, run here as its Deployment says: its files, environment, command.

What a kubelet does for a pod is done for a process: volumes become folders, and each path of the
container is the path of its folder here.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from kube_cluster import Cluster

from cluster.local.ports import free_ports
from flows.prefect_api import Configured

ROOT = Path(__file__).resolve().parents[2]
MANIFESTS = ROOT / "manifests" / "worker"
IMAGE_HOME = "/app"
API_SERVER = "https://kubernetes.default.svc"
NAME = "pincex-worker"
# A kubelet waits for the pod's own grace; a busy machine is given longer.
ENDED_WITHIN = 120.0


def overlay(folder: Path, prefect: str, *more: object, image: str | None = None) -> Path:
    """The overlay of the runbook, with a Prefect server that is elsewhere; `more` are patches."""
    text = (ROOT / "RUNBOOK.md").read_text().split("#### A worker in the cluster", 1)[1]
    found = re.search(r"```yaml\n(.*?)```", text, re.S)
    assert found
    told = yaml.safe_load(found[1])
    assert told["resources"] == ["../manifests/worker"]
    folder.mkdir()
    told["resources"] = [os.path.relpath(MANIFESTS, folder)]
    change = {"op": "replace", "path": "/data/prefect-api-url", "value": prefect}
    target = {"kind": "ConfigMap", "name": NAME}
    told["patches"].append({"target": target, "patch": yaml.safe_dump([change])})
    told["patches"] += [{"patch": yaml.safe_dump(patch)} for patch in more]
    if image is not None:
        name, _, tag = image.rpartition(":")
        told["images"] = [{**told["images"][0], "newName": name, "newTag": tag}]
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(told))
    return folder


@dataclass
class Pod:
    """What the Deployment of a namespace makes, as a process; `state` is its ledger's volume."""

    cluster: Cluster
    namespace: str
    folder: Path
    state: Path
    spec: Mapping[str, Any] = field(init=False)
    health: int = field(default_factory=lambda: free_ports(1)[0])

    def __post_init__(self) -> None:
        self.spec = self._get("deployment", NAME)["spec"]["template"]["spec"]
        self.container: Mapping[str, Any] = self.spec["containers"][0]
        self.mounts = self.container["volumeMounts"]
        for volume in self.spec["volumes"]:
            if "projected" not in volume and volume["name"] != "state":
                (self.folder / volume["name"]).mkdir(parents=True, exist_ok=True)
        self.renew()

    @property
    def kubeconfig(self) -> Path:
        """As the container knows it, in the folder that stands for its volume."""
        return Path(self.environment()["KUBECONFIG"])

    def renew(self) -> None:
        """Write the projected volume as a kubelet does: a new folder, a moved link, none before."""
        (volume,) = (one for one in self.spec["volumes"] if "projected" in one)
        place = self.folder / volume["name"]
        place.mkdir(parents=True, exist_ok=True)
        data, link = place / f"..{time.monotonic_ns()}", place / "..data"
        before = link.resolve() if link.exists() else None
        data.mkdir()
        for source in volume["projected"]["sources"]:
            for name, content in self._projected(source).items():
                (data / name).write_text(content.replace(API_SERVER, self.cluster.plane.url))
                if before is None:
                    (place / name).symlink_to(Path("..data") / name)
        (place / "..next").symlink_to(data.name)
        (place / "..next").rename(link)
        if before is not None:
            shutil.rmtree(before)

    def environment(self) -> dict[str, str]:
        """The variables of the container, and no others."""
        told: dict[str, str] = {}
        for one in self.container["env"]:
            value = one.get("value") if "value" in one else self._value(one["valueFrom"])
            if value is not None:
                known = re.sub(r"\$\((\w+)\)", lambda found: told[found[1]], value)
                told[one["name"]] = self._here(known)
        return {**told, "PREFECT_WORKER_WEBSERVER_PORT": str(self.health)}

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        """Its process, until the block ends."""
        argv = [self._here(word) for word in self.container["command"]]
        with (self.folder / "log").open("wb") as log:
            process = subprocess.Popen(
                argv, env=self.environment(), cwd=self._here(self.container["workingDir"]),
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(ENDED_WITHIN)

    def ready(self) -> bool:
        """What its readiness probe says."""
        probe = self.container["readinessProbe"]["httpGet"]
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self.health}{probe['path']}", timeout=5
            ) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    def said(self) -> str:
        """The log of the container."""
        return (self.folder / "log").read_text()

    def _here(self, text: str) -> str:
        """Paths of the container as paths of this machine."""
        mounted = {one["mountPath"]: self.folder / one["name"] for one in self.mounts}
        told = {**mounted, "/state": self.state, IMAGE_HOME: ROOT}
        inside = "|".join(told)
        return re.sub(rf"(?<![^:])({inside})(?=/|:|$)", lambda found: str(told[found[1]]), text)

    def _value(self, source: Mapping[str, Any]) -> str | None:
        if "fieldRef" in source:
            assert source["fieldRef"]["fieldPath"] == "metadata.namespace"
            return self.namespace
        if "secretKeyRef" in source:
            # Optional, and not there: this server asks nobody who they are.
            assert source["secretKeyRef"]["optional"]
            return None
        asked = source["configMapKeyRef"]
        return str(self._get("configmap", asked["name"])["data"][asked["key"]])

    def _projected(self, source: Mapping[str, Any]) -> dict[str, str]:
        if "configMap" in source:
            told: dict[str, str] = self._get("configmap", source["configMap"]["name"])["data"]
            return told
        asked = source["serviceAccountToken"]
        account, seconds = self.spec["serviceAccountName"], asked["expirationSeconds"]
        words = ("create", "token", account, f"--duration={seconds}s")
        return {asked["path"]: self.cluster.kubectl("-n", self.namespace, *words).strip()}

    def _get(self, kind: str, name: str) -> dict[str, Any]:
        told = self.cluster.kubectl("-n", self.namespace, "get", kind, name, "-o", "yaml")
        found: dict[str, Any] = yaml.safe_load(told)
        return found


@contextmanager
def prefect_server(folder: Path) -> Iterator[Configured]:
    """The real Prefect server, for as long as a block lasts; it asks nobody who he is."""
    folder.mkdir()
    (port,) = free_ports(1)
    environment = {
        **os.environ, "PREFECT_HOME": str(folder), "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
    }  # fmt: skip
    argv = [
        *(sys.executable, "-m", "uvicorn", "prefect.server.api.server:create_app", "--factory"),
        *("--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"),
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(argv, env=environment, stdout=log, stderr=log)
    try:
        yield Configured(f"http://127.0.0.1:{port}/api")
    finally:
        # It has nothing to keep, and takes its time to end well.
        process.kill()
        process.wait()
