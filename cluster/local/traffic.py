"""Who serves, in which shares, and who gets copies: set, then seen live."""

import contextlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from cluster.errors import NotFound, Refused, TrafficNotMoved, Unavailable
from cluster.files import make_directory, writing
from cluster.local.admin import Admin
from cluster.local.envoy_clusters import clusters, endpoints
from cluster.local.envoy_routes import routes
from cluster.local.envoy_words import ROUTES_NAME, STAT_PREFIX, STATE
from cluster.local.home import Home
from cluster.local.route import cluster_name, copy_cluster_name, from_json
from cluster.local.xds import Change, Xds
from cluster.route import Route

CDS = "cluster_manager.cds"
RDS = f"http.{STAT_PREFIX}.rds.{ROUTES_NAME}"
QUIET_READINGS, READING = 3, 0.05
LOG_BYTES = 50_000_000
READY = "/readyz"


class Traffic:
    """The traffic of one site. The files are the state; Envoy is asked what it made of them."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._admin = Admin(home.site())
        self._xds = Xds(home, self._admin)

    def set_endpoints(
        self,
        component: str,
        version: str,
        ports: Sequence[int],
        *,
        lease_check: Callable[[], None],
        ready: str = READY,
    ) -> None:
        """Make the instances on `ports` the ones of a version, ready to be routed to.

        They are once they answer 200 at `ready`. `lease_check` is called where nobody can come
        between it and the write.
        """
        self._write_endpoints(component, version, ports, lease_check, draining=False, ready=ready)

    def endpoints(self, component: str, version: str) -> list[int]:
        """The ports of a version's instances; NotFound when it has none."""
        return [port for port, _ in self._listed(component, version)]

    def deployed(self, component: str) -> list[str]:
        """The versions of a component that Envoy has instances of, sorted."""
        return [version for name, version in self._versions() if name == component]

    def routes(self) -> dict[str, Route]:
        """The route of every component."""
        content = self._xds.read(self._home.routes)
        try:
            version = str(content["version_info"])
            table = content["resources"][0]["metadata"]["filter_metadata"][STATE]  # type: ignore[index]
            return {name: from_json(told, version) for name, told in table.items()}
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            raise self._xds.damaged(self._home.routes, error) from error

    def route(self, component: str) -> Route:
        """The route of a component as its file says; NotFound when it has none."""
        table = self.routes()
        if component not in table:
            raise NotFound(f"{component} gets no traffic in this site")
        return table[component]

    def set_route(self, component: str, route: Route, *, lease_check: Callable[[], None]) -> Route:
        """Change a component's route and see it live, in about 2 ms.

        `lease_check` raises when the caller lost the right to change it; it is called where
        nobody can come between it and the write. Refused for a version that has no instances or
        whose instances are draining.
        """
        with self._xds.lock():
            lease_check()
            for version in route.versions:
                self._require_routable(component, version)
            before = self.routes()
            _require_same_kind(component, before.get(component, route), route)
            if route.mirror is not None and not any(old.mirror for old in before.values()):
                self._rotate(self._home.upstream_log)
            if route.observed and not any(old.observed for old in before.values()):
                self._rotate(self._home.access_log)
            table = {**before, component: route}
            change = self._xds.write(self._home.routes, lambda name: routes(table, name), [RDS])
        self._xds.confirm(change)
        return self.route(component)

    def drain(self, component: str, version: str, timeout: float) -> None:
        """Give a version's instances nothing new and wait until what they have is done."""
        ports = self.endpoints(component, version)
        self._write_endpoints(component, version, ports, _unchecked, draining=True, ready=READY)
        deadline, quiet = time.monotonic() + timeout, 0
        while quiet < QUIET_READINGS:
            active = self._active_by(deadline, component, version)
            quiet = quiet + 1 if active == 0 else 0
            if active and time.monotonic() > deadline:
                raise TrafficNotMoved(
                    f"{component} {version} still works on {active} requests after {timeout:g} s",
                    hint="repeat the command; its instances get no new requests meanwhile",
                )
            time.sleep(READING)

    def remove(self, component: str, version: str) -> None:
        """Forget a version's instances; Refused while a route names it."""
        with self._xds.lock():
            self._require_unrouted(component, version)
            known = self._versions()
            left = {pair: known[pair] for pair in known if pair != (component, version)}
            change = self._write_clusters(left)
        self._xds.confirm(change)
        directory = self._directory(component, version)
        with writing(directory), contextlib.suppress(FileNotFoundError):
            (directory / "endpoints.json").unlink(missing_ok=True)
            directory.rmdir()

    def active(self, component: str, version: str) -> int:
        """How many requests and copies a version's instances are working on."""
        names = cluster_name(component, version), copy_cluster_name(component, version)
        return sum(self._admin.active_requests(name) for name in names)

    def ready_hosts(self, component: str, version: str) -> list[int]:
        """The ports of the instances that Envoy would send a request to now."""
        hosts = self._admin.hosts(cluster_name(component, version))
        return sorted(host.port for host in hosts if host.ready)

    def _active_by(self, deadline: float, component: str, version: str) -> int:
        """`active`, waiting until `deadline` for an Envoy that the keeper is starting again."""
        while True:
            try:
                return self.active(component, version)
            except Unavailable:
                if time.monotonic() > deadline:
                    raise
                time.sleep(READING)

    def deciding(self) -> AbstractContextManager[None]:
        """What a process holds while it checks its lease and acts on what it found."""
        return self._xds.lock()

    def _rotate(self, log: Path) -> None:
        """Begin a log anew when nobody needs what is written to it and it has become long."""
        with writing(log):
            if log.exists() and log.stat().st_size > LOG_BYTES:
                os.replace(log, log.with_suffix(".jsonl.1"))
                self._admin.reopen_logs()

    def _write_endpoints(
        self,
        component: str,
        version: str,
        ports: Sequence[int],
        lease_check: Callable[[], None],
        *,
        draining: bool,
        ready: str,
    ) -> None:
        names = cluster_name(component, version), copy_cluster_name(component, version)
        file = self._directory(component, version) / "endpoints.json"
        changes: list[Change] = []
        with self._xds.lock():
            lease_check()
            if draining:
                self._require_unrouted(component, version)
            make_directory(file.parent)
            listed = self._xds.write(
                file,
                lambda name: endpoints(
                    component, version, ports, draining=draining, version_info=name
                ),
                [f"cluster.{name}" for name in names],
            )
            known = self._versions()
            if (component, version) not in known:
                changes.append(self._write_clusters({**known, (component, version): ready}))
        for change in (*changes, listed):
            self._xds.confirm(change)

    def _write_clusters(self, versions: Mapping[tuple[str, str], str]) -> Change:
        ordered = dict(sorted(versions.items()))
        return self._xds.write(
            self._home.clusters, lambda name: clusters(self._home, ordered, name), [CDS]
        )

    def _versions(self) -> dict[tuple[str, str], str]:
        """Component and version of each pair of clusters, and where it says that it is ready."""
        content = self._xds.read(self._home.clusters)
        found: dict[tuple[str, str], str] = {}
        try:
            for told in content["resources"]:  # type: ignore[attr-defined]
                component, version, *copies = str(told["name"]).split("--")
                if not copies:
                    (check,) = told["health_checks"]
                    found[component, version] = str(check["http_health_check"]["path"])
        except (KeyError, TypeError, ValueError) as error:
            raise self._xds.damaged(self._home.clusters, error) from error
        return dict(sorted(found.items()))

    def _listed(self, component: str, version: str) -> list[tuple[int, str]]:
        """Port and health status of a version's instances."""
        file = self._directory(component, version) / "endpoints.json"
        try:
            content = self._xds.read(file)
        except NotFound:
            raise NotFound(f"{component} {version} has no instances in this site") from None
        try:
            hosts = content["resources"][0]["endpoints"][0]["lb_endpoints"]  # type: ignore[index]
            return [
                (
                    int(host["endpoint"]["address"]["socket_address"]["port_value"]),
                    str(host["health_status"]),
                )
                for host in hosts
            ]
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise self._xds.damaged(file, error) from error

    def _require_routable(self, component: str, version: str) -> None:
        if (component, version) not in self._versions():
            raise Refused(f"{component} {version} has no instances; no traffic was moved")
        states = {health for _, health in self._listed(component, version)}
        if states != {"HEALTHY"}:
            raise Refused(f"the instances of {component} {version} are draining or none; not moved")

    def _require_unrouted(self, component: str, version: str) -> None:
        route = self.routes().get(component)
        if route is not None:
            route.require_unnamed(component, version)

    def _directory(self, component: str, version: str) -> Path:
        return self._home.endpoints / cluster_name(component, version)


def _require_same_kind(component: str, before: Route, after: Route) -> None:
    """A service and a model of one name would take each other's clients away."""
    if bool(before.calls.paths) != bool(after.calls.paths):
        kind, other = ("service", "model") if before.calls.paths else ("model", "service")
        raise Refused(f"{component} is a {kind} of this site; the {other} needs another name")


def _unchecked() -> None:
    """Draining needs no lease: it is refused while a route names the version."""
