"""Which pods a Service sends requests to: told by the cluster, some time after the pods are."""

import time

from cluster.errors import NotReady
from cluster.kubernetes.api import Api
from cluster.kubernetes.kinds import ENDPOINT_SLICE, POD, SERVICE
from cluster.kubernetes.pods import is_ready

OF_SERVICE = "kubernetes.io/service-name"
READING = 0.25


def endpoints(api: Api, service: str) -> list[str]:
    """The names of the pods that a Service sends requests to, sorted."""
    return sorted(
        str(told["targetRef"]["name"])
        for found in api.list(ENDPOINT_SLICE, {OF_SERVICE: service})
        for told in found.get("endpoints") or ()
        if told["conditions"].get("ready")
    )


def wait_known(api: Api, service: str, within: float) -> None:
    """Wait until a Service sends requests to the ready pods that it chooses, and to no other.

    NotReady where that takes longer.
    """
    deadline = time.monotonic() + within
    while not _known(api, service):
        if time.monotonic() > deadline:
            raise NotReady(
                f"the Service {service} does not know its pods, or others still,"
                f" after {within:g} s",
                hint=f"kubectl get endpointslices -l {OF_SERVICE}={service}; repeat the command",
            )
        time.sleep(READING)


def _known(api: Api, service: str) -> bool:
    selector = api.get(SERVICE, service)["spec"].get("selector")
    if not selector:
        return True
    chosen = api.list(POD, selector)
    ready = {pod["metadata"]["name"] for pod in chosen if is_ready(pod)}
    # One that has just lost its readiness may be listed for a moment, and is none of others.
    return ready <= set(endpoints(api, service)) <= {pod["metadata"]["name"] for pod in chosen}
