"""A rollout that lost its process goes on: the keeper starts `resume` for it."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime

from cluster.errors import ClusterError
from cluster.ledger import Ledger, open_rollouts
from cluster.local.home import Home
from cluster.local.processes import ProcessSpec, running
from cluster.local.spawn import launch
from cluster.local.upkeep import resume_argv
from cluster.lock import Lock
from cluster.outbox import Outbox

Place = tuple[str, str]

log = logging.getLogger("keeper")

LOOK_EVERY, LOOKS = 0.25, 2
FIRST_PAUSE, LONGEST_PAUSE, PAUSE_AFTER_FAILURE = 1.0, 60.0, 5.0
RESUME_GRACE = 10.0


@dataclass(slots=True)
class Attempts:
    """How often a rollout was seen without a holder, and when it may be resumed again."""

    looks: int = 0
    pause: float = FIRST_PAUSE
    last: float = -LONGEST_PAUSE

    def begin(self, now: float) -> None:
        """Count an attempt: the next one waits twice as long, unless this one lasted."""
        lasted = now - self.last >= LONGEST_PAUSE
        self.pause = FIRST_PAUSE if lasted else min(2 * self.pause, LONGEST_PAUSE)
        self.last = now


class Resumer:
    """Looks for open rollouts whose lock nobody holds."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._ledger: Ledger | None = None
        self._lock: Lock | None = None
        self._outbox: Outbox | None = None
        self._attempts: dict[tuple[str, str], Attempts] = {}
        self._look_after = 0.0

    def tick(self, now: float) -> None:
        """Look, at most every quarter of a second, and start what must go on."""
        if now < self._look_after:
            return
        self._look_after = now + LOOK_EVERY
        try:
            self._look(now)
        except ClusterError as error:
            log.error("open rollouts cannot be looked for: %s", error)
            self._look_after = now + PAUSE_AFTER_FAILURE
            # A file put back from a backup is another file.
            self._ledger = self._lock = self._outbox = None

    def _look(self, now: float) -> None:
        argv = resume_argv(self._home)
        if not argv or not self._home.ledger.exists():
            return
        if self._ledger is None or self._lock is None or self._outbox is None:
            self._ledger, self._lock = Ledger(self._home.ledger), Lock(self._home.ledger)
            self._outbox = Outbox(self._home.ledger)
        found = unfinished(self._ledger, self._outbox)
        self._attempts = {place: self._attempts.get(place, Attempts()) for place in found}
        for place, attempts in self._attempts.items():
            if self._lock.holder(*place) is not None:
                attempts.looks = 0
            else:
                self._resume(place, argv, attempts, now)

    def _resume(self, place: Place, argv: tuple[str, ...], attempts: Attempts, now: float) -> None:
        component, region = place
        # One look may fall between a command's opening of the rollout and its process's lock.
        attempts.looks += 1
        role = f"resume:{component}@{region}"
        too_early = attempts.looks < LOOKS or now < attempts.last + attempts.pause
        if too_early or running(self._home, role) is not None:
            return
        attempts.begin(now)
        spec = ProcessSpec(
            role=role,
            argv=tuple(_filled(word, place) for word in argv),
            cwd=str(self._home.path),
            grace=RESUME_GRACE,
        )
        started = launch(self._home, spec)
        log.info("%s in %s lost its process; resumed as %s", component, region, started.pid)


def unfinished(ledger: Ledger, outbox: Outbox) -> list[Place]:
    """Components and regions with a rollout that needs a process, or with an errand that is due."""
    now = datetime.now(UTC)
    rollouts = {(row.component, row.region) for row in open_rollouts(ledger, now)}
    errands = {
        (str(errand.payload["component"]), str(errand.payload["region"]))
        for errand in outbox.due(now)
    }
    return sorted(rollouts | errands)


def _filled(word: str, place: Place) -> str:
    component, region = place
    return word.replace("{component}", component).replace("{region}", region)
