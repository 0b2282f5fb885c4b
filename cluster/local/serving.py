"""The servers of models as processes of this machine behind the site's proxy."""

import http.client
import sys
from collections.abc import Mapping
from functools import cached_property

from cluster.errors import NotFound, NotReady, Unavailable
from cluster.local.envoy_words import PATIENCE
from cluster.local.home import Home
from cluster.local.instances import Instance, start_instances, stop_instances, versions_up
from cluster.local.readiness import answers
from cluster.local.traffic import READY, Traffic
from cluster.lock import Lease
from cluster.route import Route
from cluster.serving import Servers

HOST = "127.0.0.1"


class LocalServing:
    """The models of the local site; its keeper starts again what dies."""

    shares_copies = True

    def __init__(self, home: Home) -> None:
        self._home = home

    @cached_property
    def _traffic(self) -> Traffic:
        return Traffic(self._home)

    def require_able(self, component: str, version: str | None) -> None:
        """Whoever may write the site's folder may do all of it."""

    def versions_up(self, component: str) -> list[str]:
        """The versions that the proxy has instances of, or whose servers are being started."""
        return versions_up(self._home, component)

    def is_ready(self, component: str, version: str) -> bool:
        """Whether the proxy would send a request to one of its servers now."""
        return bool(self._traffic.ready_hosts(component, version))

    def servers(self, component: str, version: str) -> list[str]:
        """The ports of those that the proxy was told of."""
        try:
            return [str(port) for port in self._traffic.endpoints(component, version)]
        except NotFound:
            return []

    def failed(self, component: str, version: str) -> Mapping[str, bool]:
        """Whether each server failed to answer where it says that it is ready."""
        servers = self.servers(component, version)
        return {port: not answers(f"http://{HOST}:{port}{READY}") for port in servers}

    def ask(self, component: str, server: str, body: bytes) -> int | None:
        """A request to its port."""
        connection = http.client.HTTPConnection(HOST, int(server), timeout=PATIENCE)
        try:
            connection.request("POST", "/predict", body, {"content-type": "application/json"})
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            return None
        else:
            return answer.status
        finally:
            connection.close()

    def route(self, component: str) -> Route:
        """The route as the proxy's file has it."""
        return self._traffic.route(component)

    def set_route(self, component: str, route: Route, lease: Lease, *, forced: bool) -> None:
        """Written, and seen live in the proxy."""
        self._traffic.set_route(component, route, lease_check=lease.check)

    def start(self, servers: Servers, within: float, lease: Lease, *, forced: bool) -> None:
        """Its processes, ready and known to the proxy; NotReady with their last words."""
        specs = [self._instance(servers, number) for number in range(1, servers.count + 1)]
        name, version = servers.component, servers.version
        try:
            start_instances(self._home, name, version, specs, within, lease_check=lease.check)
        except Unavailable as error:
            raise NotReady(str(error), hint=error.hint) from error

    def stop(self, component: str, version: str, within: float, lease: Lease) -> None:
        """Drained, taken off the proxy's list and ended."""
        stop_instances(self._home, component, version, within)

    def _instance(self, servers: Servers, number: int) -> Instance:
        """`{port}` is filled in where it is started."""
        told = {"{host}": HOST, "{instance}": str(number)}
        arguments = [told.get(word, word) for word in servers.arguments]
        return Instance((sys.executable, *arguments), str(self._home.path), servers.env)
