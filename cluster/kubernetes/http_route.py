"""A route as an HTTPRoute: its content, and what the content of one means."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from typing import Any

from cluster.kubernetes.api import Object
from cluster.kubernetes.names import COMPONENT, PREFIX, object_name, owned
from cluster.route import PREDICTIONS, Calls, Mirror, Route

ROLLOUT = f"{PREFIX}/mirrored-for"
OBSERVED, CALLS = f"{PREFIX}/observed-for", f"{PREFIX}/calls"
SHADOW, COPIES_TO = "x-pincex-shadow", "x-pincex-copies-to"
OF_PROXY = ("x-pincex-copy", "x-pincex-mirrored")
"""What servers take from the local proxy, and from nobody here."""
PORT = 80
PARTS = 1_000_000
"""Fractions of copies are told to the gateway in parts of this many."""


def content(component: str, route: Route, owner: str, gateway: Mapping[str, str]) -> Object:
    """The fields that are ours, for the Gateway that takes the requests."""
    marks = notes(route)
    if route.mirror is not None:
        marks[ROLLOUT] = route.mirror.rollout_id
    shares = [
        {"name": object_name(component, version), "port": PORT, "weight": share}
        for version, share in sorted(route.weights.items())
    ]
    rules = _of_service(route) if route.calls.paths else _of_model(component, route)
    labels = owned({COMPONENT: component}, owner)
    return {
        "metadata": {"name": component, "labels": labels, "annotations": marks},
        "spec": {
            "parentRefs": [dict(gateway)],
            "rules": [{**rule, "backendRefs": shares} for rule in rules],
        },
    }


def meant(found: Object, versions: Mapping[str, str]) -> Route:
    """The route of an object whose Services are of these versions.

    KeyError, ValueError, TypeError or Refused where it is none that `content` makes.
    """
    weights = weights_of(found, versions)
    first = found["spec"]["rules"][0]
    mirror = _read_mirror(first.get("filters", ()), versions, found["metadata"])
    return Route(weights, mirror, str(found["metadata"]["resourceVersion"]), *noted(found))


def weights_of(found: Object, versions: Mapping[str, str]) -> dict[str, int]:
    """The shares of versions, by the names of their Services; KeyError, ValueError or TypeError."""
    first, *others = found["spec"].get("rules", ())
    weights = _read_weights(first, versions)
    if any(_read_weights(rule, versions) != weights for rule in others):
        raise ValueError("its rules do not divide requests alike")
    return weights


def in_parts(route: Route) -> Route:
    """The route with its share of copies in the parts that an HTTPRoute can hold."""
    if route.mirror is None:
        return route
    return replace(route, mirror=replace(route.mirror, fraction=_parts(route.mirror) / PARTS))


def without_copies(rules: Iterable[Object]) -> list[Object]:
    """The rules of an HTTPRoute as they are without a shadow."""
    made = []
    for rule in rules:
        kept = [told for told in rule.get("filters", ()) if told["type"] != "RequestMirror"]
        made.append({**rule, "filters": [_unmarked(told) for told in kept]})
    return made


def notes(route: Route) -> dict[str, str]:
    """What an object that routes says beside the shares: what calls allow, who observes."""
    told = {} if route.calls == PREDICTIONS else {CALLS: json.dumps(asdict(route.calls))}
    return told if route.observed is None else {**told, OBSERVED: route.observed}


def noted(found: Object) -> tuple[Calls, str | None]:
    """What `notes` left in an object."""
    told = found["metadata"].get("annotations") or {}
    if CALLS not in told:
        return PREDICTIONS, told.get(OBSERVED)
    calls = json.loads(told[CALLS])
    return Calls(**{**calls, "paths": tuple(calls["paths"])}), told.get(OBSERVED)


def _of_service(route: Route) -> list[Object]:
    """A service answers at its own paths."""
    matches = [{"path": {"type": "PathPrefix", "value": path}} for path in route.calls.paths]
    return [{"matches": matches}]


def _of_model(component: str, route: Route) -> list[Object]:
    """Predictions, copied where there is a shadow, and labels, of which each must come once."""
    copies = [_copies(component, route.mirror)] if route.mirror else []
    filters = {"predict": [_marks(route.mirror), *copies], "labels": [_marks(None)]}
    return [
        {
            "matches": [{"path": {"type": "Exact", "value": f"/models/{component}/{path}"}}],
            "filters": [_rewritten(f"/{path}"), *more],
        }
        for path, more in filters.items()
    ]


def _rewritten(path: str) -> Object:
    whole = {"type": "ReplaceFullPath", "replaceFullPath": path}
    return {"type": "URLRewrite", "urlRewrite": {"path": whole}}


def _marks(mirror: Mirror | None) -> Object:
    """What servers of models are told of a shadow; what clients say of one is taken away.

    A gateway cannot mark a copy otherwise than the request that it is of.
    """
    told = {SHADOW: mirror.rollout_id, COPIES_TO: mirror.version} if mirror else {}
    marks = [{"name": name, "value": value} for name, value in told.items()]
    others = [name for name in (SHADOW, COPIES_TO, *OF_PROXY) if name not in told]
    changed = {**({"set": marks} if marks else {}), "remove": others}
    return {"type": "RequestHeaderModifier", "requestHeaderModifier": changed}


def _copies(component: str, mirror: Mirror) -> Object:
    share = {"numerator": _parts(mirror), "denominator": PARTS}
    backend = {"name": object_name(component, mirror.version), "port": PORT}
    return {"type": "RequestMirror", "requestMirror": {"backendRef": backend, "fraction": share}}


def _unmarked(told: Object) -> Object:
    marked = {mark["name"] for mark in told.get("requestHeaderModifier", {}).get("set", ())}
    return _marks(None) if COPIES_TO in marked else told


def _parts(mirror: Mirror) -> int:
    return max(1, round(mirror.fraction * PARTS))


def _read_weights(rule: Object, versions: Mapping[str, str]) -> dict[str, int]:
    return {versions[told["name"]]: int(told["weight"]) for told in rule["backendRefs"]}


def _read_mirror(
    filters: Any, versions: Mapping[str, str], metadata: Mapping[str, Any]
) -> Mirror | None:
    copied = [told["requestMirror"] for told in filters if told["type"] == "RequestMirror"]
    if not copied:
        return None
    (told,) = copied
    version = versions[told["backendRef"]["name"]]
    fraction = told["fraction"]["numerator"] / told["fraction"]["denominator"]
    return Mirror(version, fraction, metadata["annotations"][ROLLOUT])
