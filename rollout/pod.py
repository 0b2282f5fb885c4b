"""How the pods of a component run in a cluster, beyond what its other keys say: a PodSpec."""

from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any

from rollout.credentials import holds_credentials
from rollout.toml_lines import Path
from rollout.toml_reader import Reader

SERVER = "server"
VARIABLES = ("PORT", "VERSION")
"""What `deploy` tells every container."""

OURS = ("args", "command", "image", "lifecycle", "livenessProbe", "ports", "readinessProbe")
OURS_OF_POD = ("restartPolicy", "terminationGracePeriodSeconds")
FROM_SECRET = "valueFrom = {secretKeyRef = {name = ..., key = ...}}"


def component_pod(reader: Reader, at: Path) -> Mapping[str, Any]:
    """The `pod` of a component, with exactly one container, called `server`.

    Its fields are for the API server to judge, but for those that follow from other keys.
    """
    at = (*at, "pod")
    if reader.value(at) is None:
        return {"containers": [{"name": SERVER}]}
    _require_free(reader, at, OURS_OF_POD)
    found = reader.entries((*at, "containers"))
    if len(found) != 1 or not isinstance(found[0], dict) or found[0].get("name") != SERVER:
        said = "there must be exactly one, called server"
        reader.wrong((*at, "containers"), said, f'[[{".".join(at)}.containers]] name = "server"')
    server = (*at, "containers", "0")
    _require_free(reader, server, OURS)
    for place, value in leaves(at, reader.value(at)):
        if not _fits(value):
            reader.wrong(place, f"{str(value)[:40]!r} is nothing that JSON knows", '"..."')
    for index in range(len(reader.entries((*server, "env")))):
        _require_named(reader, (*server, "env", str(index)))
    pod: Mapping[str, Any] = reader.value(at)
    return pod


def _require_free(reader: Reader, at: Path, ours: tuple[str, ...]) -> None:
    for key in reader.keys(at):
        if key in ours:
            reader.wrong((*at, key), "it follows from other keys of the component", "leave it out")


def _require_named(reader: Reader, at: Path) -> None:
    """A variable of its own."""
    name = reader.text((*at, "name"), None)
    if name is None or name in VARIABLES:
        said = "it is missing" if name is None else f"{name} is filled in"
        reader.wrong((*at, "name"), said, "a name of its own")
    if holds_credentials(f"{name}={reader.value((*at, 'value')) or ''}"):
        reader.wrong((*at, "value"), "it holds a password", FROM_SECRET)


def leaves(at: Path, value: Any) -> Iterator[tuple[Path, Any]]:
    """Everything that is neither table nor list, with its place."""
    inner = value if isinstance(value, dict) else None
    if isinstance(value, list):
        inner = dict(enumerate(value))
    if inner is None:
        yield at, value
        return
    for key, one in inner.items():
        yield from leaves((*at, str(key)), one)


def _fits(value: Any) -> bool:
    return isinstance(value, str | int) or (isinstance(value, float) and isfinite(value))
