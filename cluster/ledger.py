"""What happened, who did it and why: rows that can be added, read and checked, never changed.

Each row carries the SHA-256 of itself and its predecessor's, so that a change anywhere shows.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cluster.database import Database
from cluster.errors import ChainBroken, StateDamaged
from cluster.lock import Lease, Lock, require_newest

GENESIS = "0" * 64
COLUMNS = "seq, at, kind, component, region, actor, data, prev_hash, hash"
OPENED, PHASE, CLOSED = "rollout-opened", "phase", "rollout-closed"
WAITING = "rollout-waiting"
APPROVAL = ("approval-asked", "approved", "refused", "approval-lapsed")


@dataclass(frozen=True, slots=True)
class Row:
    """One entry: `at` in UTC, `data` as it was given, `hash` over everything and `prev_hash`."""

    seq: int
    at: datetime
    kind: str
    component: str
    region: str
    actor: str
    data: Mapping[str, object]
    prev_hash: str
    hash: str


class Ledger:
    """The append-only rows in the site's SQLite file.

    With a `fence`, rows about the lease's component and region are added only while it is the
    newest: between a check before and the row, somebody else could have taken over.
    """

    def __init__(self, path: Path, fence: Lease | None = None) -> None:
        self._database = Database(path)
        self._fence = fence

    def close(self) -> None:
        """Give the file back."""
        self._database.close()

    def append(
        self, kind: str, *, component: str, region: str, actor: str, data: Mapping[str, object]
    ) -> Row:
        """Add a row, durable when this returns. `data` must be JSON without NaN (ValueError).

        LostLock, and nothing added, where the fence does not hold any more.
        """
        content = _canonical(dict(data))
        fence = self._fence
        with self._database.writing() as connection:
            if fence is not None and (fence.component, fence.region) == (component, region):
                _require_newest(connection, fence)
            return _added(connection, (kind, component, region, actor, content))

    def append_next(
        self, last: Row, kind: str, *, actor: str, data: Mapping[str, object]
    ) -> Row | None:
        """Add a row to the component and region of `last`, if that is still the newest there."""
        content = _canonical(dict(data))
        with self._database.writing() as connection:
            (newest,) = connection.execute(
                "SELECT max(seq) FROM rows WHERE component = ? AND region = ?",
                (last.component, last.region),
            ).fetchone()
            if newest != last.seq:
                return None
            return _added(connection, (kind, last.component, last.region, actor, content))

    def rows(
        self, component: str | None = None, region: str | None = None, after: int = 0
    ) -> list[Row]:
        """Rows with a number above `after`, oldest first, of one component or region if named."""
        with self._database.reading() as connection:
            found = connection.execute(
                f"SELECT {COLUMNS} FROM rows WHERE seq > :after"
                " AND (:component IS NULL OR component = :component)"
                " AND (:region IS NULL OR region = :region) ORDER BY seq",
                {"after": after, "component": component, "region": region},
            ).fetchall()
        return [_row(stored) for stored in found]

    def latest(self, kinds: tuple[str, ...]) -> list[Row]:
        """The newest row of any of `kinds` for each component and region."""
        marks = ",".join("?" * len(kinds))
        with self._database.reading() as connection:
            found = connection.execute(
                f"SELECT {COLUMNS} FROM rows WHERE seq IN (SELECT max(seq) FROM rows"
                f" WHERE kind IN ({marks}) GROUP BY component, region) ORDER BY seq",
                kinds,
            ).fetchall()
        return [_row(stored) for stored in found]

    def head(self) -> Row | None:
        """The newest row; None in an empty ledger."""
        with self._database.reading() as connection:
            stored = connection.execute(
                f"SELECT {COLUMNS} FROM rows ORDER BY seq DESC LIMIT 1"
            ).fetchone()
        return None if stored is None else _row(stored)

    def verify(self) -> None:
        """Recompute the whole chain; ChainBroken names the first row that does not fit.

        StateDamaged where only SQLite's own bookkeeping is wrong: indexes answer for rows.
        """
        with self._database.reading() as connection:
            connection.execute("BEGIN")
            try:
                last = _verify_rows(connection.execute(f"SELECT {COLUMNS} FROM rows ORDER BY seq"))
                given = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'rows'")
                (highest,) = given.fetchone() or (0,)
                (sound,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
            finally:
                connection.execute("ROLLBACK")
        if highest != last:
            raise _broken(last + 1, f"is missing, {highest} were written")
        if sound != "ok":
            path = self._database.path
            raise StateDamaged(f"{path} is damaged: {sound}", hint=f"restore {path} from a backup")


def _require_newest(connection: sqlite3.Connection, fence: Lease) -> None:
    """A lease of a cluster is asked for there, while nobody else can add a row here."""
    if isinstance(fence.lock, Lock):
        require_newest(connection, fence)
    else:
        fence.check()


def open_rollouts(ledger: Ledger, now: datetime) -> list[Row]:
    """The newest rows of rollouts that need a process: opened or in a new phase, and not closed.

    A rollout that waits for `promote-model` needs none until its `until` has passed; a promotion
    that waits for approval needs one, which notices the answer and the end of its time.
    """
    latest = ledger.latest((OPENED, PHASE, *APPROVAL, WAITING, CLOSED))
    return [
        row
        for row in latest
        if row.kind in (OPENED, PHASE, *APPROVAL)
        or (row.kind == WAITING and datetime.fromisoformat(str(row.data["until"])) <= now)
    ]


def _added(connection: sqlite3.Connection, told: tuple[str, str, str, str, str]) -> Row:
    """The next row of the chain: kind, component, region, actor and data as they are told."""
    last = connection.execute("SELECT seq, hash FROM rows ORDER BY seq DESC LIMIT 1")
    before, prev_hash = last.fetchone() or (0, GENESIS)
    at = datetime.now(UTC).isoformat(timespec="microseconds")
    fields = (before + 1, at, *told, prev_hash)
    stored = (*fields, _digest(fields))
    connection.execute(f"INSERT INTO rows ({COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?)", stored)
    return _row(stored)


def _verify_rows(found: Iterator[tuple[object, ...]]) -> int:
    expected, prev_hash = 1, GENESIS
    for *fields, stored_hash in found:
        if fields[0] != expected:
            raise _broken(expected, f"is missing or has become {fields[0]}")
        if fields[-1] != prev_hash:
            raise _broken(expected, "does not follow from the row before it")
        if not all(isinstance(field, str) for field in (*fields[1:], stored_hash)):
            raise _broken(expected, "holds something that is not text")
        if _digest(fields) != stored_hash:
            raise _broken(expected, "was changed after it was written")
        expected, prev_hash = expected + 1, str(stored_hash)
    return expected - 1


def _broken(seq: int, what: str) -> ChainBroken:
    return ChainBroken(
        f"ledger row {seq} {what}; rows from {seq} on prove nothing",
        hint="compare with a backup of ledger.sqlite before you trust it",
    )


def _canonical(value: object) -> str:
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def _digest(fields: object) -> str:
    return hashlib.sha256(_canonical(fields).encode("utf-8", "surrogateescape")).hexdigest()


def _row(stored: tuple[object, ...]) -> Row:
    seq, at, kind, component, region, actor, data, prev_hash, own = stored
    try:
        return Row(
            seq=int(str(seq)),
            at=datetime.fromisoformat(str(at)),
            kind=str(kind),
            component=str(component),
            region=str(region),
            actor=str(actor),
            data=json.loads(str(data)),
            prev_hash=str(prev_hash),
            hash=str(own),
        )
    except ValueError as error:
        raise _broken(int(str(seq)), f"cannot be read ({error})") from error
