"""Messages and jobs with a due time, each done once, whoever is killed in between."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cluster.database import Database


@dataclass(frozen=True, slots=True)
class Errand:
    """Something to do at or after `due`; `key` makes a second order of the same a no-op."""

    key: str
    kind: str
    payload: Mapping[str, object]
    due: datetime


class Outbox:
    """The errands in the site's SQLite file."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path)

    def close(self) -> None:
        """Give the file back."""
        self._database.close()

    def enqueue(self, key: str, kind: str, payload: Mapping[str, object], due: datetime) -> bool:
        """Order an errand; False when one with this key was ordered before, done or not."""
        content = json.dumps(dict(payload), sort_keys=True, allow_nan=False)
        with self._database.writing() as connection:
            added = connection.execute(
                "INSERT OR IGNORE INTO outbox (key, kind, payload, due) VALUES (?,?,?,?)",
                (key, kind, content, due.timestamp()),
            )
            return added.rowcount == 1

    def due(self, now: datetime) -> list[Errand]:
        """The errands not yet done whose time has come, the longest waiting first."""
        with self._database.reading() as connection:
            found = connection.execute(
                "SELECT key, kind, payload, due FROM outbox"
                " WHERE done_at IS NULL AND due <= ? ORDER BY due, key",
                (now.timestamp(),),
            ).fetchall()
        return [
            Errand(key, kind, json.loads(payload), datetime.fromtimestamp(due, UTC))
            for key, kind, payload, due in found
        ]

    def done(self, key: str) -> bool:
        """Mark an errand as done; False when it was done before or never ordered."""
        with self._database.writing() as connection:
            marked = connection.execute(
                "UPDATE outbox SET done_at = ? WHERE key = ? AND done_at IS NULL",
                (datetime.now(UTC).timestamp(), key),
            )
            return marked.rowcount == 1
