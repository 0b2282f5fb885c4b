"""What a real node leaves on its machine: shims with their pods, mounts, processes, addresses."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil

SHIM = "containerd-shim-runc-v2"
# Where the CNI plugin host-local and libcni write, whatever the folder of the node is.
CNI = Path("/var/lib/cni")


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


def groups() -> list[Path]:
    """The control groups of pods, one of each controller."""
    return list(Path("/sys/fs/cgroup").glob("*/kubepods"))


def remove_groups() -> None:
    """The empty control groups of the pods, the deepest first."""
    for root in groups():
        for path in sorted((p for p in root.rglob("*") if p.is_dir()), reverse=True):
            with contextlib.suppress(OSError):
                path.rmdir()
        with contextlib.suppress(OSError):
            root.rmdir()


def taken(network: str) -> Path:
    """Where the addresses that pods of a network hold are written, a file for each."""
    return CNI / "networks" / network


def addresses_of(network: str, directory: Path) -> list[Path]:
    """What is written of a network's addresses, and of each pod whose node lives in `directory`."""
    folder = [taken(network)] if taken(network).exists() else []
    given = [path for path in CNI.glob("results/*") if f"{directory}/" in path.read_text()]
    return [*folder, *given]


def forget_addresses(network: str, directory: Path) -> None:
    """Give back all addresses of a network whose pods are gone."""
    for path in addresses_of(network, directory):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
