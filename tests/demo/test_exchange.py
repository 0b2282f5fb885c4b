"""The sample exchange as processes: orders are kept, settled once, and slow or faulty on demand."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import pytest

from cluster.local.ports import free_ports

PATIENCE = 60.0
ORDER = {"client_id": "c-1", "symbol": "ACME", "quantity": 3}


def until(truth: Callable[[], object]) -> None:
    """Wait until it is so; fail where that takes too long."""
    deadline = time.monotonic() + PATIENCE
    while not truth():
        assert time.monotonic() < deadline, "did not come true in time"
        time.sleep(0.02)


@dataclass
class Exchange:
    """Services in a directory of their own."""

    home: Path
    processes: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, module: str, version: str, *more: str) -> int:
        """Start a service; its port."""
        (port,) = free_ports(1)
        told = ["--port", str(port), "--version", version, "--home", str(self.home), *more]
        command = [sys.executable, "-m", f"demo.exchange.{module}", *told]
        self.processes[port] = subprocess.Popen(command)
        until(lambda: self.ask(port, "/healthz")[0] == 200)
        return port

    def end(self, port: int) -> int:
        """SIGTERM, and wait; the exit code."""
        self.processes[port].send_signal(signal.SIGTERM)
        return self.processes[port].wait(PATIENCE)

    def ask(self, port: int, path: str, body: object = None) -> tuple[int, Any]:
        """GET, or POST where there is a body; status 0 where nobody listens."""
        connection = HTTPConnection("127.0.0.1", port, timeout=10)
        sent = None if body is None else json.dumps(body)
        try:
            connection.request("GET" if body is None else "POST", path, sent)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, HTTPException):
            return 0, None
        finally:
            connection.close()

    def order(self, port: int, **changes: object) -> tuple[int, Any]:
        """Send an order."""
        return self.ask(port, "/orders", {**ORDER, **changes})

    def kept(self, database: str, query: str) -> list[tuple[Any, ...]]:
        """What stands in the exchange's files, whatever the services say."""
        connection = sqlite3.connect(self.home / "exchange" / database)
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()

    def write(self, name: str, content: object) -> None:
        """Write knobs or flags, and wait until they must have been seen."""
        text = content if isinstance(content, str) else json.dumps(content)
        draft = self.home / "exchange" / "draft"
        draft.write_text(text)
        os.replace(draft, self.home / "exchange" / name)
        time.sleep(0.2)


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """Nothing runs yet; whatever was started is ended afterwards."""
    made = Exchange(tmp_path_factory.mktemp("exchange"))
    yield made
    for process in made.processes.values():
        process.kill()
        process.wait(PATIENCE)


@pytest.fixture(scope="module")
def desk(exchange: Exchange) -> int:
    """The port of an order entry that has its prices."""
    prices = exchange.start("prices", "v1.0.0")
    port = exchange.start("orders", "v1.0.0", "--endpoint", f"http://127.0.0.1:{prices}")
    until(lambda: exchange.ask(port, "/readyz")[0] == 200)
    return port


def test_order_entry_is_not_ready_without_market_data(exchange: Exchange) -> None:
    """What it depends on counts, not only that it runs; and it takes no order blindly."""
    (nobody,) = free_ports(1)
    port = exchange.start("orders", "v0.9.0", "--endpoint", f"http://127.0.0.1:{nobody}")

    assert exchange.ask(port, "/healthz")[0] == 200
    assert exchange.ask(port, "/readyz")[0] == 503
    assert exchange.order(port)[0] == 503
    exchange.end(port)


def test_an_order_sent_twice_is_two_orders(exchange: Exchange, desk: int) -> None:
    """That is why nothing between client and order entry may repeat one."""
    first, second = exchange.order(desk, client_id="twice"), exchange.order(desk, client_id="twice")

    assert (first[0], second[0]) == (201, 201)
    assert exchange.kept("orders.sqlite", "SELECT id FROM orders WHERE client_id = 'twice'") == [
        (first[1]["order"],),
        (second[1]["order"],),
    ]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({"symbol": "NONE"}, "no symbol NONE; there are ACME", id="unknown symbol"),
        pytest.param({"symbol": ["ACME"]}, "no symbol", id="no symbol at all"),
        pytest.param({"quantity": 0}, "whole number", id="nothing"),
        pytest.param({"quantity": 1.5}, "whole number", id="half a share"),
        pytest.param({"quantity": True}, "whole number", id="no number"),
        pytest.param({"quantity": 10**9}, "at most 1,000,000", id="too many"),
        pytest.param({"client_id": ""}, "1 to 100", id="no client"),
    ],
)
def test_what_is_no_order_is_refused_and_not_kept(
    exchange: Exchange, desk: int, changes: dict[str, object], said: str
) -> None:
    """With a sentence about what would be one."""
    before = exchange.kept("orders.sqlite", "SELECT count(*) FROM orders")
    status, answer = exchange.order(desk, **changes)

    assert status == 400
    assert said in answer["error"]
    assert exchange.kept("orders.sqlite", "SELECT count(*) FROM orders") == before


