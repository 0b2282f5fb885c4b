"""The fence of the ledger: who lost the lock adds no row, however close the race."""

import multiprocessing
import os
import time
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from cluster.errors import LostLock
from cluster.ledger import Ledger
from cluster.lock import Lock

WRITERS, TAKE_OVERS, ROWS = 4, 15, 4
PATIENCE = 30.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file of lock and ledger."""
    return tmp_path / "ledger.sqlite"


def append(ledger: Ledger, component: str = "price", token: int = 0) -> None:
    """A row about a component."""
    ledger.append("noted", component=component, region="local", actor="ann", data={"token": token})


def test_the_holder_adds_rows(path: Path) -> None:
    """Also when its time ran out and nobody took the lock."""
    lease = Lock(path).acquire("price", "local", "ann", 0.0)

    append(Ledger(path, lease))

    assert len(Ledger(path).rows()) == 1


@pytest.mark.parametrize("taken", [True, False], ids=["taken over", "given back"])
def test_who_lost_the_lock_adds_nothing(path: Path, taken: bool) -> None:
    """The error names who took it."""
    lock = Lock(path)
    lease = lock.acquire("price", "local", "promote-model by ann", 60)
    ledger = Ledger(path, lease)
    if taken:
        lock.preempt("price", "local", "rollback-model by bob", 60)
    else:
        lease.release()

    with pytest.raises(LostLock, match="rollback-model by bob" if taken else "given back"):
        append(ledger)

    assert Ledger(path).rows() == []


def test_a_fence_stands_around_its_own_component_only(path: Path) -> None:
    """What is written about others is no business of this lock."""
    lock = Lock(path)
    ledger = Ledger(path, lock.acquire("price", "local", "ann", 60))
    lock.preempt("price", "local", "bob", 60)

    append(ledger, component="risk")

    assert [row.component for row in Ledger(path).rows()] == ["risk"]


def take_over_and_write(path: Path, start: Event, lost: Event) -> None:
    """Take the lock by force again and again, and write a few rows under it unless it is lost.

    On a busy machine they may come one after the other: they go on until somebody lost it.
    """
    lock, deadline = Lock(path), time.monotonic() + PATIENCE
    start.wait()
    rounds = 0
    while rounds < TAKE_OVERS or not (lost.is_set() or time.monotonic() > deadline):
        rounds += 1
        lease = lock.preempt("price", "local", f"process {os.getpid()}", 60)
        ledger = Ledger(path, lease)
        try:
            for _ in range(ROWS):
                append(ledger, token=lease.token)
        except LostLock:
            lost.set()
        ledger.close()


def test_rows_of_processes_that_fight_for_the_lock_never_mix(path: Path) -> None:
    """Every row is of the newest holder of its moment: the tokens of the rows only grow."""
    context = multiprocessing.get_context("fork")
    start, lost = context.Event(), context.Event()
    told = (path, start, lost)
    writers = [context.Process(target=take_over_and_write, args=told) for _ in range(WRITERS)]
    for writer in writers:
        writer.start()
    start.set()
    for writer in writers:
        writer.join(60)

    assert [writer.exitcode for writer in writers] == [0] * WRITERS
    ledger = Ledger(path)
    tokens = [int(str(row.data["token"])) for row in ledger.rows()]
    assert tokens == sorted(tokens)
    assert len(tokens) > TAKE_OVERS
    assert lost.is_set(), "nobody ever lost the lock"
    ledger.verify()
