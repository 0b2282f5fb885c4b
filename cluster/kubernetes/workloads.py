"""The pods of a version: a Deployment and a Service, brought up until they serve, or taken down."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cluster.errors import NotReady, Refused
from cluster.kubernetes import fence
from cluster.kubernetes.api import Api, Object
from cluster.kubernetes.http_route import PORT
from cluster.kubernetes.kinds import DEPLOYMENT, POD, SERVICE
from cluster.kubernetes.names import COMPONENT, VERSION, labels, object_name, owned
from cluster.kubernetes.pods import Trouble, overdue, worst
from cluster.kubernetes.traffic import Traffic
from cluster.lock import Lease

READING = 0.25

STARTS_WITHIN = 600
"""Seconds in which a server must listen before its container is started again; a rollout waits as
long as its policy says."""


@dataclass(frozen=True, slots=True)
class Workload:
    """How to run a version: it serves on for `drain` seconds after its end was asked for.

    `ready_path` must answer 200 once it can serve, `live_path` as long as it works. Longer than
    the data plane takes to forget a pod, `drain` is what keeps an update from losing requests.
    `pod` is a PodSpec with one container, for all that is not said here.
    """

    image: str
    port: int
    ready_path: str
    replicas: int
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    marks: Mapping[str, str] = field(default_factory=dict)
    drain: int = 5
    grace: int = 30
    live_path: str | None = None
    pod: Mapping[str, Any] = field(default_factory=lambda: {"containers": [{}]})

    def container(self, name: str) -> Object:
        """Its one container as described, with image and variables; called as its pods know it."""
        (described,) = self.pod["containers"]
        told = [{"name": key, "value": value} for key, value in sorted(self.env.items())]
        variables = [*told, *described.get("env", ())]
        return {**described, "name": name, "image": self.image, "env": variables}


class Workloads:
    """The versions of components that run in one namespace."""

    def __init__(self, api: Api, traffic: Traffic) -> None:
        self._api = api
        self._traffic = traffic

    def bring_up(
        self,
        component: str,
        version: str,
        workload: Workload,
        within: float,
        lease: Lease,
        *,
        forced: bool = False,
    ) -> None:
        """Run a version and wait until all of its pods serve; the same again changes nothing.

        `forced` takes fields from whoever else manages them. NotReady, within seconds where
        waiting cannot help, says what became of the pods; they are left as they are, to be looked
        at.
        """
        name = object_name(component, version)
        self._require_same_version(component, version, name)
        service, deployment = objects(component, version, workload, lease.component)
        fence.write(self._api, SERVICE, service, lease, forced=forced)
        fence.write(self._api, DEPLOYMENT, deployment, lease, forced=forced)
        deadline = time.monotonic() + within
        while not self.ready(component, version, workload.replicas):
            lease.check()
            self._require_hope(component, version, within, out_of_time=time.monotonic() > deadline)
            time.sleep(READING)

    def ready(self, component: str, version: str, replicas: int) -> bool:
        """Whether at least so many pods, all as the Deployment is now, get the Service's requests.

        More of them is what an autoscaler, or somebody, made of it.
        """
        found = self._api.find(DEPLOYMENT, object_name(component, version))
        if found is None:
            return False
        status = found.get("status", {})
        seen = status.get("observedGeneration", 0) >= found["metadata"]["generation"]
        counts = ("replicas", "updatedReplicas", "availableReplicas")
        there, updated, available = (int(status.get(key, 0)) for key in counts)
        served = len(self._traffic.ready_pods(component, version))
        return bool(seen) and there == updated and min(available, served, updated) >= replicas

    def trouble(self, component: str, version: str) -> Trouble | None:
        """What keeps a version's pods from serving, in words; None when all of them do."""
        name = object_name(component, version)
        found = self._api.find(DEPLOYMENT, name)
        if found is None:
            said = "its Deployment is gone; somebody deleted it"
            return Trouble(name, said, lasting=True, by_others=True)
        for condition in found.get("status", {}).get("conditions", ()):
            if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
                said = f"its pods are not admitted: {condition['message']}"
                return Trouble(name, said, lasting=True, by_others=True)
        return worst(self._pods(component, version))

    def take_down(
        self, component: str, version: str, within: float, lease: Lease, *, alone: bool
    ) -> list[str]:
        """End a version and wait until its pods are gone; Refused while it gets traffic.

        Unless it acts alone, those are left behind, and told, that should have ended long ago:
        the node that would end them does not answer.
        """
        name = object_name(component, version)
        self._traffic.require_unrouted(component, version)
        found = self._api.find(DEPLOYMENT, name)
        lease.check()
        fence.require_not_newer(DEPLOYMENT, found, lease)
        self._api.delete(DEPLOYMENT, name)
        deadline = time.monotonic() + within
        while pods := self._pods(component, version):
            if not alone and all(overdue(pod, self._api.now()) for pod in pods):
                break
            if time.monotonic() > deadline:
                raise NotReady(
                    f"{len(pods)} pods of {component} {version} did not end in {within:g} s",
                    hint=f"kubectl get pods -l {VERSION}={version}; repeat the command",
                )
            time.sleep(READING)
        self._api.delete(SERVICE, name)
        return sorted(pod["metadata"]["name"] for pod in pods)

    def versions_up(self, component: str) -> list[str]:
        """The versions of a component of which anything is there, sorted.

        A Deployment goes at once and its pods later; the Service is what is taken away last.
        """
        services = self._api.list(SERVICE, {COMPONENT: component, VERSION: None})
        ending = {told["metadata"]["labels"][VERSION] for told in services}
        return sorted(ending | set(self.deployed(component)))

    def deployed(self, component: str) -> dict[str, int]:
        """The versions of a component that have a Deployment, with how many pods it wants."""
        found = self._api.list(DEPLOYMENT, {COMPONENT: component})
        return {told["metadata"]["labels"][VERSION]: told["spec"]["replicas"] for told in found}

    def _pods(self, component: str, version: str) -> list[Mapping[str, Any]]:
        return list(self._api.list(POD, labels(component, version)))

    def _require_same_version(self, component: str, version: str, name: str) -> None:
        found = self._api.find(SERVICE, name)
        told = (found or {}).get("metadata", {}).get("labels", {})
        if found is not None and told.get(VERSION) != version:
            raise Refused(
                f"{component} {version} would be called {name}, which is"
                f" {told.get(VERSION) or 'not ours'}; nothing was changed"
            )

    def _require_hope(
        self, component: str, version: str, within: float, *, out_of_time: bool
    ) -> None:
        found = self.trouble(component, version)
        if found is not None and found.lasting:
            raise _not_ready(component, version, str(found), lasting=found.of_version)
        if out_of_time:
            said = str(found) if found else "its pods are ready, its Service has not noticed"
            raise _not_ready(
                component, version, f"not ready in {within:g} s; {said}", lasting=False
            )


