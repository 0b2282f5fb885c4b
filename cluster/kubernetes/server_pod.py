"""The pod of a model's server, as its owner describes it: everything but what serving needs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from cluster.errors import Invalid

SERVER, POD_NAME = "server", "POD_NAME"
OURS = ("args", "lifecycle", "livenessProbe", "ports", "readinessProbe", "startupProbe")
OURS_OF_POD = ("restartPolicy", "terminationGracePeriodSeconds")
RIGHT = "containers: [{name: server, image: ..., volumeMounts: ...}]"


def read_server_pod(path: Path, home: Path) -> Mapping[str, Any]:
    """A PodSpec with one container `server`; `{home}` in it is the folder of the site.

    Invalid names what is wrong with the file. Its other fields are for the API server to judge.
    """
    described = _read(path, home)
    server = _server(path, described)
    taken = [name for name in OURS if name in server]
    taken += [name for name in OURS_OF_POD if name in described]
    if taken:
        raise Invalid(
            f"{path} says {', '.join(taken)}, which follow from how models are served",
            hint="leave them out",
        )
    named = {"name": POD_NAME, "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    whole = {"command": ["python"], **server, "env": [*server.get("env", ()), named]}
    return {**described, "containers": [whole]}


def _read(path: Path, home: Path) -> dict[str, Any]:
    try:
        told = yaml.safe_load(path.read_text(encoding="utf-8").replace("{home}", str(home)))
    except FileNotFoundError as error:
        raise Invalid(
            f"there is no {path}, which says how a model's server runs in a cluster",
            hint="RUNBOOK.md, Models in a cluster, has one to begin with",
        ) from error
    except (OSError, ValueError, yaml.YAMLError) as error:
        said = " ".join(str(error).split())
        raise Invalid(f"{path} cannot be read: {said}", hint="a PodSpec in YAML") from error
    if not isinstance(told, dict):
        raise _wrong(path, "it is no PodSpec")
    return told


def _server(path: Path, described: Mapping[str, Any]) -> dict[str, Any]:
    """The one container that there may be."""
    containers = described.get("containers")
    if not isinstance(containers, list) or len(containers) != 1:
        raise _wrong(path, "it must have exactly one container, called server")
    server = containers[0]
    if not isinstance(server, dict) or server.get("name") != SERVER:
        raise _wrong(path, "its container must be called server")
    if not isinstance(server.get("image"), str):
        raise _wrong(path, "the container has no image")
    if not isinstance(server.get("command", []), list):
        raise _wrong(path, "command is the Python that runs the server, as a list of words")
    if not isinstance(server.get("env", []), list):
        raise _wrong(path, "env is a list of names with values")
    return server


def _wrong(path: Path, what: str) -> Invalid:
    return Invalid(f"{path}: {what}", hint=RIGHT)
