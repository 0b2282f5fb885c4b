"""The server processes of a version: started, ready and listed in Envoy; or drained and ended."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from cluster.errors import Unavailable
from cluster.local.home import Home
from cluster.local.ports import free_ports, is_free
from cluster.local.processes import ProcessSpec, Running, recorded, running, unwant, want, wanted
from cluster.local.readiness import wait_ready
from cluster.local.route import cluster_name
from cluster.local.scan import listens
from cluster.local.traffic import READY, Traffic

LISTED_SECONDS = 10.0
KILL_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Instance:
    """How to start one server: `{port}` in `argv` becomes its port, `grace` in seconds.

    It must answer 200 at `ready` of 127.0.0.1 and that port once it can serve.
    """

    argv: tuple[str, ...]
    cwd: str
    env: Mapping[str, str] = field(default_factory=dict)
    grace: float = 10.0
    ready: str = READY


def role_of(component: str, version: str, number: int) -> str:
    """The role of a version's instance; numbers start at 1."""
    return f"{component}@{version}#{number}"


def start_instances(
    home: Home,
    component: str,
    version: str,
    specs: Sequence[Instance],
    timeout: float,
    *,
    lease_check: Callable[[], None],
) -> list[Running]:
    """Run one server per spec, wait until each is ready, and list them in Envoy.

    Repeating it changes nothing about servers that already run from the same spec. If one does
    not become ready, those started here are ended again and Unavailable carries its last words.
    `lease_check` raises when the caller lost the right to start them: who took over has taken
    them out, and they must not come back. It is asked while they start, too.
    """
    cluster_name(component, version)
    before = set(roles_of(home, component, version))
    roles = [role_of(component, version, number) for number in range(1, len(specs) + 1)]
    deadline = time.monotonic() + timeout
    try:
        with Traffic(home).deciding():
            lease_check()
            for role, spec in zip(roles, specs, strict=True):
                want(home, _process(home, role, spec))
        found = [
            _ready(home, role, spec, deadline, lease_check)
            for role, spec in zip(roles, specs, strict=True)
        ]
    except Unavailable:
        for role in set(roles) - before:
            unwant(home, role)
        raise
    _list(home, component, version, roles, specs[0].ready, lease_check)
    for role in before - set(roles):
        unwant(home, role)
    return found


def versions_up(home: Home, component: str) -> list[str]:
    """The versions that Envoy has instances of, or whose servers are only being started."""
    prefix = f"{component}@"
    roles = [role for role in home.roles(home.processes) if role.startswith(prefix)]
    starting = {role.removeprefix(prefix).rpartition("#")[0] for role in roles}
    return sorted(starting | set(Traffic(home).deployed(component)))


def stop_instances(home: Home, component: str, version: str, timeout: float) -> None:
    """Drain a version's instances, take them off Envoy's list and end them.

    Refused while a route names the version; nothing happens when it has no instances.
    """
    traffic = Traffic(home)
    if version in traffic.deployed(component):
        traffic.drain(component, version, timeout)
    traffic.remove(component, version)
    roles = roles_of(home, component, version)
    graces = [seen.grace for role in roles if (seen := recorded(home, role)) is not None]
    for role in roles:
        unwant(home, role)
    # The keeper kills what outlives its grace, so this much longer is always enough.
    _wait_ended(home, roles, max(graces, default=0.0) + KILL_SECONDS)


def _ready(
    home: Home, role: str, spec: Instance, deadline: float, check: Callable[[], None]
) -> Running:
    """Wait for an instance; on another port when somebody else was faster to take its own."""
    while True:
        try:
            return wait_ready(home, role, deadline - time.monotonic(), check)
        except Unavailable:
            moved, present = _process(home, role, spec), wanted(home, role)
            if present is None or moved == present:
                raise
            want(home, moved)


def _process(home: Home, role: str, spec: Instance) -> ProcessSpec:
    """The process for an instance, on the port it already has if it can still use it."""
    known = wanted(home, role)
    if known is not None and known.port is not None:
        same = _on_port(role, spec, known.port)
        if same.digest == known.digest and _is_ours_or_free(home, role, known.port):
            return same
    return _on_port(role, spec, free_ports(1, avoid=_ports(home))[0])


def _is_ours_or_free(home: Home, role: str, port: int) -> bool:
    process = running(home, role)
    ours = process is not None and process.pid is not None and listens(process.pid, port)
    return ours or is_free(port)


def _on_port(role: str, spec: Instance, port: int) -> ProcessSpec:
    return ProcessSpec(
        role=role,
        argv=tuple(word.replace("{port}", str(port)) for word in spec.argv),
        cwd=spec.cwd,
        env=spec.env,
        ready_url=f"http://127.0.0.1:{port}{spec.ready}",
        grace=spec.grace,
    )


def _list(
    home: Home,
    component: str,
    version: str,
    roles: Sequence[str],
    ready: str,
    lease_check: Callable[[], None],
) -> None:
    """Tell Envoy the ports of a version's instances and wait until it would use all of them."""
    traffic = Traffic(home)
    specs = [wanted(home, role) for role in roles]
    ports = sorted(spec.port for spec in specs if spec is not None and spec.port is not None)
    traffic.set_endpoints(component, version, ports, lease_check=lease_check, ready=ready)
    deadline = time.monotonic() + LISTED_SECONDS
    while traffic.ready_hosts(component, version) != ports:
        if time.monotonic() > deadline:
            found = traffic.ready_hosts(component, version)
            raise Unavailable(
                f"Envoy finds only ports {found} of {ports} of {component} {version} ready"
            )
        time.sleep(0.02)


def roles_of(home: Home, component: str, version: str) -> list[str]:
    """The instances of a version that shall run, as the keeper knows them."""
    prefix = f"{component}@{version}#"
    return [role for role in home.roles(home.processes) if role.startswith(prefix)]


def servers(home: Home, component: str, version: str) -> int | str:
    """How many instances of a version shall run; in words where Envoy lists another number."""
    shall = len(roles_of(home, component, version))
    traffic = Traffic(home)
    up = version in traffic.deployed(component)
    listed = len(traffic.endpoints(component, version)) if up else 0
    return shall if listed == shall else f"{shall}, of which Envoy lists {listed}"


def _ports(home: Home) -> frozenset[int]:
    """Every port that the site has given away."""
    fixed = home.site().ports
    specs = [wanted(home, role) for role in home.roles(home.processes)]
    given = {spec.port for spec in specs if spec is not None and spec.port is not None}
    return frozenset(given | {fixed.endpoint, fixed.admin, fixed.prefect, fixed.mlflow})


def _wait_ended(home: Home, roles: Sequence[str], timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while left := [role for role in roles if home.run_file(role).exists()]:
        if time.monotonic() > deadline:
            raise Unavailable(f"{', '.join(left)} did not end within {timeout:g} s")
        time.sleep(0.02)