def _not_ready(component: str, version: str, said: str, *, lasting: bool) -> NotReady:
    return NotReady(
        f"{component} {version} cannot serve: {said}",
        hint=f"pincex diagnose {component}; kubectl logs -l {VERSION}={version}",
        lasting=lasting,
    )


def objects(component: str, version: str, workload: Workload, owner: str) -> tuple[Object, Object]:
    """The Service and the Deployment of a version, as they are written under a lease of `owner`."""
    name, marks = object_name(component, version), owned(labels(component, version), owner)
    return _service(marks, name, workload), _deployment(marks, name, workload)


def _service(marks: dict[str, str], name: str, workload: Workload) -> Object:
    port = {"name": "http", "port": PORT, "targetPort": workload.port}
    return {
        "metadata": {"name": name, "labels": marks},
        "spec": {"selector": _selector(marks), "ports": [port]},
    }


def _selector(marks: dict[str, str]) -> dict[str, str]:
    """What the pods of a version are known by, whoever owns them."""
    return {COMPONENT: marks[COMPONENT], VERSION: marks[VERSION]}


def _deployment(marks: dict[str, str], name: str, workload: Workload) -> Object:
    container: Object = {
        **workload.container("server"),
        "ports": [{"name": "http", "containerPort": workload.port}],
        "readinessProbe": {
            "httpGet": {"path": workload.ready_path, "port": "http"},
            "periodSeconds": 1,
        },
        # The endpoints forget a pod in parallel to its end, so it serves on meanwhile.
        "lifecycle": {"preStop": {"sleep": {"seconds": workload.drain}}},
    }
    if workload.live_path is not None:
        probe = {"httpGet": {"path": workload.live_path, "port": "http"}}
        container["livenessProbe"] = {**probe, "periodSeconds": 10}
        # Until it has answered once: else whoever loads for half a minute is ended while it does.
        start = {**probe, "periodSeconds": 1, "failureThreshold": STARTS_WITHIN}
        container.setdefault("startupProbe", start)
    if workload.command:
        container["command"] = list(workload.command)
    template = {
        "metadata": {"labels": {**marks, **workload.marks}},
        "spec": {
            **workload.pod,
            "containers": [container],
            "terminationGracePeriodSeconds": workload.grace,
        },
    }
    return {
        "metadata": {"name": name, "labels": marks},
        "spec": {
            "replicas": workload.replicas,
            "selector": {"matchLabels": _selector(marks)},
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
            },
            "template": template,
        },
    }
