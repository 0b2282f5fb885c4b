"""A client from outside: it knows an address, sends requests at a steady rate and counts.

`python -m demo.client URL --rate R --seconds N --seed S --stats FILE`

Requests are drawn at random, with replacement, from days no model was trained on; what happened
follows as labels, two to four seconds later. The rate is kept whatever the answers do (open
loop). A request has failed when it is not answered with 200 within ten seconds, and is doubled
when it is answered more than once.
"""

import argparse
import asyncio
import os
import random
import signal
import sys
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from demo.features import FEATURES
from demo.market import Sample, load_market

PATIENCE = 10.0
LABEL_DELAY = (2.0, 4.0)
LABELS_EVERY = 0.25
STATS_EVERY = 0.25
FASTEST = 2000.0
FAILURES_KEPT = 20


@dataclass
class Stats:
    """What happened so far; times are epoch seconds, so that others can compare clocks."""

    sent: int = 0
    answered: int = 0
    failed: int = 0
    doubled: int = 0
    labels: int = 0
    label_failures: int = 0
    started_at: float = field(default_factory=time.time)
    by_version: Counter[str] = field(default_factory=Counter)
    first_answer: dict[str, float] = field(default_factory=dict)
    last_answer: dict[str, float] = field(default_factory=dict)
    failures: list[dict[str, Any]] = field(default_factory=list)
    finished: bool = False

    def answer(self, version: str) -> None:
        """Note an answer that arrived just now."""
        self.answered += 1
        self.by_version[version] += 1
        now = time.time()
        self.first_answer.setdefault(version, now)
        self.last_answer[version] = now

    def failure(self, kind: str, request_id: str) -> None:
        """Note a request that failed; the first twenty are kept with time and kind."""
        self.failed += 1
        if len(self.failures) < FAILURES_KEPT:
            self.failures.append({"at": time.time(), "kind": kind, "request_id": request_id})

    def write(self, path: Path) -> None:
        """Replace the file whole, so that readers never see half of it."""
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        fresh.write_bytes(orjson.dumps({"at": time.time(), **vars(self)}))
        os.replace(fresh, path)


@dataclass(frozen=True, slots=True)
class Truth:
    """What really happened, to be told once `due` (epoch seconds) is over."""

    due: float
    request_id: str
    target: float

    def label(self, now: float) -> dict[str, object]:
        """The label as it is posted; at the end of a run some are told before they are due."""
        at = datetime.fromtimestamp(min(self.due, now), UTC).isoformat()
        return {"request_id": self.request_id, "label": self.target, "labelled_at": at}


class Client:
    """One run against one address."""

    def __init__(self, url: str, sample: Sample, seed: int, stats: Stats) -> None:
        self.stats = stats
        self._url = url.rstrip("/")
        self._sample = sample
        # Two streams: which row is asked must not depend on how fast the answers come.
        self._rows, self._delays = random.Random(seed), random.Random(seed)
        self._run = uuid.uuid4().hex[:12]
        self._answered: set[str] = set()
        self._labels: list[Truth] = []

    async def run(self, rate: float, seconds: float, stopped: asyncio.Event) -> None:
        """Send until the time is over or `stopped` is set; every request is waited for."""
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=30)
        timeout = aiohttp.ClientTimeout(total=PATIENCE)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            async with asyncio.TaskGroup() as group:
                labels = group.create_task(self._send_labels(session))
                await self._send_requests(session, rate, seconds, stopped)
                labels.cancel()
            await self._post_labels(session, due=float("inf"))

    async def _send_requests(
        self, session: aiohttp.ClientSession, rate: float, seconds: float, stopped: asyncio.Event
    ) -> None:
        start = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            while (due := self.stats.sent / rate) < seconds and not stopped.is_set():
                await asyncio.sleep(start + due - time.perf_counter())
                row = self._rows.randrange(len(self._sample.target))
                group.create_task(self._request(session, f"{self._run}-{self.stats.sent}", row))
                self.stats.sent += 1

    async def _request(self, session: aiohttp.ClientSession, request_id: str, row: int) -> None:
        features = dict(zip(FEATURES, self._sample.features[row].tolist(), strict=True))
        body = orjson.dumps({"features": features})
        headers = {"x-request-id": request_id, "content-type": "application/json"}
        try:
            async with session.post(f"{self._url}/predict", data=body, headers=headers) as response:
                content = await response.read()
                status, answered_id = response.status, response.headers.get("x-request-id")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return self.stats.failure(type(error).__name__, request_id)
        if status != 200:
            return self.stats.failure(f"HTTP {status}", request_id)
        if answered_id in self._answered:
            self.stats.doubled += 1
        version = _version(content)
        if answered_id != request_id or version is None:
            return self.stats.failure("not the answer to this request", request_id)
        self._answered.add(request_id)
        self.stats.answer(version)
        due = time.time() + self._delays.uniform(*LABEL_DELAY)
        self._labels.append(Truth(due, request_id, float(self._sample.target[row])))
        return None

    async def _send_labels(self, session: aiohttp.ClientSession) -> None:
        while True:
            await asyncio.sleep(LABELS_EVERY)
            await self._post_labels(session, due=time.time())

    async def _post_labels(self, session: aiohttp.ClientSession, due: float) -> None:
        now = time.time()
        ready = [truth.label(now) for truth in self._labels if truth.due <= due]
        if not ready:
            return
        try:
            async with session.post(f"{self._url}/labels", data=orjson.dumps(ready)) as response:
                await response.read()
                taken = response.status == 200
        except (aiohttp.ClientError, TimeoutError, OSError):
            taken = False
        if taken:
            self.stats.labels += len(ready)
            self._labels = [truth for truth in self._labels if truth.due > due]
        else:
            self.stats.label_failures += 1


async def _main(options: argparse.Namespace, sample: Sample) -> None:
    stats = Stats()
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopped.set)

    async def report() -> None:
        while True:
            stats.write(options.stats)
            await asyncio.sleep(STATS_EVERY)

    reporting = asyncio.create_task(report())
    await Client(options.url, sample, options.seed, stats).run(
        options.rate, options.seconds, stopped
    )
    reporting.cancel()
    stats.finished = True
    stats.write(options.stats)


def main(arguments: Sequence[str]) -> int:
    """Run until the time is over or SIGTERM; what failed stands in the stats, not in the code."""
    parser = argparse.ArgumentParser(prog="python -m demo.client", description=__doc__)
    parser.add_argument("url", help="where /predict and /labels are")
    parser.add_argument("--rate", type=_rate, required=True, help="requests per second")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--stats", type=Path, required=True, help="JSON file, replaced as it goes")
    options = parser.parse_args(arguments)
    asyncio.run(_main(options, load_market().held_out))
    return 0


def _version(content: bytes) -> str | None:
    try:
        return str(orjson.loads(content)["version"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None


def _rate(text: str) -> float:
    rate = float(text)
    if not 0 < rate <= FASTEST:
        raise argparse.ArgumentTypeError(f"between 0 and {FASTEST:.0f} requests per second")
    return rate


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
