"""The cluster of the tests itself: real, frozen, killed, ended, and nothing left behind."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from frozen import frozen
from kube_cluster import Cluster, or_skipped
from kube_plane import ORDER, Plane, Setting

from cluster.errors import Unavailable
from cluster.identity import start_mark
from cluster.kubernetes.lock import Lock
from cluster.lock import held

pytestmark = pytest.mark.kubernetes


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    """A control plane of its own, to be frozen and killed."""
    made = Plane(tmp_path_factory.mktemp("plane"), Setting(bound=True))
    with or_skipped():
        made.up()
    yield made
    made.down()


def test_a_server_that_is_frozen_costs_a_bounded_time(plane: Plane) -> None:
    """SIGSTOP amid a lease: the error comes within the timeout, and the lease goes on after it."""
    lock = Lock(Cluster(plane).api("default"))
    with held(lock, "price", "eu", "ann", 60) as lease:
        with frozen(plane.parts.alive()["kube-apiserver"]):
            begun = time.monotonic()
            with pytest.raises(Unavailable, match="did not answer in 5 s"):
                lease.check()
            assert time.monotonic() - begun < 8

        lease.check()


def test_a_server_that_was_killed_and_started_again_has_lost_nothing(plane: Plane) -> None:
    """The lease is in etcd: whoever held it still does, with the same token."""
    lock = Lock(Cluster(plane).api("default"))
    lease = lock.acquire("risk", "eu", "ann", 600)
    plane.parts.stop("kube-apiserver", grace=0)

    with pytest.raises(Unavailable, match="cannot be reached"):
        lease.check()
    plane.start_again("kube-apiserver")

    lease.check()
    assert lock.preempt("risk", "eu", "bob", 60).token > lease.token


def test_the_audit_log_says_who_asked_what(plane: Plane) -> None:
    """Rights can be read from it: user, verb, resource, namespace."""
    Lock(Cluster(plane).api("default")).holder("price", "eu")

    lines = [json.loads(line) for line in plane.audit_log.read_text().splitlines()]
    asked = {
        (line["user"]["username"], line["verb"], line["objectRef"]["resource"])
        for line in lines
        if "objectRef" in line
    }
    assert ("admin", "get", "leases") in asked


def test_up_again_starts_what_is_missing_only(plane: Plane) -> None:
    """What runs is found by pid and start; a part that died is started."""
    # The controllers end themselves when they lose the API server, as it was lost above.
    plane.up()
    before = plane.parts.alive()
    plane.parts.stop("kube-scheduler")

    plane.up()

    after = plane.parts.alive()
    assert set(after) == set(ORDER)
    assert {role for role in ORDER if after[role] != before[role]} == {"kube-scheduler"}


def test_a_command_can_bring_it_up_and_another_end_it(tmp_path: Path) -> None:
    """`make cluster` leaves it running; `make cluster-down` leaves no process and no file."""
    script = str(Path(__file__).with_name("kube_command.py"))
    own = ["--directory", str(tmp_path / "own")]

    up = subprocess.run([sys.executable, script, "up", *own], capture_output=True, timeout=240)
    assert up.returncode == 0, up.stderr.decode()
    assert b"with 3 fake nodes, up after" in up.stdout
    told = json.loads((tmp_path / "own" / "processes.json").read_text())
    assert all(start_mark(pid) == mark for pid, mark in told.values())

    down = subprocess.run([sys.executable, script, "down", *own], capture_output=True, timeout=90)
    assert down.returncode == 0, down.stderr.decode()
    assert b"ended 5 processes" in down.stdout
    assert [pid for pid, mark in told.values() if start_mark(pid) == mark] == []
    assert not (tmp_path / "own").exists()
