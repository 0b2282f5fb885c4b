"""What the platform does not take now: waited for, and told once."""

import sys
from time import monotonic, sleep
from typing import Protocol

from cluster.errors import ClusterError
from flows.site import Site

AGAIN = 0.2
"""Seconds until a platform that gave no answer is asked again."""


class Waiting(Protocol):
    """What a loop over a rollout remembers of it: since when, and the last line for the log."""

    lost_at: float | None
    said: str

    @property
    def site(self) -> Site: ...


def wait_for(loop: Waiting, error: ClusterError, seconds: float, *, endless: bool = False) -> None:
    """So many seconds later it may be possible; raised again once that took longer than it may."""
    now = monotonic()
    loop.lost_at = now if loop.lost_at is None else loop.lost_at
    if now - loop.lost_at > loop.site.patience and not endless:
        raise error
    tell(loop, str(error))
    sleep(seconds)


def tell(loop: Waiting, said: str) -> None:
    """A line for the log, unless it was the last one."""
    if said != loop.said:
        print(said, file=sys.stderr, flush=True)  # noqa: T201
    loop.said = said
