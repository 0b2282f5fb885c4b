"""A directory that is thrown away with every process in it, also where its maker was killed."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from cluster.files import try_lock, writing
from cluster.local.spawn import HOME_VARIABLE
from flows.rehearsal.disk import small_disk, unmount

PREFIX, LOCK = "pincex-rehearsal-", "rehearsal.lock"
MEGABYTES = 256
"""Of a small disk; a site with a dozen rollouts takes some 50."""
PATIENCE = 10.0


@dataclass
class Throwaway:
    """A directory `site` below `path`, which is removed at the end unless it shall be kept."""

    path: Path
    kept: bool = False

    @property
    def site(self) -> Path:
        return self.path / "site"

    def keep(self) -> None:
        """Leave the files for whoever looks into them; no process stays."""
        self.kept = True


@contextmanager
def throwaway(on_small_disk: bool) -> Iterator[Throwaway]:
    """A fresh one below the directory for temporary files, on a disk of its own where asked.

    Whoever makes it holds its lock, which the kernel frees when he dies: `sweep` knows by it what
    was left. It gets its name, by which `sweep` looks, once the lock is held.
    """
    with writing(temporary()):
        draft = Path(tempfile.mkdtemp(prefix=f".{PREFIX}", dir=temporary()))
    lock = os.open(draft / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try_lock(lock)
    place = Throwaway(draft.rename(draft.with_name(draft.name[1:])))
    place.site.mkdir()
    try:
        with ExitStack() as disk:
            if on_small_disk:
                disk.enter_context(small_disk(place.site, MEGABYTES))
            try:
                yield place
            finally:
                end_below(place.path)
                if place.kept and on_small_disk:
                    shutil.copytree(place.site, place.path / "copy", symlinks=True)
    finally:
        _discard(place)
        os.close(lock)


def temporary() -> Path:
    """The directory for temporary files, `$TMPDIR` first; NotWritable where there is none."""
    with writing(Path(os.environ.get("TMPDIR", os.sep))):
        return Path(os.path.realpath(tempfile.gettempdir()))


def sweep() -> list[Path]:
    """End and remove what rehearsals left that were killed; those that still run are left alone."""
    left = []
    for path in sorted(temporary().glob(f"{PREFIX}*")):
        if path.is_symlink() or path.lstat().st_uid != os.getuid() or not (path / LOCK).is_file():
            continue
        lock = os.open(path / LOCK, os.O_RDWR)
        try:
            if try_lock(lock):
                _throw_away(path)
                left.append(path)
        finally:
            os.close(lock)
    return left


def end_below(path: Path) -> list[int]:
    """SIGKILL every process whose home lies below `path`, until there is none; their pids.

    They carry their home in the environment: commands and processes of a site, and all they start.
    """
    ended: list[int] = []
    deadline = time.monotonic() + PATIENCE
    while (found := _below(path)) and time.monotonic() < deadline:
        for process in found:
            process.kill()
            ended.append(process.pid)
        psutil.wait_procs(found, timeout=1.0)
    return ended


def _below(path: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            home = process.environ().get(HOME_VARIABLE, "")
            dead = process.status() == psutil.STATUS_ZOMBIE
        except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
            # Gone meanwhile, or another user's and so not ours.
            continue
        if home.startswith(f"{path}/") and not dead and process.pid != os.getpid():
            found.append(process)
    return found


def _throw_away(path: Path) -> None:
    end_below(path)
    place = Throwaway(path)
    if place.site.is_mount():
        unmount(place.site)
    _discard(place)


def _discard(place: Throwaway) -> None:
    """Remove it; or, where it is kept, only the lock, so that no later rehearsal sweeps it."""
    if not place.kept:
        shutil.rmtree(place.path)
        return
    copy = place.path / "copy"
    if copy.exists():
        place.site.rmdir()
        copy.rename(place.site)
    (place.path / LOCK).unlink()
