"""The lock as Lease objects: holder, expiry by the API server's clock, and a fencing token.

Every write names the resource version it read, so of two at the same moment one fails. The
token stays in the object when the lock is given back, and grows beyond the clock even where
somebody deleted the object.
"""

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from cluster.errors import Changed, LockHeld, LostLock, Unavailable
from cluster.identity import host_name, start_mark
from cluster.kubernetes.api import Api, Object
from cluster.kubernetes.kinds import LEASE
from cluster.kubernetes.names import COMPONENT, FENCE, PREFIX, require_component
from cluster.kubernetes.namespace import absent
from cluster.lock import Holding, Lease

ATTEMPTS = 20
HOST, PID, MARK, REGION = (f"{PREFIX}/{key}" for key in ("host", "pid", "mark", "region"))
FREE = ""


class Lock:
    """The leases of one namespace. Expiries are whole seconds, as a Lease has them."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def acquire(self, component: str, region: str, holder: str, ttl: float) -> Lease:
        """Take the lock for `ttl` seconds, rounded up; LockHeld names who has it.

        A lease that ran out, or whose process on this host is dead, is void at once.
        """

        def free(found: Object | None) -> None:
            held = None if found is None else _holding(found, self._api.now())
            if held is not None:
                raise LockHeld(
                    f"{component} in {region} is held by {held}",
                    hint=f"wait, or follow it: pincex resume {component}",
                )

        return self._take(component, region, holder, ttl, free)

    def preempt(self, component: str, region: str, holder: str, ttl: float) -> Lease:
        """Take the lock from whoever has it, for undoing; the former holder's check fails."""
        return self._take(component, region, holder, ttl, lambda found: None)

    def holder(self, component: str, region: str) -> Holding | None:
        """Who holds the lock now; None when it is free, ran out or its process is dead."""
        found = self._api.find(LEASE, _name(component, region))
        return None if found is None else _holding(found, self._api.now())

    def check(self, lease: Lease) -> None:
        """Raise LostLock unless `lease` is the newest of its component and region."""
        self._require_newest(lease)

    def renew(self, lease: Lease) -> None:
        """Extend `lease` by its `ttl` from now; LostLock when it was taken over."""
        for _ in range(ATTEMPTS):
            found = self._require_newest(lease)
            found["spec"]["renewTime"] = _micro(self._api.now())
            if self._written(found):
                return
        raise _kept_changing(lease.component)

    def release(self, lease: Lease) -> None:
        """Free the lock if it is still this lease's; the token stays, so that it only grows."""
        for _ in range(ATTEMPTS):
            try:
                found = self._require_newest(lease)
            except LostLock:
                return
            found["spec"]["holderIdentity"] = FREE
            if self._written(found):
                return
        raise _kept_changing(lease.component)

    def _take(
        self,
        component: str,
        region: str,
        holder: str,
        ttl: float,
        require: Callable[[Object | None], None],
    ) -> Lease:
        name = _name(component, region)
        for _ in range(ATTEMPTS):
            found = self._api.find(LEASE, name)
            require(found)
            now = self._api.now()
            before = int(_told(found, FENCE) or 0) if found else 0
            token = max(before + 1, int(now.timestamp() * 1000))
            taken = _taken(found, name, component, region, holder, ttl, now, token)
            if self._written(taken):
                return Lease(self, component, region, holder, token, ttl)
        raise _kept_changing(component)

    def _written(self, content: Object) -> bool:
        """Whether the lease is as we wrote it; False when somebody else was faster."""
        try:
            if "resourceVersion" in content["metadata"]:
                self._api.replace(LEASE, content)
            else:
                self._api.create(LEASE, content)
        except Changed:
            return False
        return True

    def _require_newest(self, lease: Lease) -> Object:
        found = self._api.find(LEASE, _name(lease.component, lease.region))
        token = int(_told(found, FENCE) or 0) if found else None
        if found is not None and token == lease.token and found["spec"].get("holderIdentity"):
            return found
        lost = f"was taken from {lease.holder} by {_who(found)}"
        if found is None:
            gone = absent(self._api)
            lost = f"of {lease.holder} was deleted" + (f", as {gone}" if gone else "")
        elif token == lease.token:
            lost = f"was given back by {lease.holder}"
        raise LostLock(
            f"the lock of {lease.component} in {lease.region} {lost}; nothing more is written",
            hint=f"pincex resume {lease.component}",
        )


def _name(component: str, region: str) -> str:
    return f"pincex-{require_component(component)}.{require_component(region)}"


def _taken(
    found: Object | None,
    name: str,
    component: str,
    region: str,
    holder: str,
    ttl: float,
    now: datetime,
    token: int,
) -> Object:
    """The lease object with its new holder; what else it carries is kept."""
    made: Object = found or {"metadata": {"name": name}}
    pid = os.getpid()
    made["metadata"].setdefault("labels", {})[COMPONENT] = component
    made["metadata"].setdefault("annotations", {}).update(
        {
            FENCE: str(token), REGION: region,
            HOST: host_name(), PID: str(pid), MARK: start_mark(pid) or "",
        }
    )  # fmt: skip
    turns = (made.get("spec") or {}).get("leaseTransitions") or 0
    made["spec"] = {
        "holderIdentity": holder,
        "leaseDurationSeconds": max(1, ceil(ttl)),
        "acquireTime": _micro(now),
        "renewTime": _micro(now),
        "leaseTransitions": turns + 1,
    }
    return made


def _holding(found: Object, now: datetime) -> Holding | None:
    spec = found["spec"]
    if not spec.get("holderIdentity"):
        return None
    until = _time(spec["renewTime"]) + timedelta(seconds=spec["leaseDurationSeconds"])
    pid = int(_told(found, PID) or 0)
    void = _told(found, HOST) == host_name() and start_mark(pid) != _told(found, MARK)
    if until <= now or void:
        return None
    return Holding(
        component=str(_told(found, COMPONENT)),
        region=str(_told(found, REGION)),
        holder=spec["holderIdentity"],
        pid=pid,
        since=_time(spec["acquireTime"]),
        until=until,
        token=int(_told(found, FENCE) or 0),
    )


def _who(found: Object | None) -> str:
    held = (found or {}).get("spec", {}).get("holderIdentity") or "somebody who gave it back"
    return f"{held} (process {_told(found, PID)})"


def _told(found: Object | None, key: str) -> str | None:
    metadata: dict[str, Any] = (found or {}).get("metadata", {})
    value = (metadata.get("annotations") or {}).get(key) or (metadata.get("labels") or {}).get(key)
    return None if value is None else str(value)


def _micro(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _kept_changing(component: str) -> Unavailable:
    return Unavailable(
        f"the lease of {component} kept changing under us", hint="repeat the command"
    )
