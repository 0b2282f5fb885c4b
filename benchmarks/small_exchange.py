"""The sample exchange rolled out in two quick steps, a trader from outside, and its book."""

import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAME = "sample-exchange"
PATIENCE = 60.0
LONGEST = 6 * 3600
"""Seconds after which a trader ends by itself, whatever became of who started it."""
QUICK = """
[rollout]
ready_within = 120

[rollout.steps]
first_percent = 50
growth = 2
seconds = 0.5
min_requests = 50
errors_limit_percent = 80
deadline = 240

[rollout.live_rules.response_time]
floor_ms = 1000

[rollout.watch]
seconds = 0
"""
"""A step waits for so few requests, and errs on the side of going on, as everything is healthy."""


class Trader:
    """`demo.exchange.client` in a process of its own, which knows only an address."""

    def __init__(self, stats: Path, home: Path, process: "subprocess.Popen[bytes]") -> None:
        self._stats, self._home, self._process = stats, home, process

    @property
    def sent(self) -> int:
        """Requests so far; 0 before the first were counted."""
        return int(self.stats()["sent"]) if self._stats.exists() else 0

    @property
    def failed(self) -> int:
        """Requests that were not answered as they should be."""
        return int(self.stats()["failed"])

    @property
    def doubled(self) -> int:
        """Orders that stand in the book again."""
        return sum(times - 1 for _, times in by_client(self._home))

    def stats(self) -> dict[str, Any]:
        """What it counted up to now."""
        counted: dict[str, Any] = json.loads(self._stats.read_text())
        return counted

    def failed_since(self, count: int) -> str:
        """What failed after the first `count` failures, in words; the first twenty are known."""
        return "; ".join(self.stats()["failures"][count:])

    def end(self) -> dict[str, Any]:
        """Let it wait for its last answers; what it counted."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(PATIENCE)
        return self.stats()


@contextmanager
def trading(endpoint: str, rate: float, stats: Path, home: Path) -> Iterator[Trader]:
    """A trader at a steady rate, whatever the answers do, on the exchange of the site at `home`."""
    command = [sys.executable, "-m", "demo.exchange.client", endpoint, "--rate", str(rate)]
    told = ["--seconds", str(LONGEST), "--run", "t", "--stats", str(stats)]
    process = subprocess.Popen([*command, *told])
    try:
        yield Trader(stats, home, process)
    finally:
        process.terminate()
        process.wait(PATIENCE)


def kept(home: Path, database: str, query: str) -> list[tuple[Any, ...]]:
    """What stands in the exchange's files, whatever its services say."""
    connection = sqlite3.connect(home / "exchange" / database)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def by_client(home: Path) -> list[tuple[str, int]]:
    """How often each order that a client sent stands in the book."""
    return kept(home, "orders.sqlite", "SELECT client_id, count(*) FROM orders GROUP BY client_id")


def settled(home: Path) -> list[tuple[int]]:
    """The orders that were settled."""
    return kept(home, "settlements.sqlite", "SELECT order_id FROM settlements ORDER BY order_id")
