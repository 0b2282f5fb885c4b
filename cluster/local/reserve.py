"""Room kept back on the disk, so that an undo can still be written once the disk is full."""

from cluster.files import writing
from cluster.local.home import Home

BYTES = 1_000_000
"""A rollback writes some 60 kB: routes, ledger rows, specs."""


def set_aside(home: Home) -> None:
    """Keep the room; NotWritable where there is none left to keep."""
    file = home.path / "reserve"
    with writing(file):
        if file.exists() and file.stat().st_size == BYTES:
            return
        # Bytes that are written, because a file of nothing but a length occupies no room.
        file.write_bytes(b"\xff" * BYTES)


def give_up(home: Home) -> bool:
    """Make the room free for whoever writes next; False where there was none to give."""
    try:
        (home.path / "reserve").unlink()
    except OSError:
        return False
    return True
