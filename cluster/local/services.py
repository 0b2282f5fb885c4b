"""Services as processes of this machine behind the site's proxy."""

import sys
from collections.abc import Mapping
from functools import cached_property

from cluster.errors import Invalid, NotFound, NotReady, Unavailable
from cluster.local.home import Home
from cluster.local.instances import Instance, start_instances, stop_instances, versions_up
from cluster.local.processes import ProcessSpec
from cluster.local.readiness import answers, in_one_line
from cluster.local.release_step import role_of, run_to_its_end
from cluster.local.traffic import Traffic
from cluster.lock import Lease
from cluster.route import Route
from cluster.services import require_steps
from rollout.application import Component, ReleaseStep
from rollout.release_facts import Fault


class LocalServices:
    """The services of the local site; its keeper starts again what dies."""

    by_instances = False
    how = "weights of the proxy"

    def __init__(self, home: Home) -> None:
        self._home = home

    @cached_property
    def _traffic(self) -> Traffic:
        # Not before it is asked for: a plan needs no site.
        return Traffic(self._home)

    def require_runnable(self, part: Component) -> None:
        """It needs a command to start, and paths under which it is asked."""
        if not part.command:
            raise Invalid(
                f"{part.name} has an image and no command; the local site starts commands",
                hint=f'[component.{part.name}] command = ["program", "--port", "{{port}}"]',
            )
        if not part.paths:
            raise Invalid(
                f"{part.name} has no paths, so no request would reach it",
                hint=f'[component.{part.name}] paths = ["/..."]',
            )
        require_steps(part)

    def require_rights(self) -> None:
        """Whoever may write the site's folder may do all of it."""

    def losses(self, part: Component) -> list[str]:
        """Nothing: this site decides itself how its servers start and end."""
        return []

    def programs(self, part: Component, version: str) -> list[str]:
        """What the site would run of a version: its servers' program, and those of its steps."""
        commands = [part.command, *(step.command for step in part.release_steps)]
        return sorted({self._filled(command[0], version) for command in commands})

    def versions_up(self, component: str) -> list[str]:
        """The versions that the proxy has instances of, or whose servers are being started."""
        return versions_up(self._home, component)

    def is_ready(self, part: Component, version: str) -> bool:
        """Every instance that the proxy was told of would get requests."""
        try:
            listed = self._traffic.endpoints(part.name, version)
        except NotFound:
            return False
        return bool(listed) and self._traffic.ready_hosts(part.name, version) == sorted(listed)

    def fault(self, part: Component, version: str, beside: str | None) -> Fault | None:
        """None: what dies here is started again within a second; health checks tell the rest."""
        return None

    def failed(self, part: Component, version: str) -> Mapping[str, bool]:
        """Whether each server failed to answer where it says that it is ready."""
        try:
            ports = self._traffic.endpoints(part.name, version)
        except NotFound:
            return {}
        ready = part.health.ready
        return {str(port): not answers(f"http://127.0.0.1:{port}{ready}") for port in ports}

    def route(self, component: str) -> Route:
        """The route as the proxy's file has it."""
        return self._traffic.route(component)

    def start(
        self, part: Component, version: str, within: float, lease: Lease, *, forced: bool
    ) -> None:
        """Its servers, ready and known to the proxy; NotReady with their last words."""
        specs = self._instances(part, version)
        check = lease.check
        try:
            start_instances(self._home, part.name, version, specs, within, lease_check=check)
        except Unavailable as error:
            raise NotReady(in_one_line(str(error))) from error

    def run_step(self, part: Component, version: str, step: ReleaseStep, lease: Lease) -> None:
        """A process beside the servers; its last words where it fails."""
        spec = ProcessSpec(
            role=role_of(part.name, version, step.name),
            argv=tuple(self._filled(word, version) for word in step.command),
            cwd=str(self._home.path),
        )
        what = f"release step {step.name} of {part.name} {version}"
        run_to_its_end(self._home, spec, what, step.within, lease_check=lease.check)

    def set_route(
        self, part: Component, route: Route, within: float, lease: Lease, *, forced: bool
    ) -> None:
        """Written, and seen live in the proxy."""
        self._traffic.set_route(part.name, route, lease_check=lease.check)

    def retire(
        self, part: Component, version: str, within: float, quiet_within: float, lease: Lease
    ) -> str:
        """Drained, taken off the proxy's list and ended: a route here is seen live at once."""
        stop_instances(self._home, part.name, version, within)
        return "the proxy had no request to it any more"

    def _instances(self, part: Component, version: str) -> list[Instance]:
        """How its servers are started; `{port}` is filled in where they are."""
        return [
            Instance(
                argv=tuple(
                    self._filled(word, version).replace("{instance}", str(number))
                    for word in part.command
                ),
                cwd=str(self._home.path),
                grace=float(part.grace),
                ready=part.health.ready,
            )
            for number in range(1, part.instances + 1)
        ]

    def _filled(self, word: str, version: str) -> str:
        told = {
            "version": version,
            "home": str(self._home.path),
            "endpoint": self._home.site().endpoint,
            "python": sys.executable,
        }
        for name, value in told.items():
            word = word.replace(f"{{{name}}}", value)
        return word
