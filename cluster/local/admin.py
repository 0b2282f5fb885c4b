"""Envoy's admin interface: what it has taken up, who is healthy, what still runs."""

import http.client
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from cluster.errors import PortTaken, Unavailable
from cluster.local.home import Site

PATIENCE = 2.0


@dataclass(frozen=True, slots=True)
class Subscription:
    """What Envoy says about one of its files: the version it lives by and its refusals so far."""

    version: str | None
    refusals: int


@dataclass(frozen=True, slots=True)
class Host:
    """One instance as Envoy sees it; `active` counts the requests it is working on."""

    port: int
    ready: bool
    active: int


class Admin:
    """Questions to the site's own Envoy; Unavailable when it does not answer."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def require_own(self) -> None:
        """PortTaken when another site's Envoy answers on our admin port."""
        told = self._json("/server_info")
        node = told.get("node")
        seen = node.get("id") if isinstance(node, dict) else None
        if seen != self._site.node_id:
            raise PortTaken(
                f"port {self._site.ports.admin} is answered by another Envoy (node {seen},"
                f" ours is {self._site.node_id})",
                hint=f"end it, or work in another PINCEX_HOME: ss -ltnp 'sport = :"
                f"{self._site.ports.admin}'",
            )

    def subscription(self, prefix: str) -> Subscription:
        """The state of the subscription whose statistics begin with `prefix`."""
        found = self._stats(
            f"^{re.escape(prefix)}\\.(version_text|update_rejected|update_failure)$"
        )
        refused = int(str(found.get(f"{prefix}.update_rejected", 0)))
        failed = int(str(found.get(f"{prefix}.update_failure", 0)))
        version = found.get(f"{prefix}.version_text")
        return Subscription(None if version is None else str(version), refused + failed)

    def active_requests(self, cluster: str) -> int:
        """Requests that a cluster's instances work on, those taken off the list included."""
        name = f"cluster.{cluster}.upstream_rq_active"
        return int(str(self._stats(f"^{re.escape(name)}$").get(name, 0)))

    def hosts(self, cluster: str) -> list[Host]:
        """The instances on a cluster's list."""
        statuses = self._json("/clusters?format=json").get("cluster_statuses", [])
        return [
            _host(told)
            for status in statuses
            if status["name"] == cluster
            for told in status.get("host_statuses", [])
        ]

    def reopen_logs(self) -> None:
        """Let Envoy go on in new files where its old ones were renamed."""
        self._ask("POST", "/reopen_logs")

    def _stats(self, pattern: str) -> Mapping[str, object]:
        stats = self._json(f"/stats?format=json&filter={quote(pattern)}")["stats"]
        return {stat["name"]: stat["value"] for stat in stats if "name" in stat}

    def _json(self, path: str) -> dict[str, Any]:
        answer = self._ask("GET", path)
        try:
            content = json.loads(answer)
        except ValueError as error:
            raise Unavailable(f"Envoy answered {path} with {answer[:80]!r}") from error
        if not isinstance(content, dict):
            raise Unavailable(f"Envoy answered {path} with {type(content).__name__}, not a table")
        return content

    def _ask(self, method: str, path: str) -> bytes:
        port = self._site.ports.admin
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        try:
            connection.request(method, path)
            return connection.getresponse().read()
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(
                f"Envoy does not answer on port {port}: {error!r}", hint="pincex up"
            ) from error
        finally:
            connection.close()


def _host(told: Mapping[str, Any]) -> Host:
    address, health = told["address"], told["health_status"]
    bad = {"failed_active_health_check", "failed_outlier_check", "pending_active_hc"}
    listed = health.get("eds_health_status") == "HEALTHY"
    stats = told.get("stats", [])
    active = sum(int(stat.get("value", 0)) for stat in stats if stat["name"] == "rq_active")
    port = int(address["socket_address"]["port_value"])
    return Host(port, ready=listed and not any(health.get(name) for name in bad), active=active)
