"""A process stopped where it stands, for tests of what does not answer."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 10.0


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """Not one thread of the process runs in the block: SIGSTOP alone takes a while to do it."""
    os.kill(pid, signal.SIGSTOP)
    try:
        deadline = time.monotonic() + PATIENCE
        while not all(_stopped(task) for task in Path(f"/proc/{pid}/task").iterdir()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"process {pid} still runs {PATIENCE:g} s after SIGSTOP")
            time.sleep(0.01)
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _stopped(task: Path) -> bool:
    # proc_pid_stat(5): the state follows the name, which may hold anything, in parentheses.
    return (task / "stat").read_text().rpartition(")")[2].split()[0] == "T"
