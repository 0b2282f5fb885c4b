"""Traffic without a Gateway: one Service over the pods of versions, shared by their number.

A version that has all requests is chosen by the Service's selector, so it is handed over at once,
and another may be up beside it without any. A share between is that of the ready pods: it comes
in steps of one pod, and a client that keeps its connection keeps its version. Copies cannot be
made this way.
"""

import json
import time
from collections.abc import Mapping

from cluster.errors import NotFound, NotReady, Owned, Refused
from cluster.kubernetes import fence
from cluster.kubernetes.api import Api, Object
from cluster.kubernetes.endpoints import wait_known
from cluster.kubernetes.foreign import changed_by_others
from cluster.kubernetes.http_route import PORT, noted, notes
from cluster.kubernetes.kinds import DEPLOYMENT, POD, SERVICE
from cluster.kubernetes.names import (
    COMPONENT,
    PREFIX,
    VERSION,
    labels,
    object_name,
    owned,
    require_component,
)
from cluster.kubernetes.pods import is_ready
from cluster.kubernetes.workloads import Workloads
from cluster.lock import Lease
from cluster.route import Route

READING = 0.25
# In hundredths, as shares are percent.
HALF_A_POD = 50
SHARES, PODS = f"{PREFIX}/shares", f"{PREFIX}/pods"


class Split:
    """The Services over components, and the replicas of their versions."""

    def __init__(self, api: Api, workloads: Workloads) -> None:
        self._api = api
        self._workloads = workloads

    def route(self, component: str) -> Route:
        """The shares as they were set; NotFound where none were.

        Owned where somebody else changed the selector, or the pods that make the shares.
        """
        found = self._api.find(SERVICE, require_component(component))
        if found is None:
            raise NotFound(f"{component} gets no traffic in {self._api.access.namespace}")
        told = found["metadata"].get("annotations") or {}
        if SHARES not in told:
            raise Owned(f"the Service {component} is not ours", hint=_look(component))
        weights, pods = json.loads(told[SHARES]), json.loads(told[PODS])
        if found["spec"].get("selector") != _selector(component, weights):
            raise Owned(
                f"somebody else changed the selector of the Service {component}",
                hint=_look(component),
            )
        for version in pods if len(weights) > 1 else ():
            self._require_as_told(component, version, pods[version])
        return Route(weights, None, str(found["metadata"]["resourceVersion"]), *noted(found))

    def set_route(
        self,
        component: str,
        route: Route,
        total: int,
        within: float,
        lease: Lease,
        *,
        forced: bool = False,
    ) -> Route:
        """Change the shares: first more pods of what gains; once they serve, less of the others.

        Refused for copies, and for shares that `total` pods cannot make within half a pod;
        NotReady, with what gains as it is and nothing taken away, when its pods do not serve.
        `forced` takes fields from whoever else manages them: for what undoes.
        """
        if route.mirror is not None:
            raise Refused(f"{component} has no Gateway: copies of its requests cannot be made")
        wanted = replicas(route.weights, total)
        before = self._chosen(component)
        if len(wanted) == 1 and before == route.weights and self._only_noted(component, route):
            # Who notes the answers is all that changes: others may have scaled what serves.
            self._choose(component, route, wanted, lease, forced=forced)
            return self.route(component)
        present = {version: self._replicas(component, version) for version in wanted}
        for version in sorted(wanted):
            warm = before is not None and version not in before
            if present[version] < wanted[version] or (warm and present[version] > wanted[version]):
                self._scale(component, version, wanted[version], lease, forced=forced)
        others = set(self._workloads.deployed(component)) - set(wanted)
        # A selector over several versions is one over all of them.
        unasked = dict.fromkeys(sorted(others), 0) if len(wanted) > 1 else {}
        for version in unasked:
            self._scale(component, version, 0, lease, forced=forced)
        self._wait(component, wanted, within)
        if before is not None:
            # Pods that nobody asks yet must not be asked in a larger number than is their share.
            fresh = {version: count for version, count in wanted.items() if version not in before}
            self._wait_only(component, {**fresh, **unasked}, within)
        self._choose(component, route, wanted, lease, forced=forced)
        wait_known(self._api, component, within)
        for version in sorted(wanted):
            if wanted[version] < self._replicas(component, version):
                self._scale(component, version, wanted[version], lease, forced=forced)
        self._wait_only(component, wanted, within)
        return self.route(component)

    def _chosen(self, component: str) -> Mapping[str, int] | None:
        """The versions that get requests now, as they were told; None where there are none."""
        found = self._api.find(SERVICE, component)
        told = ((found or {}).get("metadata", {}).get("annotations") or {}).get(SHARES)
        return None if told is None else json.loads(told)

    def _only_noted(self, component: str, route: Route) -> bool:
        """Whether its answers were noted, and shall be no more."""
        found = self._api.find(SERVICE, component)
        return found is not None and route.observed is None and noted(found)[1] is not None

    def _choose(
        self,
        component: str,
        route: Route,
        pods: Mapping[str, int],
        lease: Lease,
        *,
        forced: bool,
    ) -> None:
        shares = {version: share for version, share in route.weights.items() if share}
        content: Object = {
            "metadata": {
                "name": component,
                "labels": owned({COMPONENT: component}, lease.component),
                "annotations": {
                    SHARES: json.dumps(shares, sort_keys=True),
                    PODS: json.dumps(pods, sort_keys=True),
                    **notes(route),
                },
            },
            "spec": {
                "selector": _selector(component, shares),
                "ports": [{"name": "http", "port": PORT, "targetPort": "http"}],
            },
        }
        fence.write(self._api, SERVICE, content, lease, forced=forced)

    def _require_as_told(self, component: str, version: str, count: int) -> None:
        found = self._api.find(DEPLOYMENT, object_name(component, version))
        if found is None or int(found["spec"]["replicas"]) == count:
            return
        # A number that nobody else set is ours, half done by a process that died.
        if others := changed_by_others(found, "replicas"):
            raise Owned(
                f"{others} of {object_name(component, version)}, from {count} to"
                f" {found['spec']['replicas']}: the shares of {component} are not what they were",
                hint=f"kubectl get deployment {object_name(component, version)} -o yaml"
                " --show-managed-fields",
            )

    def _replicas(self, component: str, version: str) -> int:
        """The replicas asked for; Refused where the version is not up."""
        found = self._api.find(DEPLOYMENT, object_name(component, version))
        if found is None:
            raise Refused(f"{component} {version} has no Deployment; no traffic was moved")
        return int(found["spec"]["replicas"])

    def _scale(
        self, component: str, version: str, count: int, lease: Lease, *, forced: bool
    ) -> None:
        """All that we said of the Deployment, with another number of replicas."""
        name = object_name(component, version)
        found = self._api.get(DEPLOYMENT, name)
        spec = {key: found["spec"][key] for key in ("selector", "strategy", "template")}
        metadata = {"name": name, "labels": found["metadata"]["labels"]}
        content = {"metadata": metadata, "spec": {**spec, "replicas": count}}
        fence.write(self._api, DEPLOYMENT, content, lease, forced=forced)

    def _ready(self, component: str) -> dict[str, int]:
        counts: dict[str, int] = {}
        for pod in self._api.list(POD, {COMPONENT: component}):
            if is_ready(pod):
                version = pod["metadata"]["labels"][VERSION]
                counts[version] = counts.get(version, 0) + 1
        return counts

    def _wait(self, component: str, wanted: Mapping[str, int], within: float) -> None:
        deadline = time.monotonic() + within
        while short := self._short(component, wanted):
            found = self._workloads.trouble(component, short)
            if (found is not None and found.lasting) or time.monotonic() > deadline:
                raise NotReady(
                    f"{component} {short} has not its {wanted[short]} pods, nothing was taken from"
                    f" the others: {found or f'not ready in {within:g} s'}",
                    hint=f"pincex diagnose {component}",
                    lasting=found is not None and found.of_version,
                )
            time.sleep(READING)

    def _short(self, component: str, wanted: Mapping[str, int]) -> str | None:
        """A version that has fewer ready pods than wanted."""
        ready = self._ready(component)
        return next((v for v, count in wanted.items() if ready.get(v, 0) < count), None)

    def _wait_only(self, component: str, wanted: Mapping[str, int], within: float) -> None:
        """Wait until these versions have no more ready pods than wanted."""
        deadline = time.monotonic() + within
        while any(self._ready(component).get(v, 0) > count for v, count in wanted.items()):
            if time.monotonic() > deadline:
                raise NotReady(
                    f"{component} has {self._ready(component)} ready pods, not {dict(wanted)},"
                    f" after {within:g} s",
                    hint="kubectl get pods; repeat the command",
                )
            time.sleep(READING)


