"""What the exchange keeps: orders and settlements, each in a SQLite file of its own."""

import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

PATIENCE = 5.0
"""Seconds to wait while another process writes."""

ORDERS = """
CREATE TABLE IF NOT EXISTS orders (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    client_id TEXT NOT NULL,
    symbol TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    price REAL NOT NULL,
    version TEXT NOT NULL,
    at REAL NOT NULL
)"""
SETTLEMENTS = """
CREATE TABLE IF NOT EXISTS settlements (
    order_id INTEGER PRIMARY KEY,
    amount REAL NOT NULL,
    version TEXT NOT NULL,
    at REAL NOT NULL
)"""


@dataclass(frozen=True, slots=True)
class Order:
    """An order as it was accepted; `quantity` is negative where shares are sold."""

    client_id: str
    symbol: str
    quantity: int
    price: float


def _opened(path: Path, table: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    # A killed process loses nothing that it answered; only a power cut could.
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(table)
    return connection


class Orders:
    """Every order that was accepted. The same order sent twice is two orders."""

    def __init__(self, home: Path) -> None:
        self._rows = _opened(home / "exchange" / "orders.sqlite", ORDERS)

    def keep(self, order: Order, version: str) -> int:
        """Keep an order; its number."""
        told = (order.client_id, order.symbol, order.quantity, order.price, version, time.time())
        insert = "INSERT INTO orders (client_id, symbol, quantity, price, version, at)"
        number = self._rows.execute(f"{insert} VALUES (?,?,?,?,?,?)", told).lastrowid
        assert number is not None
        return number

    def after(self, number: int, most: int) -> list[tuple[int, float]]:
        """Number and amount of the orders after this one, oldest first."""
        select = "SELECT id, quantity * price FROM orders WHERE id > ? ORDER BY id LIMIT ?"
        return [
            (int(told[0]), float(told[1])) for told in self._rows.execute(select, (number, most))
        ]

    def last(self) -> int:
        """The number of the newest order, 0 before the first; none is ever removed."""
        return _newest(self._rows, "SELECT max(id) FROM orders")


class Settlements:
    """What was settled; an order that were settled twice would be an error of the database."""

    def __init__(self, home: Path) -> None:
        self._rows = _opened(home / "exchange" / "settlements.sqlite", SETTLEMENTS)

    def settle(self, orders: list[tuple[int, float]], version: str) -> None:
        """Settle these orders, all or none."""
        now = time.time()
        rows = [(number, amount, version, now) for number, amount in orders]
        self._rows.execute("BEGIN IMMEDIATE")
        try:
            self._rows.executemany("INSERT INTO settlements VALUES (?,?,?,?)", rows)
        except sqlite3.Error:
            self._rows.execute("ROLLBACK")
            raise
        self._rows.execute("COMMIT")

    def last(self) -> int:
        """The number of the newest settled order, 0 before the first; so are all before it."""
        return _newest(self._rows, "SELECT max(order_id) FROM settlements")


def _newest(rows: sqlite3.Connection, query: str) -> int:
    # A count would read the whole book for each request that asks.
    return int(rows.execute(query).fetchone()[0] or 0)
