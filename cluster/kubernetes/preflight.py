"""Before anything is touched: a checklist of what would go wrong in the site's namespace."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from cluster.errors import ClusterError, Forbidden, NotFound
from cluster.kubernetes import rights
from cluster.kubernetes.api import Api, Object
from cluster.kubernetes.kinds import (
    BUDGET,
    CONFIG_MAP,
    DEPLOYMENT,
    NAMESPACE,
    NODE,
    QUOTA,
    SCALER,
    SECRET,
    Kind,
)
from cluster.kubernetes.names import COMPONENT
from cluster.kubernetes.zero_downtime import Line, Outcome, zero_downtime


def checklist(api: Api, component: str) -> Iterator[Line]:
    """One line after the other; the first that says the API cannot be asked is the last."""
    try:
        yield _namespace(api)
    except ClusterError as error:
        yield Line("API", Outcome.FAIL, str(error), error.hint)
        return
    yield from _asked("nodes", lambda: [_nodes(api)])
    yield from _asked("rights", lambda: [_rights(api)])
    yield from _asked("workloads", lambda: _workloads(api, component))


def _asked(name: str, look: Callable[[], Sequence[Line]]) -> Sequence[Line]:
    """The lines, or one that says why they could not be made and who must look instead."""
    try:
        return look()
    except Forbidden as error:
        said = f"not allowed to look: {error}"
        return [Line(name, Outcome.NOT_CHECKED, said, "somebody with that right must look")]
    except ClusterError as error:
        return [Line(name, Outcome.FAIL, str(error), error.hint)]


def _namespace(api: Api) -> Line:
    name = api.access.namespace
    try:
        found = api.get(NAMESPACE, name)
    except NotFound:
        known = f"{api.access.context} has no namespace {name}"
        return Line("namespace", Outcome.FAIL, known, f"kubectl create namespace {name}")
    except Forbidden:
        # The API answered, and rights in a namespace do not say that one may see the namespace.
        return Line("namespace", Outcome.NOT_CHECKED, f"not allowed to look at {name}", "")
    phase = found["status"]["phase"]
    if phase != "Active":
        return Line("namespace", Outcome.FAIL, f"{name} is {phase}", f"kubectl get ns {name}")
    return Line("namespace", Outcome.OK, f"{name} in {api.access.context}")


def _nodes(api: Api) -> Line:
    nodes = api.list(NODE, {})
    unready = [node["metadata"]["name"] for node in nodes if not _is_ready(node)]
    if not nodes or len(unready) == len(nodes):
        return Line("nodes", Outcome.FAIL, f"{len(nodes)} nodes, none ready", "kubectl get nodes")
    if unready:
        said = f"{len(unready)} of {len(nodes)} are not ready: {', '.join(unready[:5])}"
        return Line("nodes", Outcome.WARN, said, "kubectl describe node")
    return Line("nodes", Outcome.OK, f"{len(nodes)} ready")


def _is_ready(node: Mapping[str, Any]) -> bool:
    told = node.get("status", {}).get("conditions", ())
    return any(c["type"] == "Ready" and c["status"] == "True" for c in told)


def _rights(api: Api) -> Line:
    absent = rights.missing(api, rights.RELEASING)
    if absent:
        said = f"{len(absent)} of {len(rights.RELEASING)} are missing"
        return Line("rights", Outcome.FAIL, said, "; ".join(str(right) for right in absent))
    return Line("rights", Outcome.OK, f"all {len(rights.RELEASING)} that a rollout uses")


def _workloads(api: Api, component: str) -> list[Line]:
    found = api.list(DEPLOYMENT, {COMPONENT: component})
    if not found:
        said = f"{component} has no Deployment here: its first version"
        return [Line("workloads", Outcome.WARN, said, "")]
    budgets, scalers = api.list(BUDGET, {}), api.list(SCALER, {})
    lines = []
    for deployment in found:
        name = deployment["metadata"]["name"]
        mine = [told for told in scalers if told["spec"]["scaleTargetRef"]["name"] == name]
        told = [*zero_downtime(deployment, budgets, mine), *_references(api, deployment)]
        lines += [_named(name, line) for line in told]
    return [*lines, *_quotas(api, found)]


def _named(name: str, line: Line) -> Line:
    return Line(f"{name}: {line.name}", line.outcome, line.evidence, line.remedy)


def _references(api: Api, deployment: Object) -> list[Line]:
    """Secrets and ConfigMaps that containers name, with the keys that must be in them."""
    wanted: dict[tuple[Kind, str], set[str]] = {}
    for container in deployment["spec"]["template"]["spec"]["containers"]:
        for told in container.get("env") or ():
            source = told.get("valueFrom") or {}
            for kind, key in ((SECRET, "secretKeyRef"), (CONFIG_MAP, "configMapKeyRef")):
                if key in source and not source[key].get("optional"):
                    wanted.setdefault((kind, source[key]["name"]), set()).add(source[key]["key"])
        for told in container.get("envFrom") or ():
            for kind, key in ((SECRET, "secretRef"), (CONFIG_MAP, "configMapRef")):
                if key in told and not told[key].get("optional"):
                    wanted.setdefault((kind, told[key]["name"]), set())
    lines: list[Line] = []
    for (kind, name), keys in sorted(wanted.items(), key=lambda item: item[0][1]):
        look = partial(_held, api, kind, name, keys)
        lines += _asked(f"{kind.name} {name}", look)
    return lines


def _held(api: Api, kind: Kind, name: str, keys: set[str]) -> list[Line]:
    """Whether the object is there with its keys; no value of it is kept or shown."""
    title = f"{kind.name} {name}"
    found = api.find(kind, name)
    if found is None:
        return [Line(title, Outcome.FAIL, "is not there: pods that name it do not start", "")]
    absent = sorted(keys - {*(found.get("data") or ()), *(found.get("binaryData") or ())})
    if absent:
        return [Line(title, Outcome.FAIL, f"has no key {', '.join(absent)}", "")]
    return [Line(title, Outcome.OK, "is there, with its keys")]


def _quotas(api: Api, deployments: list[Object]) -> list[Line]:
    """Room for the pods of a whole second version beside the first."""
    surge = max(int(told["spec"].get("replicas", 1)) for told in deployments)
    lines = []
    for quota in api.list(QUOTA, {}):
        status = quota.get("status", {})
        if "pods" not in status.get("hard", {}):
            continue
        left = int(status["hard"]["pods"]) - int(status["used"]["pods"])
        enough = left >= surge
        said = f"{left} more pods fit, a second version takes {surge}"
        outcome = Outcome.OK if enough else Outcome.FAIL
        remedy = "" if enough else "raise pods of the quota, or fewer replicas"
        lines.append(Line(f"quota {quota['metadata']['name']}", outcome, said, remedy))
    return lines
