"""What a real node leaves on its machine: shims with their pods, mounts, processes."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import psutil

SHIM = "containerd-shim-runc-v2"


def shims(socket: str) -> Iterator[psutil.Process]:
    """The shims that report to the containerd on `socket`, alive whatever became of it."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            argv = process.cmdline()
            if argv and Path(argv[0]).name == SHIM and socket in argv:
                yield process


def end_shims(socket: str, patience: float = 10.0) -> None:
    """End the shims of one containerd, after whatever still runs in their pods."""
    for shim in list(shims(socket)):
        with contextlib.suppress(psutil.NoSuchProcess):
            ending = [*shim.children(recursive=True), shim]
            for process in ending:
                process.kill()
            psutil.wait_procs(ending, timeout=patience)


def processes_of(directory: Path) -> list[str]:
    """The processes that name a folder in their command line or environment."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            told = [*process.cmdline(), *process.environ().values()]
            if any(str(directory) in word for word in told):
                found.append(f"{process.pid} {' '.join(process.cmdline())[:150]}")
    return found


def mounts_below(directory: Path) -> list[str]:
    """Mount points below a folder, the deepest first."""
    with open("/proc/self/mountinfo") as told:
        points = [line.split()[4] for line in told]
    return sorted((point for point in points if point.startswith(f"{directory}/")), reverse=True)
