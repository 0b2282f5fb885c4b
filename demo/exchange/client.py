"""A trader from outside: it knows an address, sends orders at a steady rate and counts.

`python -m demo.exchange.client URL --rate R --seconds N --run NAME --stats FILE`

Each order has a client_id of its own, NAME-NUMBER, so that whoever reads the book sees which came
twice. The rate is kept whatever the answers do (open loop); one that is not accepted with 201
within ten seconds has failed. One in ten requests asks for a price instead, one in ten how far
settlement is. With `--new` every request has a connection of its own.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

PATIENCE = 10.0
STATS_EVERY = 0.25
FAILURES_KEPT = 20


@dataclass
class Stats:
    """What happened so far; `accepted` orders by the version that took them."""

    sent: int = 0
    answered: int = 0
    orders: int = 0
    failed: int = 0
    accepted: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    finished: bool = False

    def failure(self, what: str) -> None:
        """Note a request that failed; the first twenty are kept."""
        self.failed += 1
        if len(self.failures) < FAILURES_KEPT:
            self.failures.append(f"{time.time():.3f} {what}")

    def write(self, path: Path) -> None:
        """Replace the file whole, so that readers never see half of it."""
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        fresh.write_text(json.dumps(vars(self)))
        os.replace(fresh, path)


class Trader:
    """One run against one address."""

    def __init__(self, url: str, run: str, stats: Stats) -> None:
        self._url, self._run, self._stats = url.rstrip("/"), run, stats

    async def trade(
        self, rate: float, seconds: float, stopped: asyncio.Event, *, new: bool
    ) -> None:
        """Send until the time is over or `stopped` is set; every request is waited for."""
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=30, force_close=new)
        timeout = aiohttp.ClientTimeout(total=PATIENCE)
        stats, start = self._stats, time.perf_counter()
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
            asyncio.TaskGroup() as group,
        ):
            while (due := stats.sent / rate) < seconds and not stopped.is_set():
                await asyncio.sleep(start + due - time.perf_counter())
                group.create_task(self._ask(session, stats.sent))
                stats.sent += 1

    async def _ask(self, session: aiohttp.ClientSession, number: int) -> None:
        if number % 10 == 0:
            await self._send(session, "GET", "/settlements", None)
        elif number % 5 == 0:
            await self._send(session, "GET", "/prices/ACME", None)
        else:
            self._stats.orders += 1
            order = {"client_id": f"{self._run}-{number}", "symbol": "ACME", "quantity": 1}
            await self._send(session, "POST", "/orders", order)

    async def _send(
        self, session: aiohttp.ClientSession, method: str, path: str, body: object
    ) -> None:
        wanted = 201 if method == "POST" else 200
        try:
            async with session.request(method, self._url + path, json=body) as answer:
                content = await answer.json()
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            return self._stats.failure(f"{method} {path}: {type(error).__name__}")
        if answer.status != wanted:
            return self._stats.failure(f"{method} {path}: HTTP {answer.status}")
        self._stats.answered += 1
        if method == "POST":
            self._stats.accepted[str(content["version"])] += 1
        return None


async def _main(options: argparse.Namespace) -> None:
    stats, stopped = Stats(), asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stopped.set)

    async def report() -> None:
        while True:
            stats.write(options.stats)
            await asyncio.sleep(STATS_EVERY)

    reporting = asyncio.create_task(report())
    trader = Trader(options.url, options.run, stats)
    await trader.trade(options.rate, options.seconds, stopped, new=options.new)
    reporting.cancel()
    stats.finished = True
    stats.write(options.stats)


def main(given: Sequence[str]) -> int:
    """Run until the time is over or SIGTERM; what failed stands in the stats, not in the code."""
    parser = argparse.ArgumentParser(prog="python -m demo.exchange.client", description=__doc__)
    parser.add_argument("url", help="where the exchange answers")
    parser.add_argument("--rate", type=float, required=True, help="requests per second")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--run", required=True, help="the beginning of every client_id")
    parser.add_argument("--stats", type=Path, required=True, help="JSON file, replaced as it goes")
    parser.add_argument("--new", action="store_true", help="a new connection for every request")
    asyncio.run(_main(parser.parse_args(given)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
