"""Services as pods of one namespace, their requests divided by a Gateway or by replicas."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from math import ceil

from cluster.errors import Invalid, NotFound
from cluster.kubernetes import rights
from cluster.kubernetes.api import Api
from cluster.kubernetes.drain import DRAIN, Drain, Drained, not_counted
from cluster.kubernetes.foreign import changed_by_others
from cluster.kubernetes.kinds import BUDGET, DEPLOYMENT, HTTP_ROUTE, POD, SCALER, SERVICE, Kind
from cluster.kubernetes.names import COMPONENT, labels, object_name
from cluster.kubernetes.pods import failed
from cluster.kubernetes.release_step import run_to_its_end
from cluster.kubernetes.split import Split
from cluster.kubernetes.traffic import Gateway, Traffic
from cluster.kubernetes.trail import Trail
from cluster.kubernetes.workloads import Workload, Workloads
from cluster.kubernetes.zero_downtime import LAST_REQUEST_SECONDS, zero_downtime
from cluster.lock import Lease
from cluster.prometheus import Prometheus
from cluster.route import Route
from cluster.services import require_steps
from rollout.application import Component, ReleaseStep
from rollout.checklist_line import Outcome
from rollout.pod import VARIABLES
from rollout.release_facts import Fault

CONTAINER_PORT = 8080
FILLED_IN = ("port", "version")
PLACEHOLDER = re.compile(r"\{(\w+)\}")


class ClusterServices:
    """The services of a namespace; without a Gateway their shares are made of whole pods.

    What a version still gets is read from the `counters` where there are any.
    """

    def __init__(
        self, api: Api, gateway: Gateway | None, counters: Prometheus | None = None
    ) -> None:
        self._api = api
        self._gateway = gateway
        self._counters = counters
        # Of the routes, workloads only ask whether one names a version: whose it is, is no matter.
        self._traffic = Traffic(api, gateway or Gateway("", ""))
        self._workloads = Workloads(api, self._traffic)
        self._split = Split(api, self._workloads)
        self._trail = Trail(api)

    @property
    def by_instances(self) -> bool:
        return self._gateway is None

    @property
    def how(self) -> str:
        """Who divides the requests, in words for a plan."""
        if self._gateway is None:
            return "the number of pods, in steps of one pod: there is no Gateway"
        return f"weights of Gateway {self._gateway.namespace}/{self._gateway.name}"

    @property
    def _routing(self) -> Kind:
        """The object that says who gets a component's requests."""
        return SERVICE if self._gateway is None else HTTP_ROUTE

    def require_runnable(self, part: Component) -> None:
        """It needs an image, and behind a Gateway paths; nothing of this machine fits in there."""
        table = f"[component.{part.name}]"
        if part.image is None:
            raise Invalid(
                f"{part.name} has no image; a cluster runs images",
                hint=f'{table} image = "registry/{part.name}:{{version}}"',
            )
        if self._gateway is not None and not part.paths:
            raise Invalid(
                f"{part.name} has no paths, so no request would reach it",
                hint=f'{table} paths = ["/..."]',
            )
        require_steps(part)
        steps = [word for step in part.release_steps for word in step.command]
        for word in PLACEHOLDER.findall(" ".join([part.image, *part.command, *steps])):
            if word not in FILLED_IN:
                raise Invalid(
                    f"{part.name}: nothing is filled in for {{{word}}} in a cluster",
                    hint=f"known there: {', '.join(f'{{{one}}}' for one in FILLED_IN)}",
                )

    def require_rights(self) -> None:
        """Asked of the API server, right by right."""
        needed = rights.SPLITTING if self._gateway is None else rights.RELEASING
        rights.require(self._api, needed)

    def losses(self, part: Component) -> list[str]:
        """What FAILs in the checklist of its Deployments, with what would be right."""
        found = self._api.list(DEPLOYMENT, {COMPONENT: part.name})
        budgets, scalers = self._api.list(BUDGET, {}), self._api.list(SCALER, {})
        lost = []
        for deployment in found:
            name = deployment["metadata"]["name"]
            mine = [told for told in scalers if told["spec"]["scaleTargetRef"]["name"] == name]
            lost += [
                f"{name}: {line.evidence} (right: {line.remedy})"
                for line in zero_downtime(deployment, budgets, mine)
                if line.outcome is Outcome.FAIL or (self.by_instances and line.fights)
            ]
        return lost

    def versions_up(self, component: str) -> list[str]:
        """The versions that have a Deployment, or pods that have not ended yet."""
        return self._workloads.versions_up(component)

    def is_ready(self, part: Component, version: str) -> bool:
        """All of its pods are there and get requests from the version's Service."""
        return self._workloads.ready(part.name, version, part.instances)

    def fault(self, part: Component, version: str, beside: str | None) -> Fault | None:
        """Pods that waiting cannot cure, a Deployment that is gone, one that others changed.

        What has all requests may be scaled by others: they know what the traffic needs.
        """
        trouble = self._workloads.trouble(part.name, version)
        lasting = trouble is not None and trouble.lasting
        if trouble is not None and lasting and trouble.of_version:
            return Fault(f"{version} cannot serve: {trouble}", of_version=True)
        meddled = self._meddled(part.name, version, None, None if beside else "replicas")
        if meddled is None and beside is not None:
            # Of what serves only the number of its pods matters here, where they make the shares.
            meddled = self._meddled(part.name, beside, "replicas" if self.by_instances else "")
        if meddled is not None:
            return Fault(meddled, of_version=False)
        return Fault(f"{version} cannot serve: {trouble}", of_version=False) if lasting else None

    def _meddled(
        self, component: str, version: str, field: str | None, but: str | None = None
    ) -> str | None:
        """What somebody did to a Deployment, to one field of its spec or to any of them."""
        name = object_name(component, version)
        found = self._api.find(DEPLOYMENT, name)
        if found is None:
            return f"the Deployment {name} is gone; somebody deleted it"
        changed = changed_by_others(found, field, but)
        return f"{changed} of the Deployment {name}" if changed else None

    def failed(self, part: Component, version: str) -> Mapping[str, bool]:
        """What the kubelet's readiness probe last said of each pod."""
        return failed(self._api.list(POD, labels(part.name, version)))

    def route(self, component: str) -> Route:
        """The shares as the API server has them."""
        router = self._split if self._gateway is None else self._traffic
        return router.route(component)

    def start(
        self, part: Component, version: str, within: float, lease: Lease, *, forced: bool
    ) -> None:
        """Its Deployment and Service, all pods ready; NotReady says what became of them.

        Behind a Gateway never fewer than the most that any version has: whoever scales what serves
        knows what the traffic needs, of which its successor gets all.
        """
        workload = workload_of(part, version)
        if not (self.by_instances or part.single):
            running = self._workloads.deployed(part.name).values()
            workload = replace(workload, replicas=max([workload.replicas, *running]))
        self._workloads.bring_up(part.name, version, workload, within, lease, forced=forced)

    def run_step(self, part: Component, version: str, step: ReleaseStep, lease: Lease) -> None:
        """A Job of the version's image, beside its pods and described as they are."""
        command = [_filled(word, version) for word in step.command]
        run_to_its_end(self._api, part, version, step, workload_of(part, version), command, lease)

    def set_route(
        self, part: Component, route: Route, within: float, lease: Lease, *, forced: bool
    ) -> None:
        """Written and read back; whether a gateway obeys, the answers of the versions tell."""
        if self._gateway is None:
            self._split.set_route(part.name, route, part.instances, within, lease, forced=forced)
            self._tell(part.name, route, lease, forced=forced)
        else:
            self.move(part.name, route, lease, forced=forced)

    def move(self, component: str, route: Route, lease: Lease, *, forced: bool) -> None:
        """The same behind a Gateway, where it does not matter how many pods there are."""
        self._traffic.set_route(component, route, lease, forced=forced)
        self._tell(component, route, lease, forced=forced)

    def _tell(self, component: str, route: Route, lease: Lease, *, forced: bool) -> None:
        shares = ", ".join(f"{v} {share} %" for v, share in sorted(route.weights.items()) if share)
        copies = f", copies to {route.mirror.version}" if route.mirror else ""
        reason = "TrafficRolledBack" if forced else "TrafficShifted"
        said = f"{shares}{copies}, by {lease.holder}"
        self._trail.say(self._routing, component, reason, said, warning=forced)

    def retire(
        self, part: Component, version: str, within: float, quiet_within: float, lease: Lease
    ) -> str:
        """Its Deployment, pods and Service are gone, once it got no requests any more."""
        return self.end(part.name, version, within, quiet_within, lease, alone=part.single)

    def end(
        self,
        component: str,
        version: str,
        within: float,
        quiet_within: float,
        lease: Lease,
        *,
        alone: bool,
    ) -> str:
        """The same; unless it acts alone, a pod on a node that went silent is left behind."""
        try:
            route = self.route(component)
        except NotFound:
            route = None
        if route is not None:
            route.require_unnamed(component, version)
        drained = self._drain(component, version, quiet_within, lease)
        found = self._api.find(DEPLOYMENT, object_name(component, version))
        pod = found["spec"]["template"]["spec"] if found else {}
        # Its pods serve on for a while before they begin to end.
        grace = float(pod.get("terminationGracePeriodSeconds", 0))
        left = self._workloads.take_down(component, version, within + grace, lease, alone=alone)
        said = drained.said
        if left:
            said += f"; left behind, as nobody ends them: {', '.join(left)}"
        if route is not None:
            told, warning = f"{version}: {said}; by {lease.holder}", drained.asked or bool(left)
            self._trail.say(self._routing, component, "VersionEnded", told, warning=warning)
        return said

    def _drain(self, component: str, version: str, within: float, lease: Lease) -> Drained:
        """Wait until a version that was taken off the route gets nothing any more."""
        if self._gateway is None:
            return not_counted("without a Gateway nobody tells who is still asked")
        if self._counters is None:
            return not_counted("nobody counts requests here")
        if not self._traffic.ready_pods(component, version):
            return Drained("none of its pods could get a request")
        now, moved = self._api.now(), self._traffic.moved_at(component)
        # Of a change that is long past only what came lately matters.
        since = max(moved or now, now - timedelta(seconds=within))
        drain = Drain(self._counters, component, version, since, within, self._api.now)
        return drain.wait(lease)


def workload_of(part: Component, version: str) -> Workload:
    """How the pods of a version run; its image and command are told port and version."""
    assert part.image is not None
    return Workload(
        image=_filled(part.image, version),
        port=CONTAINER_PORT,
        ready_path=part.health.ready,
        live_path=part.health.live,
        replicas=part.instances,
        command=tuple(_filled(word, version) for word in part.command),
        env=dict(zip(VARIABLES, (str(CONTAINER_PORT), version), strict=True)),
        drain=DRAIN,
        grace=DRAIN + max(ceil(part.grace), LAST_REQUEST_SECONDS),
        pod=part.pod,
    )


def _filled(word: str, version: str) -> str:
    told = {"port": str(CONTAINER_PORT), "version": version}
    return PLACEHOLDER.sub(lambda found: told[found[1]], word)
