"""Secrets and ConfigMaps that a Deployment's pods name, with the keys that must be in them."""

from collections.abc import Iterator, Mapping
from typing import Any

from cluster.kubernetes.api import Api, Object
from cluster.kubernetes.kinds import CONFIG_MAP, SECRET, Kind
from rollout.checklist_line import Line, Outcome

Told = Mapping[str, Any]
Named = tuple[Kind, str, set[str]]
IN_ENV = ((SECRET, "secretKeyRef"), (CONFIG_MAP, "configMapKeyRef"))
IN_ENV_FROM = ((SECRET, "secretRef"), (CONFIG_MAP, "configMapRef"))
IN_VOLUME = ((SECRET, "secret", "secretName"), (CONFIG_MAP, "configMap", "name"))
IN_PROJECTED = ((SECRET, "secret", "name"), (CONFIG_MAP, "configMap", "name"))


def wanted(deployment: Object) -> list[Named]:
    """Each object once, by its name, with all keys that some container or volume needs."""
    pod = deployment["spec"]["template"]["spec"]
    found: dict[tuple[Kind, str], set[str]] = {}
    for kind, name, keys in _named(pod):
        found.setdefault((kind, name), set()).update(keys)
    ordered = sorted(found.items(), key=lambda item: item[0][1])
    return [(kind, name, keys) for (kind, name), keys in ordered]


def _named(pod: Told) -> Iterator[Named]:
    for container in (*(pod.get("initContainers") or ()), *pod["containers"]):
        for told in container.get("env") or ():
            source = told.get("valueFrom") or {}
            for kind, key in IN_ENV:
                if key in source and not source[key].get("optional"):
                    yield kind, source[key]["name"], {source[key]["key"]}
        for told in container.get("envFrom") or ():
            for kind, key in IN_ENV_FROM:
                if key in told and not told[key].get("optional"):
                    yield kind, told[key]["name"], set()
    for volume in pod.get("volumes") or ():
        yield from _of_volume(volume, IN_VOLUME)
        for source in (volume.get("projected") or {}).get("sources") or ():
            yield from _of_volume(source, IN_PROJECTED)


def _of_volume(told: Told, places: tuple[tuple[Kind, str, str], ...]) -> Iterator[Named]:
    for kind, key, name in places:
        if key in told and not told[key].get("optional"):
            yield kind, told[key][name], {item["key"] for item in told[key].get("items") or ()}


def held(api: Api, kind: Kind, name: str, keys: set[str]) -> list[Line]:
    """Whether the object is there with its keys; no value of it is kept or shown."""
    title = f"{kind.name} {name}"
    found = api.find(kind, name)
    if found is None:
        said = "is not there: pods that name it do not start"
        return [Line(title, Outcome.FAIL, said, f"make it in {api.access.namespace} first")]
    absent = sorted(keys - {*(found.get("data") or ()), *(found.get("binaryData") or ())})
    if absent:
        return [Line(title, Outcome.FAIL, f"has no key {', '.join(absent)}", "add it first")]
    return [Line(title, Outcome.OK, "is there, with its keys")]
