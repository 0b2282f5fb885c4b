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

from benchmarks.small_site import SmallSite
from cluster.local.processes import running

LOCKED, SLOW = 10.0, 10.0
BACK = -3600.0
Fault = Callable[[SmallSite], AbstractContextManager[None]]


@contextmanager
def full_disk(here: SmallSite) -> Iterator[None]:
    """Nothing more fits on the site's file system, which must be a small one."""
    ballast = here.home.path / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1_000_000, 4096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
    try:
        yield
    finally:
        ballast.unlink()


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


def can_mount(directory: Path) -> bool:
    """Whether this user may mount anything."""
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(directory)], capture_output=True
    )
    if made.returncode == 0:
        subprocess.run(["umount", str(directory)], check=True)
    return made.returncode == 0


@contextmanager
def small_disk(directory: Path, megabytes: int) -> Iterator[None]:
    """A file system of so many megabytes in `directory`, in memory."""
    _mount("-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(directory))
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


def _mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True)


FAULTS: dict[str, Fault] = {
    "the ledger is locked for 10 s": ledger_locked,
    "MLflow answers after 10 s": asleep("mlflow"),
    "Prefect answers after 10 s": asleep("prefect"),
    "the clock is set back by an hour": clock_back,
    "the disk is full": full_disk,
    "the state directory is read-only": read_only,
}
