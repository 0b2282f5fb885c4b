"""The live rule about health checks: one server that fails so many in a row undoes a rollout."""

from threading import Thread
from time import monotonic

from cluster.errors import ClusterError
from cluster.services import Services
from rollout.application import Component
from rollout.policy import HealthRule
from rollout.release_facts import Fault


class HealthChecks:
    """Checks of the version that is being rolled out, no more often than the rule says.

    They are made beside the looks: a server that hangs takes its time to say so.
    """

    def __init__(self, services: Services, rule: HealthRule) -> None:
        self._services = services
        self._rule = rule
        self._of: tuple[str, str] = ("", "")
        self._in_a_row: dict[str, int] = {}
        self._checked = float("-inf")
        self._asking: Thread | None = None

    def look(self, part: Component, version: str) -> Fault | None:
        """Check again if it is time; what the rule says of the checks so far."""
        if self._of != (part.name, version):
            self._of, self._in_a_row, self._checked = (part.name, version), {}, float("-inf")
        asking = self._asking is not None and self._asking.is_alive()
        if not asking and monotonic() >= self._checked + self._rule.every:
            self._checked = monotonic()
            self._asking = Thread(target=self._check, args=(part, version), daemon=True)
            self._asking.start()
        sick = self._in_a_row
        worst = max(sick, key=lambda one: sick[one], default=None)
        if worst is None or sick[worst] < self._rule.failed_checks:
            return None
        said = f"{worst} of {part.name} {version} failed {sick[worst]} health checks in a row"
        return Fault(said, of_version=True)

    def _check(self, part: Component, version: str) -> None:
        try:
            failed = self._services.failed(part, version)
        except ClusterError:
            # Nobody could be asked, which is no failed check; the looks say that, too.
            return
        before = self._in_a_row
        counted = {one: before.get(one, 0) + 1 if bad else 0 for one, bad in failed.items()}
        if self._of == (part.name, version):
            self._in_a_row = counted
