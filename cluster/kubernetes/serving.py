"""The servers of models as pods of one namespace, their requests divided by a Gateway."""

from collections.abc import Mapping
from pathlib import Path

from cluster.errors import Invalid, Refused
from cluster.kubernetes import rights
from cluster.kubernetes.api import Api
from cluster.kubernetes.drain import DRAIN
from cluster.kubernetes.kinds import POD
from cluster.kubernetes.names import labels, object_name, require_component
from cluster.kubernetes.pods import failed
from cluster.kubernetes.server_pod import POD_NAME, read_server_pod
from cluster.kubernetes.services import CONTAINER_PORT, ClusterServices
from cluster.kubernetes.traffic import Gateway, Traffic
from cluster.kubernetes.workloads import Workload, Workloads
from cluster.lock import Lease
from cluster.route import Route
from cluster.serving import Servers

FILE = "server-pod.yaml"
GRACE = 12
"""Seconds that a server has to end: the ten that it gives requests under way, and some."""
READY, LIVE, PREDICT = "/readyz", "/healthz", "/predict"


class ClusterServing:
    """The models of a namespace; `pod` is the file that describes a server's pod.

    A gateway does not say which requests it copied, so copies are made of all of them or of none.
    """

    shares_copies = False

    def __init__(self, api: Api, gateway: Gateway, pod: Path, home: Path) -> None:
        self._api = api
        self._pod, self._home = pod, home
        self._traffic = Traffic(api, gateway)
        self._workloads = Workloads(api, self._traffic)
        self._services = ClusterServices(api, gateway)

    def require_able(self, component: str, version: str | None) -> None:
        """By its names, by the file that describes a pod, and right by right by the API server."""
        try:
            require_component(component)
            if version is not None:
                object_name(component, version)
        except Refused as error:
            raise Invalid(str(error), hint="names as a cluster takes them") from error
        read_server_pod(self._pod, self._home)
        rights.require(self._api, rights.SERVING)

    def versions_up(self, component: str) -> list[str]:
        """The versions that have a Deployment."""
        return self._workloads.versions_up(component)

    def is_ready(self, component: str, version: str) -> bool:
        """Whether the version's Service sends requests to a pod."""
        return bool(self.servers(component, version))

    def servers(self, component: str, version: str) -> list[str]:
        """The pods that the version's Service sends requests to."""
        return self._traffic.ready_pods(component, version)

    def failed(self, component: str, version: str) -> Mapping[str, bool]:
        """What the kubelet's readiness probe last said of each pod."""
        return failed(self._api.list(POD, labels(component, version)))

    def ask(self, component: str, server: str, body: bytes) -> int | None:
        """A request that the API server passes on to the pod."""
        return self._api.forward(server, CONTAINER_PORT, PREDICT, body)

    def route(self, component: str) -> Route:
        """The route as the API server has it."""
        return self._traffic.route(component)

    def set_route(self, component: str, route: Route, lease: Lease, *, forced: bool) -> None:
        """Written and read back; whether the gateway obeys, the rows of the servers tell."""
        mirror = route.mirror
        if mirror is not None and mirror.fraction < 1:
            raise Refused("a gateway does not say which share it copied: all requests, or none")
        if mirror is not None and route.weights.get(mirror.version, 0):
            raise Refused("a gateway marks no copies: who gets them can get no requests beside")
        self._services.move(component, route, lease, forced=forced)

    def start(self, servers: Servers, within: float, lease: Lease, *, forced: bool) -> None:
        """Its Deployment and Service, all pods ready; NotReady says what became of them."""
        component, version = servers.component, servers.version
        workload = workload_of(servers, self._pod, self._home)
        self._workloads.bring_up(component, version, workload, within, lease, forced=forced)

    def stop(self, component: str, version: str, within: float, lease: Lease) -> None:
        """Its Deployment, pods and Service are gone, once it got no requests any more."""
        self._services.end(component, version, within, within, lease, alone=False)


def workload_of(servers: Servers, pod: Path, home: Path) -> Workload:
    """How the pods of a version run: as described, with the arguments of its servers."""
    described = read_server_pod(pod, home)
    server = described["containers"][0]
    told = {"{host}": "0.0.0.0", "{port}": str(CONTAINER_PORT), "{instance}": f"$({POD_NAME})"}
    arguments = [told.get(word, word) for word in servers.arguments]
    return Workload(
        image=server["image"],
        port=CONTAINER_PORT,
        ready_path=READY,
        live_path=LIVE,
        replicas=servers.count,
        command=(*server["command"], *arguments),
        env=servers.env,
        drain=DRAIN,
        grace=DRAIN + GRACE,
        pod=described,
    )
