"""What can be wrong around a rollout: each a block over which it is so, and ends again."""

import os
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from cluster.local.processes import running
from flows.rehearsal.disk import full_disk
from flows.rehearsal.small_site import SmallSite

LOCKED, SLOW = 10.0, 10.0
BACK = -3600.0
Fault = Callable[[SmallSite], AbstractContextManager[None]]


@contextmanager
def read_only(here: SmallSite) -> Iterator[None]:
    """The state directory cannot be written to; files that are open stay open."""
    path = str(here.home.path)
    _mount("--bind", path, path)
    try:
        _mount("-o", "remount,ro,bind", path)
        yield
    finally:
        subprocess.run(["umount", path], check=True)


@contextmanager
def ledger_locked(here: SmallSite) -> Iterator[None]:
    """Somebody else is writing in the ledger's file for ten seconds."""
    begun = threading.Event()

    def hold() -> None:
        connection = sqlite3.connect(here.home.ledger, isolation_level=None, timeout=LOCKED)
        connection.execute("BEGIN EXCLUSIVE")
        begun.set()
        time.sleep(LOCKED)
        connection.execute("ROLLBACK")
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    begun.wait()
    try:
        yield
    finally:
        holder.join()


def asleep(role: str) -> Fault:
    """A server that takes calls and answers them ten seconds later."""

    @contextmanager
    def stopped(here: SmallSite) -> Iterator[None]:
        process = running(here.home, role)
        assert process is not None
        assert process.pid is not None
        os.kill(process.pid, signal.SIGSTOP)
        woken = threading.Timer(SLOW, os.kill, (process.pid, signal.SIGCONT))
        woken.start()
        try:
            yield
        finally:
            woken.join()

    return stopped


@contextmanager
def clock_back(here: SmallSite) -> Iterator[None]:
    """The clock of every process of the site is set back by an hour, and put right again."""
    clock = Path(os.environ["PINCEX_CLOCK"])
    clock.write_text(str(BACK))
    try:
        yield
    finally:
        clock.write_text("0")


def _mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True)


FAULTS: dict[str, Fault] = {
    "the ledger is locked for 10 s": ledger_locked,
    "MLflow answers after 10 s": asleep("mlflow"),
    "Prefect answers after 10 s": asleep("prefect"),
    "the clock is set back by an hour": clock_back,
    "the disk is full": lambda here: full_disk(here.home.path),
    "the state directory is read-only": read_only,
}
