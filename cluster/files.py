"""Files that other processes read: replaced whole or not at all, and read back."""

import contextlib
import errno
import fcntl
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

from cluster.errors import NotFound, NotWritable, StateDamaged, Unavailable

REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.ENOTDIR: "a part of the path is a file, not a directory",
    errno.EISDIR: "it is a directory",
    errno.EEXIST: "a file is in the place of a directory",
}


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals to write `path` into NotWritable."""
    try:
        yield
    except OSError as error:
        reason = REASONS.get(error.errno or 0, error.strerror or str(error))
        raise NotWritable(
            f"cannot write {path}: {reason}",
            hint=f"make room or permission there, then repeat the command: df -h {path.parent}",
        ) from error


def make_directory(path: Path) -> None:
    """Create `path` and its parents, readable by the owner only; an existing one is fine."""
    with writing(path):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)


def write_whole(path: Path, text: str, *, stage: Path) -> None:
    """Replace `path` in one step by way of a file in `stage` (same file system), durably.

    Raises NotWritable; then `path` is what it was before.
    """
    with writing(path):
        data = text.encode()
        draft = stage / f".{path.name}.{os.getpid()}.{time.monotonic_ns()}"
        try:
            _write_durably(draft, data)
            os.replace(draft, path)
        finally:
            draft.unlink(missing_ok=True)
        _sync_directory(path.parent)
        if path.read_bytes() != data:
            raise OSError(errno.EIO, "what was written does not read back")


def _write_durably(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_object(path: Path, *, remedy: str) -> dict[str, object]:
    """The JSON object in `path`; NotFound without the file, StateDamaged when it is cut or wrong.

    `remedy` is the hint for a damaged file: what to do with it, as a person would.
    """
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise NotFound(f"{path} does not exist") from None
    except (ValueError, RecursionError, OSError) as error:
        raise StateDamaged(f"{path} cannot be read: {error}", hint=remedy) from error
    if not isinstance(content, dict):
        raise StateDamaged(f"{path} holds no JSON object", hint=remedy)
    return content


@contextlib.contextmanager
def exclusive(path: Path, *, patience: float) -> Iterator[None]:
    """Hold the file lock of `path`; Unavailable after `patience` seconds, naming the holder.

    The kernel frees it when the holder dies, however it dies.
    """
    with writing(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _wait_for_lock(descriptor, path, patience)
        with writing(path):
            os.truncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _wait_for_lock(descriptor: int, path: Path, patience: float) -> None:
    deadline = time.monotonic() + patience
    while not try_lock(descriptor):
        if time.monotonic() > deadline:
            holder = os.pread(descriptor, 20, 0).decode(errors="replace") or "unknown"
            raise Unavailable(
                f"{path} has been locked by process {holder} for over {patience:g} s",
                hint=f"see what it does: ps -fp {holder}",
            )
        time.sleep(0.005)


def try_lock(descriptor: int) -> bool:
    """Take the lock of an open file if nobody has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
