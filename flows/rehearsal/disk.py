"""A small disk in memory, and a disk on which nothing more fits."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.rehearsal.small_site import NotSo, require


def can_mount(directory: Path) -> bool:
    """Whether this user may mount anything."""
    try:
        with small_disk(directory, 1):
            return True
    except NotSo:
        return False


@contextmanager
def small_disk(directory: Path, megabytes: int) -> Iterator[None]:
    """A file system of so many megabytes in `directory`, in memory; NotSo where it may not be."""
    words = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(directory)]
    made = subprocess.run(words, capture_output=True, text=True, check=False)
    require(made.returncode == 0, f"no disk can be mounted: {made.stderr.strip()}")
    try:
        yield
    finally:
        unmount(directory)


def unmount(directory: Path) -> None:
    """Take it away, used or not."""
    subprocess.run(["umount", "--lazy", str(directory)], check=True)


@contextmanager
def full_disk(directory: Path) -> Iterator[None]:
    """Nothing more fits on the file system of `directory`, which must be a small one."""
    ballast = directory / "ballast"
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
