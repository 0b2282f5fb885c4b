"""Fake nodes: kwok answers for them, so that rollouts move without a container."""

import json
import subprocess
import time

import yaml
from kube_build import program
from kube_plane import LOOPBACK, Plane, PlaneDown
from kube_stages import NODE, node, stages

ROLE = "kwok"
NODE_SECONDS = 120.0


def ensure_nodes(plane: Plane, count: int) -> None:
    """Make `count` nodes known and wait until all of them are ready."""
    names = [f"fake-{number}" for number in range(1, count + 1)]
    if ROLE not in plane.parts.alive():
        _start(plane)
    wanted = yaml.safe_dump_all([node(name) for name in names])
    told = plane.kubectl("apply", "-f", "-")
    subprocess.run(told, input=wanted.encode(), check=True, capture_output=True)
    deadline = time.monotonic() + NODE_SECONDS
    while (missing := set(names) - _ready(plane)) and time.monotonic() < deadline:
        time.sleep(0.1)
    if missing:
        raise PlaneDown(f"{missing} did not become ready: {plane.parts.last_words(ROLE)}")


def _start(plane: Plane) -> None:
    config = plane.directory / "kwok.yaml"
    config.write_text(stages())
    told = [
        str(program("kwok")),
        f"--kubeconfig={plane.kubeconfig}",
        f"--config={config}",
        f"--manage-nodes-with-label-selector={NODE}=true",
        f"--cidr={plane.setting.pods}",
        f"--node-ip={LOOPBACK}",
        # No port: nothing here asks a fake kubelet for logs.
        "--node-port=0",
    ]
    plane.parts.start(ROLE, told, bound=plane.setting.bound)


def _ready(plane: Plane) -> set[str]:
    nodes = plane.kubectl("get", "nodes", "-o", "json")
    told = subprocess.run(nodes, capture_output=True, check=True)
    found = set()
    for item in json.loads(told.stdout)["items"]:
        conditions = {c["type"]: c["status"] for c in item.get("status", {}).get("conditions", [])}
        if conditions.get("Ready") == "True":
            found.add(item["metadata"]["name"])
    return found