def test_knobs_make_one_version_slow_or_faulty(exchange: Exchange, desk: int) -> None:
    """A request that fails by its knob leaves no order; another version is not meant."""
    exchange.write("knobs.json", {"v1.0.0": {"order-entry": {"errors": 1}}})
    failed = exchange.order(desk, client_id="faulty")[0]
    exchange.write("knobs.json", {"v1.0.0": {"order-entry": {"latency_ms": 300}}})
    begun = time.monotonic()
    slow = exchange.order(desk)[0]
    took = time.monotonic() - begun
    exchange.write("knobs.json", {"v2.0.0": {"order-entry": {"errors": 1}}})

    assert (failed, slow, exchange.order(desk)[0]) == (500, 201, 201)
    assert took > 0.3
    assert exchange.kept("orders.sqlite", "SELECT 1 FROM orders WHERE client_id = 'faulty'") == []


def test_a_flag_is_read_while_the_service_runs_and_a_torn_file_changes_nothing(
    exchange: Exchange, desk: int
) -> None:
    """Off where nobody says otherwise; the last good file holds."""

    def limited(limit: float = 1000.0) -> int:
        return exchange.order(desk, limit=limit)[0]

    flag = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}
    without = limited()
    exchange.write("flags.json", {"flags": {"limit-orders": flag}})
    switched_on = limited()
    past = limited(1.0)
    exchange.write("flags.json", '{"flags": {"limit-orders"')
    torn = limited()
    exchange.write("flags.json", {"flags": {"limit-orders": {**flag, "state": "DISABLED"}}})

    assert (without, switched_on, past, torn, limited()) == (400, 201, 400, 201, 400)


def test_settlement_is_handed_over_and_settles_each_order_once(
    exchange: Exchange, desk: int
) -> None:
    """The second waits while the first lives, and goes on where it ended."""
    first = exchange.start("settlement", "v1.0.0")
    until(lambda: exchange.ask(first, "/settlements")[1]["acts"])
    second = exchange.start("settlement", "v2.0.0")
    for number in range(20):
        exchange.order(desk, client_id=f"s-{number}")
    waited = exchange.ask(second, "/settlements")[1]["acts"]
    ended = exchange.end(first)
    exchange.order(desk, client_id="after")
    orders = exchange.kept("orders.sqlite", "SELECT id FROM orders ORDER BY id")
    select = "SELECT order_id FROM settlements ORDER BY order_id"
    until(lambda: exchange.kept("settlements.sqlite", select) == orders)
    newest = "SELECT version FROM settlements ORDER BY order_id DESC LIMIT 1"

    assert not waited
    assert ended == -signal.SIGTERM
    assert exchange.kept("settlements.sqlite", newest) == [("v2.0.0",)]


def test_market_data_tells_one_price_to_everybody() -> None:
    """Two processes asked at the same moment agree; prices stay near their mean."""
    from demo.exchange.prices import SWING, SYMBOLS, TICK, price

    assert price("ACME", 1_000.0) == price("ACME", 1_000.0 + 0.9 * TICK)
    assert len({price("ACME", 1_000.0 + second) for second in range(50)}) > 25
    for symbol, mean in SYMBOLS.items():
        assert abs(price(symbol, 5.0) / mean - 1) <= SWING + 0.001


def test_the_counts_of_a_trader_can_be_read_while_it_counts(tmp_path: Path) -> None:
    """Whatever it has seen: versions that took orders, and what failed."""
    from demo.exchange.client import Stats

    stats = Stats(sent=3, answered=2)
    stats.accepted["v1.0.0"] += 2
    stats.failure("POST /orders: HTTP 503")
    stats.write(tmp_path / "stats.json")
    told = json.loads((tmp_path / "stats.json").read_text())

    assert (told["sent"], told["failed"], told["accepted"]) == (3, 1, {"v1.0.0": 2})
    assert told["failures"][0].endswith("POST /orders: HTTP 503")
