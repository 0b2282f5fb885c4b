"""`pincex status --watch` of a namespace on a real API server."""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from frozen import frozen
from kube_cluster import Cluster
from kube_release import POLICY, Shop

pytestmark = pytest.mark.kubernetes

PATIENCE = 90.0


@pytest.fixture
def shop(fake_cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """v1.0.0 of two components serves."""
    monkeypatch.setenv("PINCEX_HOME", str(tmp_path))
    with Shop(fake_cluster, tmp_path, single=True) as made:
        made.apply_gateway()
        code, report, said = made.command_deploy("v1.0.0")
        assert code == 0, (report, said)
        yield made


def test_the_step_of_a_rollout_is_seen_going_on_and_through_a_silent_api_server(
    shop: Shop,
) -> None:
    """Requests, errors and the reason of each component; an API server that stops is told."""
    long = POLICY.replace("percent = 80", "percent = 0.01").replace("line = 60", "line = 600")
    running = shop.begin("v2.0.0", long)
    watch = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", *shop.command("status", "--watch")],
        env=shop.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, bufsize=0,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    try:
        seen = until(watch, "errors: CONTINUE")
        with frozen(shop.cluster.plane.parts.alive()["kube-apiserver"]):
            silent = until(watch, "error: ")
        until(watch, ", not proven below 0.00 %")
        watch.send_signal(signal.SIGINT)
        assert watch.wait(30) == 0
    finally:
        watch.kill()
        watch.wait()
    code, report, said = shop.run("rollback")
    running.result(PATIENCE)

    assert "    at 50 %: " in seen
    assert "    v2.0.0: has its turn later" in seen
    assert f"  follow it: pincex resume shop --namespace {shop.namespace}" in seen
    assert "error: the API server " in silent
    assert (code, report["back"]["prices"]) == (0, "v1.0.0"), said


def until(process: "subprocess.Popen[bytes]", words: str) -> str:
    """What it wrote until these words came, and the rest of that block."""
    assert process.stdout is not None
    deadline, said = time.monotonic() + PATIENCE, ""
    while words not in said or not said.endswith("\n\n"):
        ready, _, _ = select.select([process.stdout], [], [], deadline - time.monotonic())
        assert ready, f"no {words!r} within {PATIENCE:g} s in {said!r}"
        said += os.read(process.stdout.fileno(), 65536).decode()
    return said
