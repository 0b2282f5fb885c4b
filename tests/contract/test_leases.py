"""One lock, kept by a file or by a cluster: what every site promises about its leases."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from cluster.errors import LockHeld, LostLock
from cluster.kubernetes.lock import Lock as ClusterLock
from cluster.lock import Leases, Lock, held, kept

# A Lease counts whole seconds.
SHORT = 1.0
HOLD = """
import sys, time
from pathlib import Path
kind, told, namespace = sys.argv[1:]
if kind == "file":
    from cluster.lock import Lock
    lock = Lock(Path(told))
else:
    from cluster.kubernetes.api import Api
    from cluster.kubernetes.kubeconfig import read_access
    from cluster.kubernetes.lock import Lock
    lock = Lock(Api(read_access(Path(told), None, namespace)))
lock.acquire("price", "eu", "flow-1", 600)
print("held", flush=True)
time.sleep(600)
"""


@dataclass
class Kept:
    """A place for leases: `open` gives one more client of it, `argv` tells a process of it."""

    open: Callable[[], Leases]
    argv: tuple[str, ...]


@pytest.fixture(
    params=["file", pytest.param("cluster", marks=pytest.mark.kubernetes)],
)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Kept:
    """Where leases are kept; nobody holds any."""
    if request.param == "file":
        path = tmp_path / "ledger.sqlite"
        return Kept(lambda: Lock(path), ("file", str(path), ""))
    cluster = request.getfixturevalue("bare_cluster")
    namespace = cluster.namespace()
    told = ("cluster", str(cluster.plane.kubeconfig), namespace)
    return Kept(lambda: ClusterLock(cluster.api(namespace)), told)


@pytest.fixture
def lock(place: Kept) -> Leases:
    """A client of the place."""
    return place.open()


def test_a_second_acquire_names_the_holder(place: Kept, lock: Leases) -> None:
    """From another client, too: who, since when and until when; the holder keeps its lease."""
    lease = lock.acquire("price", "eu", "deploy by ann", 60)

    with pytest.raises(LockHeld, match=r"deploy by ann \(process \d+\) since .* until") as raised:
        place.open().acquire("price", "eu", "deploy by bob", 60)

    assert "pincex resume price" in raised.value.hint
    lease.check()
    holding = place.open().holder("price", "eu")
    assert holding is not None
    assert (holding.component, holding.region, holding.holder) == ("price", "eu", "deploy by ann")
    assert holding.token == lease.token
    assert 58 < (holding.until - holding.since).total_seconds() <= 60


@pytest.mark.parametrize(("component", "region"), [("risk", "eu"), ("price", "us")])
def test_other_components_and_regions_are_free(lock: Leases, component: str, region: str) -> None:
    """A lock is held per component and region."""
    lock.acquire("price", "eu", "ann", 60)

    lock.acquire(component, region, "bob", 60).check()


def test_a_released_lock_is_free_and_its_lease_lost(lock: Leases) -> None:
    """After `release` somebody else may hold it; the former lease may write nothing."""
    lease = lock.acquire("price", "eu", "ann", 60)

    lease.release()

    assert lock.holder("price", "eu") is None
    with pytest.raises(LostLock, match="given back by ann"):
        lease.check()
    lock.acquire("price", "eu", "bob", 60).check()


def test_releasing_a_lost_lease_leaves_the_new_holder_alone(lock: Leases) -> None:
    """Only the own lease is ever given back."""
    lost = lock.acquire("price", "eu", "ann", 60)
    taken = lock.preempt("price", "eu", "bob", 60)

    lost.release()

    taken.check()


def test_a_lease_that_ran_out_is_free_and_its_holder_fenced(place: Kept, lock: Leases) -> None:
    """A living holder that stopped renewing loses the lock when its time is over."""
    lease = lock.acquire("price", "eu", "ann", SHORT)
    time.sleep(SHORT + 0.2)

    assert lock.holder("price", "eu") is None
    place.open().acquire("price", "eu", "bob", 60)
    for act in (lease.check, lease.renew):
        with pytest.raises(LostLock, match=r"from ann by bob"):
            act()


def test_preempting_fences_off_the_former_holder(lock: Leases) -> None:
    """An undo takes the lock at once; check and renew of the former holder fail from then on."""
    former = lock.acquire("price", "eu", "promote by ann", 60)

    lease = lock.preempt("price", "eu", "rollback by bob", 60)

    lease.check()
    for act in (former.check, former.renew):
        with pytest.raises(LostLock, match="rollback by bob"):
            act()


def test_tokens_only_grow(lock: Leases) -> None:
    """Through release and preemption no token is ever given out twice."""
    tokens = []
    for _ in range(3):
        tokens.append(lock.preempt("price", "eu", "ann", 60).token)
        lease = lock.preempt("price", "eu", "bob", 60)
        tokens.append(lease.token)
        lease.release()
        lease = lock.acquire("price", "eu", "cat", 60)
        tokens.append(lease.token)

    assert tokens == sorted(set(tokens))


def test_the_lease_of_a_killed_process_is_void_at_once(place: Kept, lock: Leases) -> None:
    """Nobody waits ten minutes for a process of this host that was killed."""
    holder = subprocess.Popen([sys.executable, "-c", HOLD, *place.argv], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(LockHeld, match="flow-1"):
        lock.acquire("price", "eu", "ann", 60)

    holder.kill()
    holder.wait()
    holder.stdout.close()

    assert lock.holder("price", "eu") is None
    lock.acquire("price", "eu", "ann", 60)


def test_held_renews_in_the_background(lock: Leases) -> None:
    """A block of three lease times never loses the lock, and gives it back at its end."""
    with held(lock, "price", "eu", "ann", SHORT) as lease:
        for _ in range(10):
            time.sleep(0.3)
            assert lock.holder("price", "eu") is not None
        lease.check()

    assert lock.holder("price", "eu") is None


def test_a_lock_that_was_taken_is_noticed_and_not_freed(place: Kept, lock: Leases) -> None:
    """The renewal ends quietly; the block finds out where it checks."""
    lease = lock.acquire("price", "eu", "ann", SHORT)
    with kept(lease):
        taken = place.open().preempt("price", "eu", "bob", 60)
        time.sleep(SHORT / 2)
        with pytest.raises(LostLock, match="by bob"):
            lease.check()

    taken.check()


def test_of_many_at_once_exactly_one_wins(place: Kept) -> None:
    """Clients that race for a lock that nobody has made yet: one holder, the others are told."""
    start, won, told = threading.Barrier(6), [], []

    def race(number: int) -> None:
        mine = place.open()
        start.wait()
        try:
            won.append(mine.acquire("price", "eu", f"racer {number}", 60))
        except LockHeld as error:
            told.append(str(error))

    racers = [threading.Thread(target=race, args=(number,)) for number in range(6)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()

    assert len(won) == 1
    assert len(told) == 5
    won[0].check()
