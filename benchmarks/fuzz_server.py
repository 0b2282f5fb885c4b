"""A real model server that is asked nonsense, and what it must never do about it."""

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson

from benchmarks.fuzz_cases import CHANGED, CONTRACT, DONE, TRACEBACK, Complaint
from benchmarks.fuzz_files import LABEL
from benchmarks.fuzz_words import json_of
from cluster.local.ports import free_ports
from demo.features import FEATURES
from demo.forecasters import Ewma
from demo.train import save
from models.manifest import MANIFEST_NAME, canonical, digest, manifest_of

EXAMPLE = [0.01 + place / 1000 for place in range(len(FEATURES))]
GOOD = dict(zip(FEATURES, EXAMPLE, strict=True))
GOOD_BODY = json_of({"features": GOOD}).encode()
READY_WITHIN = 60.0
PATIENCE = 10.0
ROW_KEYS = {"id", "at", "status", "ms", "prediction", "segment", "mirrored", "open"}


@dataclass(frozen=True, slots=True)
class Request:
    """Bytes for a connection of their own; `http` says that they are whole HTTP."""

    raw: bytes
    nonsense: str | None
    http: bool = True


class Server:
    """A model server and its files."""

    def __init__(self, directory: Path) -> None:
        self.records = directory / "records"
        self.log = directory / "server.log"
        (self._port,) = free_ports(1)
        model = save(Ewma(), directory / "model", EXAMPLE)
        manifest = manifest_of(model)
        (model / MANIFEST_NAME).write_bytes(canonical(manifest))
        argv = [
            *(sys.executable, "-m", "models.server", "--name", "price", "--version", "v1.0.0"),
            *("--directory", str(model), "--manifest-sha256", digest(manifest)),
            *("--port", str(self._port), "--instance", "1", "--records", str(self.records)),
            *("--labels", str(self.records / "labels.jsonl")),
        ]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(argv, stdout=log, stderr=log)

    def wait(self) -> None:
        """Until it is ready."""
        deadline = time.monotonic() + READY_WITHIN
        while self.status(whole("GET", "/readyz")) != 200:
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def check(self, request: Request) -> list[Complaint]:
        """Send it; what was promised and not kept."""
        labels = self._labels()
        status = self.status(request.raw, goes_away=not request.http)
        return list(self._complaints(request, status, labels != self._labels()))

    def status(self, raw: bytes, *, goes_away: bool = False) -> int | None:
        """The status of the answer to these bytes; None where the connection was closed without.

        A client that goes away says so after its last byte: nothing more is to be waited for.
        """
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=PATIENCE) as sent:
                with contextlib.suppress(ConnectionError):
                    sent.sendall(raw)
                    if goes_away:
                        sent.shutdown(socket.SHUT_WR)
                line = sent.makefile("rb").readline(200).split()
        except ConnectionError:
            return None
        return int(line[1]) if len(line) > 1 and line[1].isdigit() else None

    def end(self) -> list[Complaint]:
        """What its files say when all is over; every row and label is whole."""
        wrong: list[Complaint] = []
        if self.status(whole("POST", "/predict", GOOD_BODY)) != 200:
            wrong.append(Complaint(CONTRACT, "a good request is not answered any more"))
        self.process.terminate()
        self.process.wait(READY_WITHIN)
        if "Traceback" in self.log.read_text(errors="replace"):
            wrong.append(Complaint(TRACEBACK, self.log.read_text(errors="replace")[-3_000:]))
        # The sampled inputs have a reader and a format of their own.
        files = [file for file in self.records.rglob("*.jsonl") if file.parent.name != "inputs"]
        if not files:
            wrong.append(Complaint(CONTRACT, "no row of any request"))
        for file in files:
            wrong += [Complaint(CONTRACT, f"{file}: {line[:200]!r}") for line in _broken(file)]
        return wrong

    def _labels(self) -> int:
        file = self.records / "labels.jsonl"
        return file.stat().st_size if file.exists() else 0

    def _complaints(self, sent: Request, status: int | None, kept: bool) -> Iterator[Complaint]:
        shown = f"{sent.nonsense or 'mutated'}: {sent.raw[:300]!r} -> {status}"
        if self.process.poll() is not None:
            yield Complaint(CONTRACT, f"the server ended: {shown}")
        if status is not None and status >= 500:
            yield Complaint(CONTRACT, shown)
        if sent.nonsense and status is not None and status < 400:
            yield Complaint(DONE, shown)
        if sent.http and status is None:
            yield Complaint(CONTRACT, f"no answer: {shown}")
        if kept and status is not None and status >= 400:
            yield Complaint(CHANGED, shown)


@contextlib.contextmanager
def server(directory: Path) -> Iterator[Server]:
    """A server over a block; killed by its own pid afterwards."""
    directory.mkdir(parents=True)
    running = Server(directory)
    try:
        running.wait()
        yield running
    finally:
        running.process.kill()
        running.process.wait()


def _broken(file: Path) -> Iterator[bytes]:
    for line in file.read_bytes().splitlines():
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError:
            yield line
            continue
        # A line with one key says that requests are open of which no row is written yet.
        if set(row) not in (ROW_KEYS, {"open"}, set(LABEL)):
            yield line


def whole(
    method: str, path: str, body: bytes = b"", headers: tuple[tuple[bytes, bytes], ...] = ()
) -> bytes:
    """One well-formed request."""
    lines = [f"{method} {path} HTTP/1.1".encode("latin-1", "replace"), b"host: site"]
    lines += [b"connection: close", b"content-length: %d" % len(body)]
    lines += [name + b": " + value for name, value in headers]
    return b"\r\n".join([*lines, b"", body])
