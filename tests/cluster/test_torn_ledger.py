"""A ledger whose log was cut where the power went: whole rows are left, or it says so."""

import contextlib
import shutil
import sqlite3
from pathlib import Path

import pytest

from cluster.errors import ClusterError
from cluster.ledger import Ledger
from cluster.lock import Lock

ROWS = 12
CUTS = [index / 20 for index in range(21)]


@pytest.fixture(scope="module")
def torn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger and its log, copied while a process has it open, as a power cut leaves them."""
    live, copy = tmp_path_factory.mktemp("live"), tmp_path_factory.mktemp("torn")
    ledger = Ledger(live / "ledger.sqlite")
    # Some rows are in the file itself, the rest only in the log.
    for number in range(ROWS):
        ledger.append("noted", component="price", region="local", actor="ann", data={"n": number})
        if number == ROWS // 3:
            with sqlite3.connect(live / "ledger.sqlite") as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.close()
    for name in ("ledger.sqlite", "ledger.sqlite-wal"):
        shutil.copyfile(live / name, copy / name)
    ledger.close()
    return copy


@pytest.mark.parametrize("share", CUTS, ids=[f"{share:.0%}" for share in CUTS])
def test_a_cut_log_leaves_whole_rows(torn: Path, tmp_path: Path, share: float) -> None:
    """The chain of what is left holds, begins where it did, and can be written on."""
    path = _cut(torn, tmp_path, share)

    ledger = Ledger(path)
    ledger.verify()
    left = [row.data["n"] for row in ledger.rows()]
    ledger.append("noted", component="price", region="local", actor="ann", data={"n": "next"})
    ledger.verify()

    assert left == list(range(len(left)))
    assert len(left) >= ROWS // 3 + 1
    assert share < 1 or len(left) == ROWS


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0], ids=["no log", "half", "whole"])
def test_nobody_holds_a_lock_of_before_the_cut(torn: Path, tmp_path: Path, share: float) -> None:
    """A lease can be taken whatever is left of the log."""
    lock = Lock(_cut(torn, tmp_path, share))

    assert lock.acquire("price", "local", "ann", ttl=10.0).token == 1


@pytest.mark.parametrize("share", CUTS[:-1], ids=[f"{share:.0%}" for share in CUTS[:-1]])
def test_a_cut_file_is_never_taken_for_a_shorter_history(
    torn: Path, tmp_path: Path, share: float
) -> None:
    """Where the file itself is cut, and its log with it, opening or verifying it says so."""
    path = _cut(torn, tmp_path, 0.0)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    if share == 0.0:
        # An empty file is what a new ledger is; only a backup, or evidence, knows of more.
        assert Ledger(path).rows() == []
        return

    with contextlib.suppress(ClusterError):
        ledger = Ledger(path)
        ledger.verify()
        # The pages that are gone held no row.
        assert [row.data["n"] for row in ledger.rows()] == list(range(ROWS // 3 + 1))


def _cut(torn: Path, to: Path, share: float) -> Path:
    """A copy whose log ends after this share of it."""
    shutil.copyfile(torn / "ledger.sqlite", to / "ledger.sqlite")
    log = (torn / "ledger.sqlite-wal").read_bytes()
    (to / "ledger.sqlite-wal").write_bytes(log[: int(share * len(log))])
    return to / "ledger.sqlite"
