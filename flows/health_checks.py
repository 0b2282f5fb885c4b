"""The live rule about health checks: one server that fails so many in a row undoes a rollout."""

from collections.abc import Callable, Mapping
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING

from cluster.errors import ClusterError
from rollout.policy import HealthRule
from rollout.watch_words import HEALTH

if TYPE_CHECKING:
    from analysis.triggers import Reading

HANGING = 30.0
"""Seconds more than a few checks take, after which what was checked says nothing any more."""

Failed = Callable[[], Mapping[str, bool]]


class HealthChecks:
    """Checks of one version, no more often than the rule says; of a server that went none is kept.

    They are made beside the looks: a server that hangs takes its time to say so, and the errors of
    the others cannot wait for it.
    """

    def __init__(self, failed: Failed, rule: HealthRule) -> None:
        self._failed = failed
        self._rule = rule
        self._made: dict[str, list[bool]] = {}
        self._checked = self._heard = float("-inf")
        self._asking: Thread | None = None
        self._unheard: str | None = None

    def ask(self) -> None:
        """Check each server again if it is time."""
        asking = self._asking is not None and self._asking.is_alive()
        if asking or monotonic() < self._checked + self._rule.every:
            return
        self._checked = monotonic()
        self._asking = Thread(target=self._ask_servers, daemon=True)
        self._asking.start()

    def sick(self) -> str | None:
        """A server that failed so many checks in a row that the rule undoes its version."""
        wanted = self._rule.failed_checks
        for server, checks in self._made.items():
            if len(checks) >= wanted and all(checks[-wanted:]):
                return server
        return None

    def reading(self) -> "Reading":
        """What the rule says of the checks so far; nobody who could be asked is no failed check."""
        from analysis.triggers import Reading, State, failed_in_a_row

        if self._unheard is not None:
            return Reading(HEALTH, State.NOT_JUDGED, "nobody tells", self._unheard, None)
        rule, age = self._rule, monotonic() - self._heard
        if self._made and age > rule.failed_checks * rule.every + HANGING:
            said = f"the last check was {age:.0f} s ago"
            return Reading(HEALTH, State.STALE, "no check", said, None)
        return failed_in_a_row(HEALTH, list(self._made.values()), rule.failed_checks, rule.every)

    def _ask_servers(self) -> None:
        """One check of each server, which keeps its own record."""
        try:
            found = self._failed()
        except ClusterError as error:
            self._unheard = str(error)
            return
        self._unheard, self._heard = None, monotonic()
        self._made = {server: [*self._made.get(server, ()), bad] for server, bad in found.items()}
