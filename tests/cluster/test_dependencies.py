"""Outside dependencies, asked for real: servers on loopback, among them a real Postgres."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

import pytest
from scripted_api import Told, serving

from cluster import dependencies
from cluster.dependencies import dependency_line
from rollout.checklist import Dependency
from rollout.checklist_line import Line, Outcome

Answer = Callable[[socket.socket], None]


def looked(way: str, address: str) -> Line:
    """What is said of a dependency that is asked in this way."""
    return dependency_line(Dependency("it", way, address))


@contextmanager
def listening(answer: Answer) -> Iterator[str]:
    """The address of a listener that does this with its one connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError), server.accept()[0] as connection:
                answer(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.close()
        thread.join(5)


@contextmanager
def nobody() -> Iterator[str]:
    """An address at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    yield address


def silent(connection: socket.socket) -> None:
    """Takes what is sent, and says nothing until the other side goes."""
    while connection.recv(1024):
        pass


def hanging_up(connection: socket.socket) -> None:
    """Says nothing and goes."""


def saying(word: bytes) -> Answer:
    """Waits for what is sent and answers with a word."""

    def answer(connection: socket.socket) -> None:
        connection.recv(1024)
        connection.sendall(word)

    return answer


@pytest.mark.parametrize(
    ("way", "server", "outcome", "words"),
    [
        ("tcp", partial(listening, silent), Outcome.OK, "takes connections here"),
        ("tcp", nobody, Outcome.FAIL, "does not answer"),
        ("postgres", nobody, Outcome.FAIL, "does not answer"),
        ("postgres", partial(listening, silent), Outcome.FAIL, "does not answer: timed out"),
        ("postgres", partial(listening, saying(b"HTTP/1.1 400")), Outcome.FAIL, "is no Postgres"),
        ("postgres", partial(listening, hanging_up), Outcome.FAIL, "127.0.0.1"),
        ("postgres", partial(listening, saying(b"S")), Outcome.OK, "a Postgres answers"),
    ],
    ids=["open", "closed", "no Postgres", "silent", "another protocol", "hangs up", "with TLS"],
)
def test_a_port_is_asked_in_the_way_that_was_declared(
    way: str,
    server: Callable[[], AbstractContextManager[str]],
    outcome: Outcome,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An open port is enough for tcp alone; a server that says nothing is not waited for long."""
    monkeypatch.setattr(dependencies, "SECONDS", 0.5)
    with server() as address:
        line = looked(way, address)

    assert (line.name, line.outcome) == ("dependency it", outcome)
    assert words in line.evidence
    assert bool(line.remedy) == (outcome is Outcome.FAIL)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Outcome.OK),
        (307, Outcome.OK),
        (401, Outcome.FAIL),
        (404, Outcome.FAIL),
        (503, Outcome.FAIL),
    ],
)
def test_an_address_must_answer_that_it_is_well(status: int, outcome: Outcome) -> None:
    """A server that refuses is no server that works; the status is the evidence."""
    with serving(Told(status, {})) as (access, _):
        line = looked("http", f"{access.server}/healthz")

    assert line.outcome is outcome
    assert f"answers {status}" in line.evidence


def test_an_address_of_nobody_does_not_answer() -> None:
    """With the reason that the system gives."""
    with nobody() as address:
        line = looked("http", f"http://{address}/")

    assert line.outcome is Outcome.FAIL
    assert "does not answer" in line.evidence


# The programs of Postgres do not run as root.
AS = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """The address of a real Postgres that lets nobody in."""
    if shutil.which("initdb") is None or shutil.which("postgres") is None:
        pytest.skip("there is no Postgres on this machine")
    with nobody() as address, tempfile.TemporaryDirectory(dir="/tmp") as folder:
        if AS:
            shutil.chown(folder, **AS)
        data, port = Path(folder) / "data", address.rpartition(":")[2]
        made = ["initdb", "--auth=reject", "--no-sync", "--username=nobody", f"--pgdata={data}"]
        subprocess.run(made, check=True, capture_output=True, cwd=folder, **AS)
        told = ["postgres", "-D", str(data), "-p", port, "-h", "127.0.0.1", "-k", folder, "-F"]
        quiet = subprocess.DEVNULL
        server = subprocess.Popen(told, stdout=quiet, stderr=quiet, cwd=folder, **AS)
        try:
            until_it_listens(address)
            yield address
        finally:
            server.terminate()
            server.wait(30)


def until_it_listens(address: str) -> None:
    """Wait until an address takes connections."""
    host, _, port = address.rpartition(":")
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), 1):
            return
        time.sleep(0.05)
    raise AssertionError(f"nobody listens at {address}")


def test_a_real_postgres_says_who_it_is_before_anybody_logs_in(postgres: str) -> None:
    """OK although it lets nobody in: the line says that this was not tried."""
    line = looked("postgres", postgres)

    assert line.outcome is Outcome.OK
    assert f"a Postgres answers at {postgres}, without TLS" in line.evidence
    assert "whether it lets anyone in was not tried" in line.evidence
