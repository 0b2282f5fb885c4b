"""A client from outside for the small models: a steady rate, and a count of what failed when."""

import asyncio
import random
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp

PATIENCE = 10.0
LABEL_DELAY = (0.3, 0.8)
LABELS_EVERY = 0.2


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that was not answered with 200, and when (epoch seconds)."""

    at: float
    kind: str


class Client(threading.Thread):
    """Sends forecasts to one address until it is ended; every request is waited for.

    With `own_ids` it requires its own request id back. Without, it labels by the id on the answer:
    not every gateway lets an id from outside pass.
    """

    def __init__(self, url: str, rate: float, *, own_ids: bool = True) -> None:
        super().__init__(daemon=True)
        self.sent = 0
        self.doubled = 0
        self.failures: list[Failure] = []
        self.by_version: Counter[str] = Counter()
        self.latest: dict[str, float] = {}
        self._url = url
        self._rate = rate
        self._own_ids = own_ids
        self._random = random.Random(20260105)
        self._answered: set[str] = set()
        self._labels: list[tuple[float, str, float]] = []
        self._ended = threading.Event()

    def __enter__(self) -> "Client":
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self.join()

    def run(self) -> None:
        """The thread: an event loop of its own."""
        asyncio.run(self._run())

    @property
    def failed(self) -> int:
        """How many failed."""
        return len(self.failures)

    def failed_since(self, count: int) -> str:
        """What failed after the first `count` failures, by kind, in words."""
        kinds = Counter(failure.kind for failure in self.failures[count:])
        return ", ".join(f"{number} x {kind}" for kind, number in sorted(kinds.items()))

    async def _run(self) -> None:
        timeout = aiohttp.ClientTimeout(total=PATIENCE)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            labels = asyncio.create_task(self._tell(session))
            await self._ask_steadily(session)
            labels.cancel()

    async def _ask_steadily(self, session: aiohttp.ClientSession) -> None:
        begun = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            while not self._ended.is_set():
                await asyncio.sleep(begun + self.sent / self._rate - time.perf_counter())
                group.create_task(self._ask(session))
                self.sent += 1

    async def _ask(self, session: aiohttp.ClientSession) -> None:
        request_id, sent_at = uuid.uuid4().hex, time.time()
        features = {"a": self._random.random(), "b": self._random.random()}
        headers = {"x-request-id": request_id}
        try:
            async with session.post(
                f"{self._url}/predict", json={"features": features}, headers=headers
            ) as response:
                answer: dict[str, Any] = await response.json(content_type=None)
                status, answered = response.status, response.headers.get("x-request-id")
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            self.failures.append(Failure(time.time(), type(error).__name__))
            return
        if status != 200 or answered is None or (self._own_ids and answered != request_id):
            self.failures.append(Failure(time.time(), f"HTTP {status}"))
            return
        self.doubled += answered in self._answered
        self._answered.add(answered)
        self.by_version[answer["version"]] += 1
        self.latest[answer["version"]] = max(self.latest.get(answer["version"], 0.0), sent_at)
        # One in twelve turns out three times as high as any of the versions foresees.
        label = (1 + features["a"]) * (3 if self._random.random() < 1 / 12 else 1)
        self._labels.append((time.time() + self._random.uniform(*LABEL_DELAY), answered, label))

    async def _tell(self, session: aiohttp.ClientSession) -> None:
        while True:
            await asyncio.sleep(LABELS_EVERY)
            now, at = time.time(), datetime.now(UTC).isoformat()
            due = [entry for entry in self._labels if entry[0] <= now]
            self._labels = [entry for entry in self._labels if entry[0] > now]
            if not due:
                continue
            told = [
                {"request_id": request_id, "label": label, "labelled_at": at}
                for _, request_id, label in due
            ]
            try:
                await (await session.post(f"{self._url}/labels", json=told)).release()
            except (aiohttp.ClientError, TimeoutError, OSError):
                self._labels += due
