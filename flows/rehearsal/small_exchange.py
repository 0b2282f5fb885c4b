"""The sample exchange rolled out in two quick steps, a trader from outside, and its book."""

import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.platform import traffic
from flows.rehearsal.small_site import SmallSite, require
from rollout.history import History
from rollout.release import Part, fold_parts

NAME, FIRST = "sample-exchange", "v1.0.0"
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


@dataclass
class Exchange(SmallSite):
    """A site whose services are rolled out; models, registry and Prefect are not needed."""

    def history(self) -> History:
        """The ledger of the application, folded."""
        return self.site.history(NAME)

    def parts(self) -> dict[str, Part]:
        """The components by the ledger."""
        return dict(fold_parts(self.site.ledger.rows(component=NAME)).of)

    def answers(self, name: str) -> bool:
        """Whether the proxy would ask every server of what serves."""
        version = traffic(self.site, name).serving
        assert version is not None
        ports = sorted(self.site.traffic.endpoints(name, version))
        return bool(ports) and self.site.traffic.ready_hosts(name, version) == ports


@contextmanager
def exchange(directory: Path, policy: str, python: str = sys.executable) -> Iterator[Exchange]:
    """A first release serves; nothing is left afterwards."""
    here = Exchange(directory, python)
    here.hold_to(policy)
    try:
        for words in (("up", "--no-wait"), ("deploy", FIRST)):
            ran = here.pincex(*words)
            require(ran.code == 0, f"{words[0]} ended with {ran.code}: {ran.report or ran.said}")
        yield here
    finally:
        here.end()


@contextmanager
def trading(endpoint: str, rate: float, stats: Path, home: Path) -> Iterator[Trader]:
    """A trader at a steady rate, whatever the answers do, on the exchange of the site at `home`.

    Its orders are called by the name of its file of counts.
    """
    command = [sys.executable, "-m", "demo.exchange.client", endpoint, "--rate", str(rate)]
    told = ["--seconds", str(LONGEST), "--run", stats.stem, "--stats", str(stats)]
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
