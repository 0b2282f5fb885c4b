"""The process of a worker: what it refuses, what it starts again, and what it collects."""

import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from cluster.kubernetes.kubeconfig import read_access
from flows import prefect_api
from flows.cli import parser
from flows.cluster_resume import Looked, look
from flows.cluster_site import deploying_site, kept_sites
from flows.prefect_api import Configured, PrefectLost, configured
from flows.refusal import Refused

REFUSED = {
    "no pool": ({"PREFECT_API_URL": "http://127.0.0.1:9/api"}, "PINCEX_WORK_POOL"),
    "no server": ({"PINCEX_WORK_POOL": "pincex-exchange"}, "PREFECT_API_URL"),
    **{
        what: ({"PINCEX_WORK_POOL": "pincex-exchange", "PREFECT_API_URL": url}, "PREFECT_API_URL")
        for what, url in {
            "no address": "prefect",
            "a port that is none": "http://prefect:x/api",
            "a login in the address": "https://ana:hunter2@prefect/api",
        }.items()
    },
}


@pytest.mark.parametrize(("given", "named"), REFUSED.values(), ids=REFUSED.keys())
def test_without_a_pool_or_a_server_it_says_which(given: dict[str, str], named: str) -> None:
    """Exit code 2, and nothing was started."""
    done = subprocess.run(
        [sys.executable, "-m", "flows.worker"],
        env={"PATH": os.environ["PATH"], **given}, capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert done.returncode == 2
    assert named in done.stderr
    assert "Nothing was changed." in done.stderr
    assert "hunter2" not in done.stderr


def test_it_waits_for_a_server_that_does_not_answer_and_ends_when_told_to(tmp_path: Path) -> None:
    """A container that ended without Prefect could not be entered to undo anything."""
    given = {"PINCEX_WORK_POOL": "p", "PREFECT_API_URL": "http://127.0.0.1:9/api"}
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.worker"],
        env={"PATH": os.environ["PATH"], **given}, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    assert "Prefect does not answer as it should" in process.stderr.readline()
    assert process.poll() is None
    process.terminate()
    assert process.communicate(timeout=10)[1].endswith("stopped\n")
    assert process.returncode == 0


AS_PROCESS_ONE = """
import ctypes, sys
from flows import worker
ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER: orphans come here, as to process 1
print(worker.run(sys.executable, "-c", sys.argv[1]), flush=True)
"""
LEAVES_AN_ORPHAN = """
import subprocess, sys, time
child = "import subprocess, sys; print(subprocess.Popen(['sleep', '0.2']).pid, flush=True)"
subprocess.run([sys.executable, "-c", child])
time.sleep(1)
sys.exit(7)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="orphans are adopted as Linux does it")
def test_what_nobody_waits_for_is_collected() -> None:
    """A rollout's process whose starter ended would stay in the container's list for ever."""
    done = subprocess.Popen(
        [sys.executable, "-c", AS_PROCESS_ONE, LEAVES_AN_ORPHAN], stdout=subprocess.PIPE, text=True
    )
    assert done.stdout is not None
    orphan = int(done.stdout.readline())
    deadline = time.monotonic() + 5
    while psutil.pid_exists(orphan):
        assert time.monotonic() < deadline, "the orphan stays"
        time.sleep(0.02)
    assert done.poll() is None
    assert done.communicate(timeout=10)[0] == "7\n"


def test_a_child_is_ended_with_it() -> None:
    """SIGTERM goes on to what runs, and its end is waited for."""
    code = "from flows import worker; import signal, sys\n"
    code += "signal.signal(signal.SIGTERM, worker._stop)\n"
    code += "try: worker.run('/bin/sleep', '60')\nexcept worker.Stopped: sys.exit(5)"
    process = subprocess.Popen([sys.executable, "-c", code])
    deadline = time.monotonic() + 20
    while not (children := psutil.Process(process.pid).children()):
        assert time.monotonic() < deadline, "no child"
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 5
    assert not children[0].is_running()


class Asked(http.server.BaseHTTPRequestHandler):
    """Keeps what was asked, and answers with an empty list."""

    seen: list[tuple[str, str | None, Any]]

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["content-length"]))
        self.seen.append((self.path, self.headers["authorization"], json.loads(content)))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"[]")

    def log_message(self, *_: object) -> None:
        """Nothing on the screen."""


@pytest.fixture
def asked() -> Iterator[tuple[str, list[tuple[str, str | None, Any]]]]:
    """A server below a path of its own, and what it was asked."""
    seen: list[tuple[str, str | None, Any]] = []
    handler = type("Handler", (Asked,), {"seen": seen})
    with http.server.HTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/api/accounts/1", seen
        server.shutdown()


LOGINS = {
    "nobody is asked": ({}, None),
    "a key": ({"PREFECT_API_KEY": "pnu_1"}, "Bearer pnu_1"),
    "a key from a file": ({"PREFECT_API_KEY": "pnu_1\n"}, "Bearer pnu_1"),
    "a pair": ({"PREFECT_API_AUTH_STRING": "ana:secret"}, "Basic YW5hOnNlY3JldA=="),
}


@pytest.mark.parametrize(("given", "sent"), LOGINS.values(), ids=LOGINS.keys())
def test_a_configured_server_is_asked_below_its_path_with_its_login(
    asked: tuple[str, list[tuple[str, str | None, Any]]],
    monkeypatch: pytest.MonkeyPatch,
    given: dict[str, str],
    sent: str | None,
) -> None:
    """As Prefect's own client does it; the login shows in no error and no representation."""
    url, seen = asked
    monkeypatch.setenv("PREFECT_API_URL", url)
    for name in ("PREFECT_API_KEY", "PREFECT_API_AUTH_STRING"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    server = configured()
    prefect_api.ensure_pool(server, "pincex-exchange")

    made = {"name": "pincex-exchange", "type": "process"}
    assert [(path, login) for path, login, _ in seen] == [
        ("/api/accounts/1/work_pools/filter", sent),
        ("/api/accounts/1/work_pools/", sent),
    ]
    assert seen[1][2] == made
    assert repr(server) == repr(Configured(url))


def test_a_login_that_no_header_can_hold_is_not_repeated(
    asked: tuple[str, list[tuple[str, str | None, Any]]],
) -> None:
    """Python's own error would print it whole."""
    with pytest.raises(PrefectLost, match="the login holds what no header may hold") as caught:
        prefect_api.ensure_pool(Configured(asked[0], "Bearer one\ntwo"), "pincex-exchange")

    assert caught.value.__cause__ is None
    assert asked[1] == []


@pytest.fixture
def access(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kubeconfig and its token as a kubelet lays them out: links to a folder that changes."""
    monkeypatch.setenv("PINCEX_HOME", str(tmp_path / "state"))
    content = {
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:9"}}],
        "users": [{"name": "u", "user": {"tokenFile": "token"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    place = tmp_path / "access"
    for name in ("..1", "..2"):
        (place / name).mkdir(parents=True)
        (place / name / "kubeconfig").write_text(yaml.safe_dump(content))
        (place / name / "token").write_text(f"token of {name}")
    (place / "..data").symlink_to("..1")
    for name in ("kubeconfig", "token"):
        (place / name).symlink_to(Path("..data") / name)
    return place


def test_a_namespace_is_reached_again_after_its_token_was_renewed(access: Path) -> None:
    """What is kept of the way is the name of the link, not the folder that it led to."""
    words = ["deploy", "v1", "--namespace", "exchange", "--gateway", "none"]
    here = deploying_site(parser().parse_args([*words, "--kubeconfig", str(access / "kubeconfig")]))
    here.begin()
    (access / "..data").unlink()
    (access / "..data").symlink_to("..2")
    (access / "..1" / "kubeconfig").unlink()

    (kept,) = (Path(one.way.kubeconfig) for one in kept_sites())

    assert kept == access / "kubeconfig"
    assert read_access(kept, None, None).bearer() == "token of ..2"


def test_where_nothing_was_deployed_nothing_is_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker comes before the first deploy; a name that nobody deployed is bad input."""
    monkeypatch.setenv("PINCEX_HOME", str(tmp_path))
    assert look(None) == Looked((), (), ())
    with pytest.raises(Refused, match="no exchange was deployed from here"):
        look("exchange")
