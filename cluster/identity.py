"""Which process a pid means: pids are used again, a start mark is not."""

import functools
import socket
from pathlib import Path

PROC = Path("/proc")


def start_mark(pid: int) -> str | None:
    """What tells this process from a later one with the same pid; None once it is dead.

    A zombie is dead. On Linux the mark is boot id and start in clock ticks since boot: unlike a
    start time in seconds it does not move when the clock is set.
    """
    if not (PROC / "self" / "stat").exists():
        return _portable_mark(pid)
    try:
        stat = (PROC / str(pid) / "stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field is the program's name in parentheses and may itself hold blanks and ')'.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else f"{_boot_id()}:{fields[19]}"


def host_name() -> str:
    """The name of this machine, beside which a pid means something."""
    return socket.gethostname()


@functools.cache
def _boot_id() -> str:
    return (PROC / "sys/kernel/random/boot_id").read_text().strip()[:8]


def _portable_mark(pid: int) -> str | None:
    import psutil  # only where /proc is missing: its import costs more than `status` may

    try:
        process = psutil.Process(pid)
        dead = process.status() == psutil.STATUS_ZOMBIE
        return None if dead else f"{process.create_time():.2f}"
    except psutil.NoSuchProcess:
        return None
