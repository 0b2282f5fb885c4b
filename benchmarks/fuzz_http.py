"""Requests to a real model server, on raw sockets: what is no request gets 4xx and harms nobody."""

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from hypothesis import strategies as st

from benchmarks.fuzz_cases import CHANGED, CONTRACT, DONE, TRACEBACK, Complaint
from benchmarks.fuzz_files import LABEL, label_lines
from benchmarks.fuzz_words import DEEP, LONG, broken, json_of
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
        # Beside these lie the sampled inputs, which have a reader and a format of their own.
        files = list(self.records.glob("*.jsonl"))
        if len(files) < 2:
            wrong.append(Complaint(CONTRACT, f"no rows or no labels: {files}"))
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
        if set(row) not in (ROW_KEYS, set(LABEL)):
            yield line


def whole(
    method: str, path: str, body: bytes = b"", headers: tuple[tuple[bytes, bytes], ...] = ()
) -> bytes:
    """One well-formed request."""
    lines = [f"{method} {path} HTTP/1.1".encode("latin-1", "replace"), b"host: site"]
    lines += [b"connection: close", b"content-length: %d" % len(body)]
    lines += [name + b": " + value for name, value in headers]
    return b"\r\n".join([*lines, b"", body])


NO_FEATURES: tuple[Any, ...] = (
    *(
        None,
        True,
        "1",
        "",
        [],
        {},
        [0.1],
        float("nan"),
        float("inf"),
        float("-inf"),
        "NaN",
        10**400,
    ),
)
NO_BODIES = (
    *(
        b"",
        b"{",
        b"[]",
        b"3",
        b"null",
        b'"a"',
        b"\xff\xfe",
        b"{}",
        b"[" * DEEP,
        b"\0",
        LONG.encode(),
    ),
    *(b'{"a":' * DEEP, b'{"features": NaN}', b'{"features": {"\\ud800": 1}}', b'{"features": [1]}'),
    *(
        b"\xef\xbb\xbf" + GOOD_BODY,
        GOOD_BODY.decode().encode("utf-16"),
        GOOD_BODY[:-1],
        GOOD_BODY * 2,
    ),
    *(
        b"[" * 200_000,
        b" " * 2**20 + GOOD_BODY,
        b'{"features": {' + b'"a":1,' * 99_999 + b'"b":1}}',
    ),
)


@st.composite
def _no_predict(draw: st.DrawFn) -> Request:
    if draw(st.booleans()):
        body = draw(st.sampled_from(NO_BODIES))
        return Request(whole("POST", "/predict", body), f"body {body[:20]!r}")
    name = draw(st.sampled_from(sorted(GOOD)))
    way = draw(st.integers(0, 2))
    if way == 0:
        left = {key: value for key, value in GOOD.items() if key != name}
        return Request(whole("POST", "/predict", _features(left)), f"no {name}")
    if way == 1:
        more = {**GOOD, draw(st.sampled_from(("", "é", LONG, name + " "))): 1}
        return Request(whole("POST", "/predict", _features(more)), "one too many")
    value = draw(st.sampled_from(NO_FEATURES))
    return Request(whole("POST", "/predict", _features({**GOOD, name: value})), f"{value!r}"[:40])


def _features(features: dict[str, Any]) -> bytes:
    return json_of({"features": features}).encode()


@st.composite
def _no_labels(draw: st.DrawFn) -> Request:
    line, why = draw(label_lines())
    if why.startswith("line b'[]'"):
        line = b"[[]]"
    good = json_of({**LABEL, "request_id": "r-good"}).encode()
    body = draw(st.sampled_from((line, b"[" + good + b"," + line + b"]")))
    if draw(st.integers(0, 5)) == 4:
        body, why = b"[" + good + b"," + good + b"]", "one id twice"
    return Request(whole("POST", "/labels", body), f"labels: {why}")


@st.composite
def _no_page(draw: st.DrawFn) -> Request:
    method = draw(st.sampled_from(("GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "POST")))
    path = draw(st.sampled_from(("/", "/predict/", "/Predict", "/%00", "/../predict", "//predict")))
    if draw(st.booleans()):
        method, path = draw(
            st.sampled_from((("GET", "/predict"), ("PUT", "/labels"), ("POST", "/metrics")))
        )
    return Request(whole(method, path, GOOD_BODY), f"{method} {path}")


@st.composite
def _no_id(draw: st.DrawFn) -> Request:
    value = draw(st.sampled_from((b"", b"i" * 201, b"\xe9", b"a\tb", b"i" * 5_000, b"\x80\xff")))
    return Request(
        whole("POST", "/predict", GOOD_BODY, ((b"x-request-id", value),)), f"id {value[:9]!r}"
    )


@st.composite
def _no_http(draw: st.DrawFn) -> Request:
    """Broken framing: whatever the server makes of it, it goes on."""
    good = whole("POST", "/predict", GOOD_BODY)
    chunked = good.replace(b"content-length: %d" % len(GOOD_BODY), b"transfer-encoding: chunked")
    raw = draw(
        st.one_of(
            broken(good),
            st.binary(max_size=60),
            st.sampled_from(
                (
                    good.replace(b"HTTP/1.1", b"HTTP/9.9"),
                    good.replace(b"content-length: ", b"content-length: -"),
                    good.replace(b"content-length: ", b"content-length: 9"),
                    good.replace(b"content-length: ", b"content-length: " + b"9" * 30),
                    good.replace(
                        b"content-length", b"transfer-encoding: chunked\r\ncontent-length"
                    ),
                    good.replace(b"\r\n", b"\n"),
                    good.replace(b"host: site", b"host site"),
                    good.replace(b"host: site", b"x: " + b"y" * 200_000),
                    good.replace(b"host: site", b"\r\n".join([b"x: y"] * 5_000)),
                    good.replace(
                        b"connection: close", b"upgrade: websocket\r\nconnection: upgrade"
                    ),
                    good.replace(b"connection: close", b"expect: 100-continue"),
                    good.replace(b"/predict", b"/predict\0"),
                    good.replace(b"/predict", b"http://[::1/predict"),
                    good.replace(b"/predict", b"/" + b"p" * 100_000),
                    good.replace(b"POST", b"PO ST"),
                    chunked,
                    chunked.replace(GOOD_BODY, b"zz\r\nabc\r\n0\r\n\r\n"),
                    chunked.replace(GOOD_BODY, b"ffffffffffffffff\r\nabc\r\n"),
                    good[:-20],
                    good + good[:40],
                    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
                )
            ),
        )
    )
    return Request(raw, None, http=False)


@st.composite
def _mangled(draw: st.DrawFn) -> Request:
    """A good request whose body or headers were changed somewhere."""
    if draw(st.booleans()):
        return Request(whole("POST", "/predict", draw(broken(GOOD_BODY))), None)
    name = draw(st.sampled_from((b"x-segment", b"x-pincex-shadow", b"x-pincex-copy", b"cookie")))
    value = draw(st.sampled_from((b"", b"\xff", b"../../x", b"..", b"/tmp/x", b"s" * 300, b"a b")))
    return Request(whole("POST", "/predict", GOOD_BODY, ((name, value),)), None)


def requests() -> st.SearchStrategy[Request]:
    """What may come in from outside."""
    return st.one_of(_no_predict(), _no_labels(), _no_page(), _no_id(), _no_http(), _mangled())
