"""A rollback that `restore-config` opened, and that it goes on with where it was killed."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from cluster.errors import LockHeld
from cluster.lock import Lease, kept
from flows.site import LEASE_SECONDS, Site
from rollout.history import History
from rollout.state import Revision, Rollout

HOLDER = "restore-config"
DEADLINE, READING = 240.0, 0.2


def begun(history: History, to: Revision) -> Rollout | None:
    """The open rollback of a restore to this revision; whoever runs it leads to the same end."""
    opened = history.open
    if opened is None or opened.override != HOLDER:
        return None
    return opened if opened.verb.undoes and opened.candidate == to else None


@contextmanager
def turn(here: Site, name: str) -> Iterator[Lease]:
    """The lock over a block; the keeper may be about to end what a killed restore began."""
    deadline = time.monotonic() + DEADLINE
    while True:
        try:
            lease = here.lock.acquire(name, here.region, HOLDER, LEASE_SECONDS)
            break
        except LockHeld:
            rollouts = here.history(name).rollouts
            ours = bool(rollouts) and rollouts[-1].override == HOLDER
            if not ours or time.monotonic() > deadline:
                raise
            time.sleep(READING)
    with kept(lease):
        yield lease
