"""The part that all services of the sample exchange share: a process, its pages, its counts."""

import argparse
import asyncio
import logging
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import orjson
import uvicorn

from demo.exchange.knobs import watched_knobs
from models.http import Answer, Receive, Scope, Send, problem, read_body, respond

LARGEST = 64 * 2**10
KEEP_ALIVE = 75
"""Seconds; longer than the proxy keeps an idle connection, so that it is never closed under it."""

GRACE = 10

Page = Callable[[str, bytes], Answer]
"""Answers the rest of a path, with the body of the request."""


def arguments(name: str, given: Sequence[str], **more: type) -> argparse.Namespace:
    """What every service is told, and what one is told besides."""
    parser = argparse.ArgumentParser(prog=f"python -m demo.exchange.{name}")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--home", type=Path, required=True, help="directory of the site")
    for option, kind in more.items():
        parser.add_argument(f"--{option}", type=kind, required=True)
    options = parser.parse_args(given)
    (options.home / "exchange").mkdir(parents=True, exist_ok=True)
    return options


def as_json(content: object, status: int = 200) -> Answer:
    """An answer for programs."""
    return Answer(status, orjson.dumps(content))


class Versioned:
    """The ASGI application of one version; `pages` answer by method and first part of the path."""

    def __init__(
        self,
        component: str,
        options: argparse.Namespace,
        pages: Mapping[tuple[str, str], Page],
        ready: Callable[[], bool],
    ) -> None:
        self._component, self._version = component, str(options.version)
        self._pages = pages
        self._ready = ready
        self._knobs = watched_knobs(options.home, component, self._version)
        self._faults = random.Random()
        self._answered: Counter[int] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as fast and as well as the knobs let it."""
        method, path = str(scope["method"]), str(scope["path"])
        if method == "GET" and path in ("/readyz", "/healthz", "/metrics"):
            await respond(send, self._own(path))
            return
        first, _, rest = path.removeprefix("/").partition("/")
        page = self._pages.get((method, first))
        body = await read_body(receive, LARGEST)
        answer = problem(404, f"there is no {method} {path}")
        if body is None:
            answer = problem(413, f"the body is larger than {LARGEST} bytes")
        elif page is not None:
            answer = await self._page(page, rest, body)
        self._answered[answer.status] += 1
        await respond(send, answer)

    async def _page(self, page: Page, rest: str, body: bytes) -> Answer:
        knobs = self._knobs.now()
        if knobs.latency_ms:
            await asyncio.sleep(knobs.latency_ms / 1000)
        # Before anything is done, so that a refused order is none.
        if self._faults.random() < knobs.errors:
            return problem(500, f"{self._component} {self._version} fails, as it was told to")
        return page(rest, body)

    def _own(self, path: str) -> Answer:
        told = {"component": self._component, "version": self._version}
        if path == "/metrics":
            lines = [
                f'exchange_requests_total{{status="{status}"}} {count}\n'
                for status, count in sorted(self._answered.items())
            ]
            return Answer(200, "".join(lines).encode(), b"text/plain; version=0.0.4")
        if path == "/readyz" and not self._ready():
            return as_json({**told, "ready": False}, 503)
        return as_json({**told, "ready": True})


def serve(application: Versioned, port: int) -> None:
    """Answer on 127.0.0.1 until SIGTERM; what is under way is finished."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    config = uvicorn.Config(
        application,
        host="127.0.0.1",
        port=port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=GRACE,
    )
    uvicorn.Server(config).run()
