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
    """Asks `path` until the block ends; `fresh` opens a connection for each request."""

    port: int
    path: str
    rate: float
    fresh: bool
    host: str = "127.0.0.1"
    threads: int = 8
    answers: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    _ended: threading.Event = field(default_factory=threading.Event)
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _running: list[threading.Thread] = field(default_factory=list)

    @property
    def asked(self) -> int:
        """How many requests were sent."""
        return sum(self.answers.values()) + sum(self.failed.values())

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
            version, problem = ask(connection, self.path)
            if problem or self.fresh:
                connection.close()
            with self._guard:
                (self.failed if problem else self.answers)[problem or version] += 1
            due = max(due + pause, time.monotonic() - 1)
            self._ended.wait(max(0.0, due - time.monotonic()))
        connection.close()


def ask(connection: http.client.HTTPConnection, path: str) -> tuple[str, str]:
    """The version that answered, or the problem."""
    try:
        connection.request("POST", path, b"{}", {"x-request-id": uuid.uuid4().hex})
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException) as error:
        return "", repr(error)
    if answer.status != 200:
        return "", f"{answer.status} {body[:60]!r}"
    return str(json.loads(body)["version"]), ""
