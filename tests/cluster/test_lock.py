"""The lock: one holder per component and region, however its process ends."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from local_parts import eventually

from cluster.errors import LockHeld, LostLock
from cluster.lock import Lock, held, kept

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


def test_a_second_acquire_names_the_holder(lock: Lock) -> None:
    """The error says who, since when and until when; the holder keeps its lease."""
    lease = lock.acquire("price", "local", "deploy-model by ann", 60)

    with pytest.raises(LockHeld, match=r"deploy-model by ann \(process \d+\) since .* until") as e:
        lock.acquire("price", "local", "promote-model by bob", 60)

    assert "pincex" in e.value.hint
    lease.check()
    holding = lock.holder("price", "local")
    assert holding is not None
    assert (holding.holder, holding.pid) == ("deploy-model by ann", os.getpid())


@pytest.mark.parametrize(("component", "region"), [("risk", "local"), ("price", "eu")])
def test_other_components_and_regions_are_free(lock: Lock, component: str, region: str) -> None:
    """A lock is held per component and region."""
    lock.acquire("price", "local", "ann", 60)

    lock.acquire(component, region, "bob", 60).check()


def test_a_released_lock_is_free_and_its_lease_lost(lock: Lock) -> None:
    """After `release` somebody else may hold it; the former lease may write nothing."""
    lease = lock.acquire("price", "local", "ann", 60)

    lease.release()

    assert lock.holder("price", "local") is None
    with pytest.raises(LostLock, match="given back"):
        lease.check()
    lock.acquire("price", "local", "bob", 60)


def test_releasing_a_lost_lease_leaves_the_new_holder_alone(lock: Lock) -> None:
    """Only the own lease is ever given back."""
    lost = lock.acquire("price", "local", "ann", 60)
    taken = lock.preempt("price", "local", "bob", 60)

    lost.release()

    taken.check()


def test_a_lease_that_ran_out_is_free(lock: Lock) -> None:
    """A living holder that stopped renewing loses the lock when its time is over."""
    lease = lock.acquire("price", "local", "ann", 0.05)
    time.sleep(0.1)

    assert lock.holder("price", "local") is None
    lock.acquire("price", "local", "bob", 60)
    with pytest.raises(LostLock, match=r"by bob"):
        lease.renew()


def test_preempting_fences_off_the_former_holder(lock: Lock) -> None:
    """`rollback` takes the lock at once; check and renew of the former holder fail from then on."""
    former = lock.acquire("price", "local", "promote by ann", 60)

    lease = lock.preempt("price", "local", "rollback by bob", 60)

    lease.check()
    for act in (former.check, former.renew):
        with pytest.raises(LostLock, match="rollback by bob"):
            act()


def test_tokens_only_grow(lock: Lock) -> None:
    """Through release, expiry and preemption no token is ever given out twice."""
    tokens = []
    for ttl in (60, 0.0, 60):
        lease = lock.acquire("price", "local", "ann", ttl)
        tokens.append(lease.token)
        tokens.append(lock.preempt("price", "local", "bob", 60).token)
        lock.preempt("price", "local", "bob", 60).release()

    assert tokens == sorted(set(tokens))


def test_the_lease_of_a_killed_process_is_void_at_once(lock: Lock, path: Path) -> None:
    """Nobody waits ten minutes for a process that was killed."""
    holder = subprocess.Popen([sys.executable, "-c", HOLD, path], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(LockHeld, match="flow-1"):
        lock.acquire("price", "local", "ann", 60)

    holder.send_signal(signal.SIGKILL)

    # Not waited for: a zombie is in the system's list, yet dead.
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


def test_held_renews_in_the_background(lock: Lock) -> None:
    """A block of three lease times never loses the lock, and gives it back at its end."""
    with held(lock, "price", "local", "ann", 0.4) as lease:
        for _ in range(12):
            time.sleep(0.1)
            assert lock.holder("price", "local") is not None
        lease.check()

    assert lock.holder("price", "local") is None


def test_held_notices_that_the_lock_was_taken(lock: Lock) -> None:
    """The renewal ends quietly; the block finds out where it checks, and does not free it."""
    with held(lock, "price", "local", "ann", 0.2) as lease:
        taken = lock.preempt("price", "local", "bob", 60)
        time.sleep(0.2)
        with pytest.raises(LostLock, match="bob"):
            lease.check()

    taken.check()


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
