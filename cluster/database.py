"""The site's SQLite file: opened once per object, its errors turned into ours."""

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

from cluster.errors import ClusterError, NotWritable, StateDamaged, Unavailable
from cluster.files import exclusive, make_directory

SCHEMA = """
CREATE TABLE rows (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, kind TEXT NOT NULL,
    component TEXT NOT NULL, region TEXT NOT NULL, actor TEXT NOT NULL, data TEXT NOT NULL,
    prev_hash TEXT NOT NULL, hash TEXT NOT NULL UNIQUE);
CREATE INDEX rows_by_kind ON rows (kind, component, region, seq);
CREATE TRIGGER rows_stay BEFORE UPDATE ON rows
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER rows_remain BEFORE DELETE ON rows
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TABLE outbox (
    key TEXT PRIMARY KEY, kind TEXT NOT NULL, payload TEXT NOT NULL,
    due REAL NOT NULL, done_at REAL);
CREATE TABLE leases (
    component TEXT NOT NULL, region TEXT NOT NULL, token INTEGER NOT NULL,
    holder TEXT, host TEXT, pid INTEGER, mark TEXT, since REAL, expires REAL,
    PRIMARY KEY (component, region));
PRAGMA user_version = 1;
"""
BUSY_SECONDS = 15.0
DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
UNWRITABLE = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_READONLY: "it is read-only",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened (a directory, or no permission)",
    sqlite3.SQLITE_IOERR: "the disk reports an error",
    sqlite3.SQLITE_PERM: "permission denied",
}


class Database:
    """One connection to the site's file, usable from several threads, one at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._guard = threading.RLock()
        make_directory(path.parent)
        with self._translated():
            self._connection = self._open()

    def close(self) -> None:
        """Give the file back; a closed database cannot be used again."""
        with self._guard:
            self._connection.close()

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, for statements that only read."""
        with self._guard, self._translated():
            yield self._connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One IMMEDIATE transaction: committed durably at the end, or not at all."""
        with self._guard, self._translated():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        with contextlib.ExitStack() as on_failure:
            on_failure.callback(connection.close)
            self._prepare(connection)
            on_failure.pop_all()
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        # A flipped byte must reach the hash comparison, not fail on the way there.
        connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
        if not _has_schema(connection):
            # Two processes turning a new file into WAL at once get "locked" without any wait.
            lock = self.path.with_name(self.path.name + ".lock")
            with exclusive(lock, patience=BUSY_SECONDS):
                if not _has_schema(connection):
                    connection.execute("PRAGMA journal_mode = WAL")
                    connection.executescript(f"BEGIN IMMEDIATE;{SCHEMA}COMMIT;")
        connection.execute("PRAGMA synchronous = FULL")

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, UnicodeDecodeError) as error:
            # A damaged schema is told with its own bytes, which Python then cannot decode.
            raise _as_ours(error, self.path) from error


def _has_schema(connection: sqlite3.Connection) -> bool:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return bool(version == 1)


def _as_ours(error: sqlite3.Error | UnicodeDecodeError, path: Path) -> ClusterError:
    """The platform error for SQLite's; extended codes carry the primary one in the low byte."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code in UNWRITABLE:
        return NotWritable(
            f"cannot use {path}: {UNWRITABLE[code]}",
            hint=f"make room or permission there, then repeat the command: df -h {path.parent}",
        )
    if code in LOCKED:
        return Unavailable(f"{path} was busy for {BUSY_SECONDS:g} s", hint=f"see who: fuser {path}")
    if code in DAMAGED:
        return StateDamaged(f"{path} is damaged: {error}", hint=f"restore {path} from a backup")
    return StateDamaged(
        f"{path} does not behave as the site's ledger: {error}",
        hint=f"restore {path} from a backup",
    )
