"""Who serves, in which shares, and who gets copies: an HTTPRoute, written and read back."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from cluster.errors import NotFound, Owned, Refused, TrafficNotMoved
from cluster.kubernetes import fence, http_route
from cluster.kubernetes.api import MANAGER, Api, Object
from cluster.kubernetes.endpoints import endpoints
from cluster.kubernetes.kinds import HTTP_ROUTE, SERVICE
from cluster.kubernetes.names import (
    COMPONENT,
    VERSION,
    object_name,
    require_component,
)
from cluster.lock import Lease
from cluster.route import Route


@dataclass(frozen=True, slots=True)
class Gateway:
    """The Gateway whose listeners take the requests."""

    name: str
    namespace: str


class Traffic:
    """The routes of one namespace. What the gateway does about them is not told here.

    The status of a route was seen to be current before the traffic changed, and a share of
    copies to be accepted and ignored: whoever needs to know must count answers.
    """

    def __init__(self, api: Api, gateway: Gateway) -> None:
        self._api = api
        self._gateway = gateway

    def route(self, component: str) -> Route:
        """The route of a component as the API server has it; NotFound when it has none."""
        found = self._api.find(HTTP_ROUTE, require_component(component))
        if found is None:
            raise NotFound(f"{component} gets no traffic in {self._api.access.namespace}")
        return self._read(component, found)

    def set_route(
        self, component: str, route: Route, lease: Lease, *, forced: bool = False
    ) -> Route:
        """Change a component's route under a lease, and read it back; `forced` for what undoes.

        Refused for a version that gets nothing yet and has no ready pod behind its Service;
        LostLock when somebody took over; Owned when another program or person manages the route.
        """
        # Asked before the write: the same is asked afterwards, to read it back.
        self._services(component)
        for version in route.versions:
            self._require_routable(component, version)
        gateway = {"name": self._gateway.name, "namespace": self._gateway.namespace}
        content = http_route.content(component, route, lease.component, gateway)
        fence.write(self._api, HTTP_ROUTE, content, lease, forced=forced)
        told = self.route(component)
        if told != http_route.in_parts(route):
            raise TrafficNotMoved(
                f"the route of {component} was written and reads back as {told}",
                hint=f"kubectl get httproute {component} -o yaml --show-managed-fields",
            )
        return told

    def _named(self, component: str) -> frozenset[str]:
        """The versions that get something already: they may go on, ready or not."""
        try:
            return self.route(component).versions
        except (NotFound, Owned):
            return frozenset()

    def ready_pods(self, component: str, version: str) -> list[str]:
        """The names of the pods that the version's Service sends requests to, sorted."""
        return endpoints(self._api, object_name(component, version))

    def deployed(self, component: str) -> list[str]:
        """The versions of a component that have a Service, sorted."""
        return sorted(self._services(component).values())

    def moved_at(self, component: str) -> datetime | None:
        """When we last changed the route, by the API server's clock; None where we never did."""
        found = self._api.find(HTTP_ROUTE, require_component(component))
        told = [
            datetime.fromisoformat(one["time"])
            for one in (found or {}).get("metadata", {}).get("managedFields", ())
            if one["manager"] == MANAGER
        ]
        # It is told in whole seconds.
        return max(told) + timedelta(seconds=1) if told else None

    def require_unrouted(self, component: str, version: str) -> None:
        """Refused while the component's route names the version."""
        try:
            route = self.route(component)
        except NotFound:
            return
        route.require_unnamed(component, version)

    def _read(self, component: str, found: Object) -> Route:
        """The route that an object means; Owned where it means none that we would write."""
        try:
            return http_route.meant(found, self._services(component))
        except (KeyError, ValueError, TypeError, Refused) as error:
            raise Owned(
                f"the HTTPRoute {component} was changed by {_others(found)} into something that is"
                f" no route of ours: {error!r}",
                hint=f"kubectl get httproute {component} -o yaml --show-managed-fields",
            ) from error

    def _services(self, component: str) -> dict[str, str]:
        found = self._api.list(SERVICE, {COMPONENT: require_component(component)})
        named = [(told["metadata"]["name"], told["metadata"]["labels"]) for told in found]
        # That of the whole component, where there is no Gateway, is of no version.
        return {name: marks[VERSION] for name, marks in named if VERSION in marks}

    def _require_routable(self, component: str, version: str) -> None:
        if not self.ready_pods(component, version) and version not in self._named(component):
            raise Refused(f"{component} {version} has no ready pod; no traffic was moved")


def _others(found: Object) -> str:
    managers = {told["manager"] for told in found["metadata"].get("managedFields", ())}
    return ", ".join(sorted(managers - {MANAGER})) or "somebody"