def replicas(weights: Mapping[str, int], total: int) -> dict[str, int]:
    """How many of `total` pods make these shares (percent) best; every share keeps one pod.

    Refused where the nearest numbers are off by more than half a pod.
    """
    positive = {version: share for version, share in weights.items() if share > 0}
    counts = {version: max(1, share * total // 100) for version, share in positive.items()}
    # The largest remainders get what is left, as seats are given to parties.
    behind = sorted(positive, key=lambda v: counts[v] * 100 - positive[v] * total)
    for version in behind[: max(0, total - sum(counts.values()))]:
        counts[version] += 1
    off = max(abs(counts[v] * 100 - positive[v] * total) for v in positive)
    if sum(counts.values()) != total or off > HALF_A_POD:
        raise Refused(
            f"{total} pods cannot make the shares {dict(weights)}: a pod is {100 / total:.3g} %",
            hint="use more replicas, a Gateway, or shares in steps of one pod",
        )
    return counts


def _selector(component: str, shares: Mapping[str, int]) -> dict[str, str]:
    """All pods of a component, or of the one version that has all requests."""
    if len(shares) == 1:
        return labels(component, next(iter(shares)))
    return {COMPONENT: component}


def _look(component: str) -> str:
    return f"kubectl get service {component} -o yaml --show-managed-fields"
