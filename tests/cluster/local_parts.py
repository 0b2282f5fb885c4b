"""Real parts for the tests of the local site: echo servers, clients, kills."""

import http.client
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cluster.identity import start_mark
from cluster.local.envoy import ensure_envoy
from cluster.local.home import Home
from cluster.local.instances import Instance, start_instances
from cluster.local.processes import ProcessSpec, Running, running
from cluster.local.traffic import Traffic
from cluster.local.upkeep import ensure_keeper
from cluster.route import Mirror, Route

ECHO = Path(__file__).with_name("echo_server.py")
FREE = lambda: None  # noqa: E731  (nobody else holds the lock in these tests)


@dataclass
class LocalSite:
    """A running site with Envoy, and the usual things to do with it."""

    home: Home
    traffic: Traffic = field(init=False)

    def __post_init__(self) -> None:
        ensure_keeper(self.home)
        ensure_envoy(self.home, timeout=60)
        self.traffic = Traffic(self.home)

    def serve(self, version: str, count: int = 1, delay: float = 0.0) -> list[Running]:
        """Echo servers as `count` instances of a version of the component `price`."""
        log = self.home.path / f"{version}.log"
        specs = [Instance(self.echo(version, log, delay), cwd="/", grace=1.0)] * count
        return start_instances(self.home, "price", version, specs, timeout=20, lease_check=FREE)

    def echo(self, version: str, log: Path, delay: float = 0.0) -> tuple[str, ...]:
        """The command of an echo server."""
        return (sys.executable, str(ECHO), "{port}", version, str(log), str(delay))

    def route(self, weights: dict[str, int], mirror: Mirror | None = None) -> Route:
        """Set the route of `price`."""
        return self.traffic.set_route("price", Route(weights, mirror), lease_check=FREE)

    def ask(
        self, path: str = "/predict", headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], dict[str, object]]:
        """One request through Envoy: status, headers, body."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.home.site().ports.endpoint, timeout=10
        )
        try:
            connection.request("POST", path, b"{}", headers or {})
            answer = connection.getresponse()
            body = answer.read()
            told = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, told, json.loads(body) if answer.status == 200 else {}
        finally:
            connection.close()

    def seen_by(self, version: str) -> list[dict[str, dict[str, str]]]:
        """The requests that a version's servers got."""
        log = self.home.path / f"{version}.log"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


class Clients:
    """Keep-alive clients that ask at a steady rate until stopped and count what failed."""

    def __init__(self, port: int, *, rate: float, clients: int = 8) -> None:
        self.asked = 0
        self.failed: list[str] = []
        self._port, self._pause = port, clients / rate
        self._ended = threading.Event()
        self._guard = threading.Lock()
        self._threads = [threading.Thread(target=self._run) for _ in range(clients)]

    def __enter__(self) -> "Clients":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        due = time.monotonic()
        while not self._ended.is_set():
            problem = _ask_once(connection)
            with self._guard:
                self.asked += 1
                if problem:
                    self.failed.append(problem)
            due = max(due + self._pause, time.monotonic() - 1)
            self._ended.wait(max(0.0, due - time.monotonic()))
        connection.close()


def _ask_once(connection: http.client.HTTPConnection) -> str:
    try:
        connection.request("POST", "/predict", b"{}")
        answer = connection.getresponse()
        answer.read()
        return "" if answer.status == 200 else str(answer.status)
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        return repr(error)


def sleeper(role: str, *, seconds: float = 1000, deaf: bool = False) -> ProcessSpec:
    """A process that does nothing, and when `deaf` does not even end on SIGTERM."""
    ignoring = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" if deaf else ""
    code = f"{ignoring}import time; time.sleep({seconds})"
    return ProcessSpec(role, (sys.executable, "-c", code), cwd="/", grace=0.5)


def eventually(truth: Callable[[], object], within: float = 10.0) -> float:
    """Wait until `truth()` holds; the seconds it took. Fails the test otherwise."""
    begun = time.monotonic()
    while not truth():
        assert time.monotonic() - begun < within, "did not come true in time"
        time.sleep(0.01)
    return time.monotonic() - begun


def kill_role(home: Home, role: str) -> int:
    """SIGKILL the process of a role; its pid."""
    process = running(home, role)
    assert process is not None
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    eventually(lambda: start_mark(process.pid or 0) != process.mark)
    return process.pid
