"""Clients outside of everything: they ask a gateway at a steady rate and count what came of it."""

import http.client
import json
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Clients:
    """Asks `path` until the block ends; `fresh` opens a connection for each request.

    `latest` is when the last request was sent that a version answered (epoch seconds); `wrong`
    counts what a version itself answered with an error: that arrived, so it is not lost.
    """

    port: int
    path: str
    rate: float
    fresh: bool
    host: str = "127.0.0.1"
    threads: int = 8
    answers: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    latest: dict[str, float] = field(default_factory=dict)
    _ended: threading.Event = field(default_factory=threading.Event)
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _running: list[threading.Thread] = field(default_factory=list)

    @property
    def asked(self) -> int:
        """How many requests were sent."""
        return self.answers.total() + self.wrong.total() + self.failed.total()

    def __enter__(self) -> "Clients":
        self._running = [threading.Thread(target=self._run) for _ in range(self.threads)]
        for thread in self._running:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        for thread in self._running:
            thread.join()

    def _run(self) -> None:
        pause, due = self.threads / self.rate, time.monotonic()
        connection = http.client.HTTPConnection(self.host, self.port, timeout=10)
        while not self._ended.is_set():
            sent = time.time()
            version, problem = ask(connection, self.path)
            if problem or self.fresh:
                connection.close()
            with self._guard:
                self._count(version, problem, sent)
            due = max(due + pause, time.monotonic() - 1)
            self._ended.wait(max(0.0, due - time.monotonic()))
        connection.close()

    def _count(self, version: str, problem: str, sent: float) -> None:
        if not version:
            self.failed[problem] += 1
            return
        (self.wrong if problem else self.answers)[version] += 1
        self.latest[version] = max(sent, self.latest.get(version, 0.0))


def ask(connection: http.client.HTTPConnection, path: str) -> tuple[str, str]:
    """The version that answered, if one did, and the problem, if there was one."""
    try:
        connection.request("POST", path, b"{}", {"x-request-id": uuid.uuid4().hex})
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException) as error:
        return "", repr(error)
    problem = "" if answer.status == 200 else f"{answer.status} {body[:60]!r}"
    try:
        return str(json.loads(body)["version"]), problem
    except ValueError:
        # A gateway says in plain words that it has nobody to ask.
        return "", problem or f"no answer of a pod: {body[:60]!r}"
