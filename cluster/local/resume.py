"""A rollout that lost its process goes on: the keeper starts `resume` for it."""

import logging
from dataclasses import dataclass

from cluster.errors import ClusterError
from cluster.ledger import Ledger, Row, open_rollouts
from cluster.local.home import Home
from cluster.local.processes import ProcessSpec, running
from cluster.local.spawn import launch
from cluster.local.upkeep import resume_argv
from cluster.lock import Lock

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
            self._ledger = self._lock = None

    def _look(self, now: float) -> None:
        argv = resume_argv(self._home)
        if not argv or not self._home.ledger.exists():
            return
        if self._ledger is None or self._lock is None:
            self._ledger, self._lock = Ledger(self._home.ledger), Lock(self._home.ledger)
        found = open_rollouts(self._ledger)
        self._attempts = {
            (row.component, row.region): self._attempts.get((row.component, row.region), Attempts())
            for row in found
        }
        for row in found:
            attempts = self._attempts[row.component, row.region]
            if self._lock.holder(row.component, row.region) is not None:
                attempts.looks = 0
            else:
                self._resume(row, argv, attempts, now)

    def _resume(self, row: Row, argv: tuple[str, ...], attempts: Attempts, now: float) -> None:
        # One look may fall between a command's opening of the rollout and its process's lock.
        attempts.looks += 1
        role = f"resume:{row.component}@{row.region}"
        too_early = attempts.looks < LOOKS or now < attempts.last + attempts.pause
        if too_early or running(self._home, role) is not None:
            return
        attempts.begin(now)
        spec = ProcessSpec(
            role=role,
            argv=tuple(_filled(word, row) for word in argv),
            cwd=str(self._home.path),
            grace=RESUME_GRACE,
        )
        started = launch(self._home, spec)
        log.info("%s in %s lost its process; resumed as %s", row.component, row.region, started.pid)


def _filled(word: str, row: Row) -> str:
    return word.replace("{component}", row.component).replace("{region}", row.region)
