"""The lock that is a file: whose process lives, and who wins (the rest is tests/contract)."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from local_parts import eventually

from cluster.errors import LockHeld
from cluster.lock import Lock, kept

HOLD = """
import sys, time
from pathlib import Path
from cluster.lock import Lock
Lock(Path(sys.argv[1])).acquire("price", "local", "flow-1", 600)
print("held", flush=True)
time.sleep(600)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file of a lock."""
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def lock(path: Path) -> Lock:
    """A lock that nobody holds."""
    return Lock(path)


def test_the_lease_of_a_zombie_is_void_at_once(lock: Lock, path: Path) -> None:
    """Also while its parent has not waited for it."""
    holder = subprocess.Popen([sys.executable, "-c", HOLD, path], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(LockHeld, match="flow-1"):
        lock.acquire("price", "local", "ann", 60)

    holder.send_signal(signal.SIGKILL)

    eventually(lambda: lock.holder("price", "local") is None, within=2)
    lock.acquire("price", "local", "ann", 60)
    holder.wait()
    holder.stdout.close()


def test_a_pid_used_again_is_another_process(lock: Lock, path: Path) -> None:
    """The same pid with another start mark does not keep a lease alive."""
    lock.acquire("price", "local", "ann", 60)
    with lock._database.writing() as connection:
        connection.execute("UPDATE leases SET mark = 'earlier'")

    assert lock.holder("price", "local") is None


def test_another_host_is_believed_until_its_time_is_over(lock: Lock) -> None:
    """A pid says nothing on another machine: there only the expiry counts."""
    lock.acquire("price", "local", "ann", 60)
    with lock._database.writing() as connection:
        connection.execute("UPDATE leases SET host = 'elsewhere', mark = 'unknown here'")

    assert lock.holder("price", "local") is not None


def test_a_preempted_lock_can_be_kept_too(lock: Lock) -> None:
    """`kept` renews any lease, also one that was taken by force."""
    with kept(lock.preempt("price", "local", "rollback", 0.2)):
        time.sleep(0.5)
        assert lock.holder("price", "local") is not None


def contend(path: Path, start: object, wins: object) -> None:
    """Try to take the lock when told; remember a win, and hold it until the test is over."""
    lock = Lock(path)
    start.wait()  # type: ignore[attr-defined]
    try:
        lock.acquire("price", "local", f"process {os.getpid()}", 60)
    except LockHeld:
        return
    wins.put(os.getpid())  # type: ignore[attr-defined]
    time.sleep(1)


@pytest.mark.parametrize(("rounds", "count"), [(20, 2), (1, 20)], ids=["20 pairs", "20 at once"])
def test_of_processes_at_once_exactly_one_wins(path: Path, rounds: int, count: int) -> None:
    """Processes that race for the lock of a file that none has made yet: one holder each time."""
    context = multiprocessing.get_context("fork")
    for number in range(rounds):
        start, wins = context.Event(), context.Queue()
        told = (path.with_name(f"{number}.sqlite"), start, wins)
        racers = [context.Process(target=contend, args=told) for _ in range(count)]
        for racer in racers:
            racer.start()
        start.set()
        winner = wins.get(timeout=20)
        for racer in racers:
            if racer.pid != winner:
                racer.join()
        assert wins.empty()
        for racer in racers:
            racer.kill()
            racer.join()
