"""Before anything is touched: a checklist of what would go wrong in the site's namespace."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Any

from cluster.errors import ClusterError, Forbidden, NotFound
from cluster.kubernetes import rights
from cluster.kubernetes.api import Api, Object
from cluster.kubernetes.components import deployments_of
from cluster.kubernetes.kinds import (
    BUDGET,
    DEPLOYMENT,
    NAMESPACE,
    NODE,
    QUOTA,
    SCALER,
)
from cluster.kubernetes.names import COMPONENT
from cluster.kubernetes.references import held, wanted
from cluster.kubernetes.room import room
from cluster.kubernetes.version_skew import NAME as SKEW
from cluster.kubernetes.version_skew import version_skew
from cluster.kubernetes.zero_downtime import zero_downtime
from rollout.checklist_line import Line, Outcome

SECOND = "a second version"
WHO = "somebody with that right must look"
Look = tuple[str, Callable[[], Sequence[Line]]]
"""What is looked at, and how: its lines, or one of our errors."""


def checklist(api: Api, name: str) -> Iterator[Line]:
    """The lines about a component, or each of an application's, as it runs."""
    there = cache(lambda: deployments_of(api, name))
    looks: list[Look] = [
        ("workloads", lambda: _of_each(api, name, there())),
        ("quotas", lambda: _live_room(api, there())),
    ]
    yield from in_turn(api, looks)


def in_turn(api: Api, looks: Iterable[Look]) -> Iterator[Line]:
    """The lines of the site and of all looks; the first that says it cannot be asked is the last.

    A look that fails is a line of its own.
    """
    try:
        yield _namespace(api)
    except ClusterError as error:
        yield Line("API", Outcome.FAIL, str(error), error.hint)
        return
    yield from asked("nodes", lambda: [_nodes(api)])
    yield from asked(SKEW, lambda: [version_skew(api.version(), api.list(NODE, {}))])
    yield from asked("rights", lambda: [_rights(api)])
    for name, look in looks:
        yield from asked(name, look)


def of_component(api: Api, component: str) -> list[Look]:
    """What can be looked at of a component that a release brings, for the first time or again."""

    def look() -> list[Line]:
        found = api.list(DEPLOYMENT, {COMPONENT: component})
        said = f"{component} has no Deployment here: its first version"
        return _workloads(api, found) if found else [Line("workloads", Outcome.WARN, said, "")]

    return [("workloads", look)]


def asked(name: str, look: Callable[[], Sequence[Line]]) -> Sequence[Line]:
    """The lines, or one that says why they could not be made and who must look instead."""
    try:
        return look()
    except Forbidden as error:
        said = f"not allowed to look: {error}"
        return [Line(name, Outcome.NOT_CHECKED, said, WHO)]
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
        return Line("namespace", Outcome.NOT_CHECKED, f"not allowed to look at {name}", WHO)
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


def _of_each(api: Api, name: str, there: Mapping[str, Sequence[Object]]) -> list[Line]:
    """A component without a Deployment has a line, too: it was there, or nobody knows the name."""
    if not there:
        said = f"{name} has no Deployment here: nothing of it could be looked at"
        look = "before its first version pincex validate NAME --release VERSION looks at that"
        return [Line("workloads", Outcome.NOT_CHECKED, said, look)]
    gone = [component for component, found in there.items() if not found]
    lines = [
        Line(
            f"{one}: workloads", Outcome.FAIL, "has a Service and no Deployment", "deploy it again"
        )
        for one in gone
    ]
    return lines + _workloads(api, [one for found in there.values() for one in found])


def _workloads(api: Api, found: Sequence[Object]) -> list[Line]:
    budgets, scalers = api.list(BUDGET, {}), api.list(SCALER, {})
    lines = []
    for deployment in found:
        name = deployment["metadata"]["name"]
        mine = [told for told in scalers if told["spec"]["scaleTargetRef"]["name"] == name]
        told = [*zero_downtime(deployment, budgets, mine), *references(api, deployment)]
        lines += [line.of(name) for line in told]
    return lines


def references(api: Api, deployment: Object) -> list[Line]:
    """Whether what its pods name is there, each object in a line of its own."""
    lines: list[Line] = []
    for kind, name, keys in wanted(deployment):
        lines += asked(f"{kind.name} {name}", partial(held, api, kind, name, keys))
    return lines


def _live_room(api: Api, there: Mapping[str, Sequence[Object]]) -> list[Line]:
    """Room for the pods of a whole second version beside the first."""
    most = [
        max(found, key=lambda told: int(told["spec"].get("replicas", 1)))
        for found in there.values()
        if found
    ]
    if not most:
        return []
    return [line for quota in api.list(QUOTA, {}) for line in room(quota, most, SECOND)]
