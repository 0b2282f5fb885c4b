"""Traffic without a Gateway: one Service over the pods of all versions, shared by their number.

A share is that of the ready pods, so it comes in steps of one pod, and a client that keeps its
connection keeps its version. Copies cannot be made this way.
"""

import time
from collections.abc import Mapping

from cluster.errors import NotFound, NotReady, Refused
from cluster.kubernetes import fence
from cluster.kubernetes.api import Api, Object
from cluster.kubernetes.kinds import DEPLOYMENT, POD, SERVICE
from cluster.kubernetes.names import COMPONENT, VERSION, object_name, require_component
from cluster.kubernetes.pods import is_ready
from cluster.kubernetes.traffic import PORT
from cluster.kubernetes.workloads import Workloads
from cluster.lock import Lease
from cluster.route import Route

READING = 0.25
# In hundredths, as shares are percent.
HALF_A_POD = 50


class Split:
    """The replicas of a component's versions, `total` of them together."""

    def __init__(self, api: Api, workloads: Workloads, total: int) -> None:
        self._api = api
        self._workloads = workloads
        self._total = total

    def expose(self, component: str, port: int, lease: Lease) -> None:
        """One Service over all pods of a component that listen on `port`."""
        marks = {COMPONENT: require_component(component)}
        content: Object = {
            "metadata": {"name": component},
            "spec": {
                "selector": marks,
                "ports": [{"name": "http", "port": PORT, "targetPort": port}],
            },
        }
        fence.write(self._api, SERVICE, content, lease)

    def route(self, component: str) -> Route:
        """The shares as they are, from the pods that are ready; NotFound where none is."""
        ready = self._ready(component)
        if not ready:
            raise NotFound(f"{component} has no ready pod in {self._api.access.namespace}")
        return Route(_percent(ready))

    def set_route(self, component: str, route: Route, within: float, lease: Lease) -> Route:
        """Change the shares: first more pods of what gains; once they serve, fewer of the others.

        Refused for copies, and for shares that `total` pods cannot make within half a pod;
        NotReady, with what gains as it is and nothing taken away, when its pods do not serve.
        """
        if route.mirror is not None:
            raise Refused(f"{component} has no Gateway: copies of its requests cannot be made")
        wanted = replicas(route.weights, self._total)
        present = {
            version: self._replicas(component, version)
            for version in {*wanted, *self._workloads.versions_up(component)}
        }
        for version in sorted(wanted):
            if wanted[version] > present[version]:
                self._scale(component, version, wanted[version], lease)
        self._wait(component, wanted, within)
        for version in sorted(present):
            if wanted.get(version, 0) < present[version]:
                self._scale(component, version, wanted.get(version, 0), lease)
        self._wait_gone(component, wanted, within)
        return self.route(component)

    def _replicas(self, component: str, version: str) -> int:
        """The replicas asked for; NotFound where the version was never brought up."""
        found = self._api.get(DEPLOYMENT, object_name(component, version))
        return int(found["spec"]["replicas"])

    def _scale(self, component: str, version: str, count: int, lease: Lease) -> None:
        """All that we said of the Deployment, with another number of replicas."""
        name = object_name(component, version)
        found = self._api.get(DEPLOYMENT, name)
        spec = {key: found["spec"][key] for key in ("selector", "strategy", "template")}
        metadata = {"name": name, "labels": found["metadata"]["labels"]}
        content = {"metadata": metadata, "spec": {**spec, "replicas": count}}
        fence.write(self._api, DEPLOYMENT, content, lease)

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
                    hint=f"kubectl describe deployment {object_name(component, short)}",
                )
            time.sleep(READING)

    def _short(self, component: str, wanted: Mapping[str, int]) -> str | None:
        """A version that has fewer ready pods than wanted."""
        ready = self._ready(component)
        return next((v for v, count in wanted.items() if ready.get(v, 0) < count), None)

    def _wait_gone(self, component: str, wanted: Mapping[str, int], within: float) -> None:
        deadline = time.monotonic() + within
        positive = {version: count for version, count in wanted.items() if count}
        while (ready := self._ready(component)) != positive:
            if time.monotonic() > deadline:
                raise NotReady(
                    f"{component} has {ready} ready pods, not {positive}, after {within:g} s",
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


def _percent(counts: Mapping[str, int]) -> dict[str, int]:
    """Counts as whole percent that make 100, the remainder with the largest."""
    total = sum(counts.values())
    made = {version: round(100 * count / total) for version, count in counts.items()}
    largest = max(made, key=lambda version: made[version])
    return {**made, largest: made[largest] + 100 - sum(made.values())}
