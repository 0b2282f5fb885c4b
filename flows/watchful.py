"""A lease that ends a long action early: once a trigger fires at what is watched meanwhile."""

from collections.abc import Callable
from dataclasses import replace
from time import monotonic

from cluster.errors import ClusterError, Unavailable
from cluster.lock import Holding, Lease, Leases

EVERY = 1.0


class Fired(ClusterError):
    """What already serves is harmed; what is being done can wait."""


def watchful(lease: Lease, firing: Callable[[], str | None]) -> Lease:
    """The same lease, whose check also asks, once a second, whether a trigger fires."""
    return replace(lease, lock=_Watchful(lease.lock, firing))


class _Watchful:
    """The leases of a site; Fired where a check finds that a trigger does."""

    def __init__(self, leases: Leases, firing: Callable[[], str | None]) -> None:
        self._leases = leases
        self._firing = firing
        self._asked = monotonic()

    def check(self, lease: Lease) -> None:
        """As the site does, then by the triggers."""
        self._leases.check(lease)
        if monotonic() < self._asked + EVERY:
            return
        self._asked = monotonic()
        try:
            said = self._firing()
        except Unavailable:
            # Nobody can say: the next check asks again.
            return
        if said is not None:
            raise Fired(said)

    def acquire(self, component: str, region: str, holder: str, ttl: float) -> Lease:
        return self._leases.acquire(component, region, holder, ttl)

    def preempt(self, component: str, region: str, holder: str, ttl: float) -> Lease:
        return self._leases.preempt(component, region, holder, ttl)

    def holder(self, component: str, region: str) -> Holding | None:
        return self._leases.holder(component, region)

    def renew(self, lease: Lease) -> None:
        self._leases.renew(lease)

    def release(self, lease: Lease) -> None:
        self._leases.release(lease)
