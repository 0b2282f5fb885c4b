"""When a version that got requests may be ended: once its own counters say that it gets none.

A route that was written is not a gateway that obeys: on a busy machine requests came to a version
for seconds after its route had been changed, and were lost where its pods had gone meanwhile.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cluster.errors import Unavailable
from cluster.lock import Lease
from cluster.prometheus import Prometheus

# Longer than the slowest data plane that was measured takes to forget a pod.
DRAIN = 5
READING = 0.5


@dataclass(frozen=True, slots=True)
class Drained:
    """How a version was drained, in words; `asked` where requests still came as far as is known."""

    said: str
    asked: bool = False


def not_counted(why: str) -> Drained:
    """Nobody can tell whether requests still come; its pods serve on for the drain time."""
    return Drained(f"{why}, so its pods served on for {DRAIN} s")


@dataclass(frozen=True, slots=True)
class Drain:
    """The end of a version's requests: its route was changed at `moved_at`, by the clock of `now`.

    `within` seconds after that change it is ended in any case.
    """

    counters: Prometheus
    component: str
    version: str
    moved_at: datetime
    within: float
    now: Callable[[], datetime]

    def wait(self, lease: Lease) -> Drained:
        """Wait until no request came for the drain time, nobody can count them, or time is up."""
        blind_since: float | None = None
        while True:
            lease.check()
            still, blind = self._still()
            if still is not None and still >= DRAIN:
                return Drained(f"no request came for {DRAIN} s")
            if blind is None:
                blind_since = None
            elif blind_since is None:
                blind_since = time.monotonic()
            elif time.monotonic() - blind_since > DRAIN:
                return not_counted(blind)
            if self.now() > self.moved_at + timedelta(seconds=self.within):
                return Drained(self._out_of_time(still), asked=True)
            time.sleep(READING)

    def _still(self) -> tuple[float | None, str | None]:
        """Seconds without a request, or why nobody knows."""
        try:
            still = self.counters.stood_still(self.component, self.version, self.moved_at)
        except Unavailable as error:
            return None, str(error)
        return still, None if still is not None else "nobody counts its requests"

    def _out_of_time(self, still: float | None) -> str:
        after = f"{self.within:g} s after its route was changed"
        if still is None:
            return (
                f"nobody could say {after} whether requests still came; it was ended all the same"
            )
        return f"requests still came {after}, or were not scraped; it was ended all the same"
