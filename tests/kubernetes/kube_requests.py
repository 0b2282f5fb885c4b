"""Requests that nobody sends: fake pods answer nothing, so answers are counted as weights say.

The counts are scraped by a real Prometheus, which is what a rollout asks.
"""

import contextlib
import http.server
import json
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from kube_build import prometheus
from kube_process import Parts

from cluster.local.ports import free_ports

BOUNDS = (0.005, 0.01, 0.05, 0.1, 0.5)
EVERY = 0.2
Weights = Callable[[], Mapping[str, Mapping[str, int]]]


@dataclass
class Behaviour:
    """How a version answers: the shares of errors and of those that are timed, seconds it takes."""

    errors: float = 0.0
    seconds: float = 0.004
    timed: float = 1.0


@dataclass
class Requests:
    """`rate` requests a second to each component, divided by its weights; `asked` turns them off.

    `behave` is by component and version; what is not there is fine.
    """

    weights: Weights
    rate: float = 400.0
    asked: bool = True
    behave: dict[tuple[str, str], Behaviour] = field(default_factory=dict)
    port: int = 0
    _counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    _fast: Counter[tuple[str, str, float]] = field(default_factory=Counter)
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _ended: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Requests":
        self.port = free_ports(1)[0]
        told = self

        class Page(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = told.page().encode()
                self.send_response(200)
                self.send_header("content-type", "text/plain; version=0.0.4")
                self.end_headers()
                # A scrape that a busy machine made too late has left already.
                with contextlib.suppress(BrokenPipeError):
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """No line for each scrape."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Page)
        self._threads = [
            threading.Thread(target=self._server.serve_forever),
            threading.Thread(target=self._ask),
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self.close()
        for thread in self._threads:
            thread.join()

    def close(self) -> None:
        """Nobody can ask for the page any more."""
        self._server.shutdown()
        self._server.server_close()

    def page(self) -> str:
        """What is scraped."""
        lines = []
        with self._guard:
            for (part, version, status), count in sorted(self._counts.items()):
                marks = f'component="{part}",version="{version}",status="{status}"'
                lines.append(f"http_requests_total{{{marks}}} {count}")
            for (part, version, bound), count in sorted(self._fast.items()):
                le = "+Inf" if bound == float("inf") else f"{bound:g}"
                marks = f'component="{part}",version="{version}",le="{le}"'
                lines.append(f"http_request_duration_seconds_bucket{{{marks}}} {count}")
        return "\n".join(lines) + "\n"

    def _ask(self) -> None:
        last = time.monotonic()
        while not self._ended.wait(EVERY):
            now = time.monotonic()
            number, last = min(self.rate * (now - last), 5 * self.rate * EVERY), now
            for part, weights in self.weights().items() if self.asked else ():
                for version, share in weights.items():
                    self._answer(part, version, round(number * share / 100))

    def _answer(self, part: str, version: str, number: int) -> None:
        behaves = self.behave.get((part, version), Behaviour())
        bad = round(number * behaves.errors)
        with self._guard:
            self._counts[part, version, "200"] += number - bad
            self._counts[part, version, "500"] += bad
            for bound in (*BOUNDS, float("inf")):
                timed = round(number * behaves.timed)
                self._fast[part, version, bound] += timed if behaves.seconds <= bound else 0


def one_page(port: int) -> dict[str, object]:
    """The job of a Prometheus that asks one page of this machine."""
    return {"job_name": "fake", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}


@dataclass
class Scraper:
    """A Prometheus that asks the pages of one job every second."""

    directory: Path
    job: Mapping[str, object]
    port: int = field(default_factory=lambda: free_ports(1)[0])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it is ready."""
        job = {"scrape_interval": "1s", "scrape_timeout": "1s", **self.job}
        self.directory.mkdir(exist_ok=True)
        config = self.directory / "prometheus.yml"
        config.write_text(yaml.safe_dump({"scrape_configs": [job]}))
        told = [
            str(prometheus()),
            f"--config.file={config}",
            f"--storage.tsdb.path={self.directory / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
        ]
        self.parts.start("prometheus", told, bound=True)
        deadline = time.monotonic() + 60
        while not self._ready():
            assert time.monotonic() < deadline, self.parts.last_words("prometheus")
            time.sleep(0.1)

    @property
    def parts(self) -> Parts:
        """Its process."""
        return Parts(self.directory)

    def stop(self) -> None:
        """End it."""
        self.parts.stop_all()

    def scraped(self, query: str) -> float:
        """The sum of an instant query."""
        with urllib.request.urlopen(f"{self.url}/api/v1/query?query={query}", timeout=5) as answer:
            found = json.load(answer)["data"]["result"]
        return sum(float(one["value"][1]) for one in found)

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False
