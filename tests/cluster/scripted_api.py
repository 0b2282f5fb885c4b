"""A real HTTP server that answers as it is told, for refusals that no cluster gives on demand."""

import json
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cluster.kubernetes.kubeconfig import Access


@dataclass(frozen=True)
class Told:
    """One answer: sent after `delay` seconds; `date` in place of the true time."""

    status: int
    body: object
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    date: str | None = None


@dataclass
class Script:
    """What will be answered, in order; the last answer stays.

    `asked` is what was asked for, `signed` by which authorization.
    """

    answers: list[Told]
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    signed: list[str | None] = field(default_factory=list)

    def next(self) -> Told:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def status(code: int, reason: str, message: str, **details: object) -> dict[str, object]:
    """A Status object as the API server sends it."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "message": message,
        "reason": reason,
        "details": details,
        "code": code,
    }


@contextmanager
def serving(*answers: Told) -> Iterator[tuple[Access, Script]]:
    """An access to a server with this script."""
    script = Script(list(answers))

    class Answering(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("content-length", 0))
            content = json.loads(self.rfile.read(length)) if length else None
            script.asked.append((self.command, self.path, content))
            script.signed.append(self.headers.get("authorization"))
            told = script.next()
            time.sleep(told.delay)
            body = told.body if isinstance(told.body, bytes) else json.dumps(told.body).encode()
            self.send_response_only(told.status)
            self.send_header("date", told.date or self.date_time_string())
            for key, value in told.headers.items():
                self.send_header(key, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_HEAD = do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer

        def log_message(self, *told: object) -> None:
            """Nothing on the screen."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield access(f"http://127.0.0.1:{server.server_port}"), script
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def access(url: str) -> Access:
    """An access without credentials to the namespace `shop`."""
    return Access("test", url, "shop", ssl.create_default_context())
