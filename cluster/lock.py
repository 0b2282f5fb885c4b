"""One rollout per component and region: a lease with a holder, an expiry and a fencing token.

The token only ever grows. Whoever acts under a lease checks it where it writes; a newer token
means that somebody took over, and the older holder writes nothing more.
"""

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from cluster.database import Database
from cluster.errors import Forbidden, LockHeld, LostLock, NotWritable, Unavailable
from cluster.identity import host_name, start_mark

GIVEN_BACK = 0.0
COLUMNS = "component, region, token, holder, host, pid, mark, since, expires"


@dataclass(frozen=True, slots=True)
class Holding:
    """Who holds the lock of a component and region, since when and until when (UTC)."""

    component: str
    region: str
    holder: str
    pid: int
    since: datetime
    until: datetime
    token: int

    def __str__(self) -> str:
        return (
            f"{self.holder} (process {self.pid}) since {self.since:%H:%M:%S} UTC,"
            f" until {self.until:%H:%M:%S} unless renewed"
        )


class Leases(Protocol):
    """Where a site keeps its leases: rows of a file, or Lease objects of a cluster."""

    def acquire(self, component: str, region: str, holder: str, ttl: float) -> "Lease":
        """Take the lock for `ttl` seconds; LockHeld names who has it."""

    def preempt(self, component: str, region: str, holder: str, ttl: float) -> "Lease":
        """Take the lock from whoever has it, for undoing; the former holder's check fails."""

    def holder(self, component: str, region: str) -> Holding | None:
        """Who holds the lock now; None when it is free, ran out or its process is dead."""

    def check(self, lease: "Lease") -> None:
        """Raise LostLock unless `lease` is the newest of its component and region."""

    def renew(self, lease: "Lease") -> None:
        """Extend `lease` by its `ttl` from now; LostLock when it was taken over."""

    def release(self, lease: "Lease") -> None:
        """Free the lock if it is still this lease's."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to act on a component in a region, good while nobody has a newer token."""

    lock: Leases
    component: str
    region: str
    holder: str
    token: int
    ttl: float

    def check(self) -> None:
        """Raise LostLock when the lease was taken over or given back."""
        self.lock.check(self)

    def renew(self) -> None:
        """Extend the lease by its `ttl` from now; LostLock when it was taken over."""
        self.lock.renew(self)

    def release(self) -> None:
        """Give the lock back; nothing happens when somebody else has it by now."""
        self.lock.release(self)


class Lock:
    """The leases in the site's SQLite file."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path)

    def close(self) -> None:
        """Give the file back."""
        self._database.close()

    def acquire(self, component: str, region: str, holder: str, ttl: float) -> Lease:
        """Take the lock for `ttl` seconds; LockHeld names who has it.

        A lease that ran out, or whose process on this host is dead, is void at once.
        """
        with self._database.writing() as connection:
            held = _holding(connection, component, region)
            if held is not None:
                raise LockHeld(
                    f"{component} in {region} is held by {held}",
                    hint=f"wait, or follow it: pincex resume {component}",
                )
            token = _write_lease(connection, component, region, holder, ttl)
        return Lease(self, component, region, holder, token, ttl)

    def preempt(self, component: str, region: str, holder: str, ttl: float) -> Lease:
        """Take the lock from whoever has it, for undoing; the former holder's check fails."""
        with self._database.writing() as connection:
            token = _write_lease(connection, component, region, holder, ttl)
        return Lease(self, component, region, holder, token, ttl)

    def holder(self, component: str, region: str) -> Holding | None:
        """Who holds the lock now; None when it is free, ran out or its process is dead."""
        with self._database.reading() as connection:
            return _holding(connection, component, region)

    def check(self, lease: Lease) -> None:
        """Raise LostLock unless `lease` is the newest of its component and region."""
        with self._database.reading() as connection:
            require_newest(connection, lease)

    def renew(self, lease: Lease) -> None:
        """Extend `lease` by its `ttl` from now."""
        with self._database.writing() as connection:
            require_newest(connection, lease)
            connection.execute(
                "UPDATE leases SET expires = ? WHERE component = ? AND region = ?",
                (_now() + lease.ttl, lease.component, lease.region),
            )

    def release(self, lease: Lease) -> None:
        """Free the lock if it is still this lease's.

        The token stays, so that it only grows, and the name, for those from whom it was taken.
        """
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE leases SET expires = ? WHERE component = ? AND region = ? AND token = ?",
                (GIVEN_BACK, lease.component, lease.region, lease.token),
            )


@contextlib.contextmanager
def held(lock: Leases, component: str, region: str, holder: str, ttl: float) -> Iterator[Lease]:
    """Hold the lock over a block, renewed in the background every quarter of `ttl`.

    The block must call `check()` before each write: a lock lost meanwhile is noticed there.
    """
    lease = lock.acquire(component, region, holder, ttl)
    with kept(lease):
        yield lease


@contextlib.contextmanager
def kept(lease: Lease) -> Iterator[None]:
    """Renew `lease` in the background over a block and release it at the end."""
    ended = threading.Event()
    renewal = threading.Thread(target=_renew_until, args=(ended, lease), daemon=True)
    renewal.start()
    try:
        yield
    finally:
        ended.set()
        renewal.join()
        lease.release()


def _renew_until(ended: threading.Event, lease: Lease) -> None:
    while not ended.wait(lease.ttl / 4):
        try:
            lease.renew()
        except LostLock:
            return
        except (Unavailable, NotWritable, Forbidden):
            # Busy file, full disk, or rights that somebody gives back: the lease has three quarters
            # of its time left to try again.
            continue


def _write_lease(
    connection: sqlite3.Connection, component: str, region: str, holder: str, ttl: float
) -> int:
    found = connection.execute(
        "SELECT token FROM leases WHERE component = ? AND region = ?", (component, region)
    ).fetchone()
    token: int = (found[0] if found else 0) + 1
    pid, now = os.getpid(), _now()
    values = (component, region, token, holder, host_name(), pid, start_mark(pid), now, now + ttl)
    connection.execute(
        f"INSERT OR REPLACE INTO leases ({COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?)", values
    )
    return token


def _holding(connection: sqlite3.Connection, component: str, region: str) -> Holding | None:
    found = connection.execute(
        f"SELECT {COLUMNS} FROM leases WHERE component = ? AND region = ?", (component, region)
    ).fetchone()
    if found is None:
        return None
    _, _, token, holder, host, pid, mark, since, expires = found
    void = host == host_name() and start_mark(pid) != mark
    if expires <= _now() or void:
        return None
    return Holding(component, region, holder, pid, _utc(since), _utc(expires), token)


def require_newest(connection: sqlite3.Connection, lease: Lease) -> None:
    """Raise LostLock unless nobody has a newer token than `lease`, as of this transaction."""
    found = connection.execute(
        "SELECT token, holder, pid, expires FROM leases WHERE component = ? AND region = ?",
        (lease.component, lease.region),
    ).fetchone()
    token, holder, pid, expires = found or (None, None, None, GIVEN_BACK)
    if token == lease.token and expires != GIVEN_BACK:
        return
    lost = f"was taken from {lease.holder} by {holder} (process {pid})"
    if token in (lease.token, None):
        lost = f"was given back by {lease.holder}"
    raise LostLock(
        f"the lock of {lease.component} in {lease.region} {lost}; nothing more is written",
        hint=f"pincex resume {lease.component}",
    )


def _now() -> float:
    return datetime.now(UTC).timestamp()


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
