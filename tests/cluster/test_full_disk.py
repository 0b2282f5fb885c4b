"""A full disk: what cannot be written says so, and the room kept back is enough for an undo."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.errors import NotWritable
from cluster.files import write_whole
from cluster.ledger import Ledger
from cluster.local.home import Home
from cluster.local.reserve import BYTES, give_up, set_aside
from cluster.lock import Lock
from cluster.outbox import Outbox


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A site's directory on a file system of 4 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)], capture_output=True
    )
    if made.returncode != 0:
        pytest.skip("this user may not mount a small disk")
    try:
        home = Home(place / "home")
        home.create()
        yield home
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(home: Home) -> None:
    """Leave not a byte."""
    with (home.path / "ballast").open("wb", buffering=0) as file:
        for size in (100_000, 4096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue


def append(ledger: Ledger, count: int) -> None:
    """Rows as large as those that open a rollout."""
    for _ in range(count):
        ledger.append(
            "noted", component="price", region="local", actor="ann", data={"policy": "x" * 4000}
        )


def take(lock: Lock, count: int) -> None:
    """Locks of so many regions."""
    for number in range(count):
        lock.preempt("price", f"region-{number}", "ann", ttl=10.0)


def test_what_cannot_be_written_is_not_half_written(home: Home) -> None:
    """Ledger, lock, outbox and files refuse, name the reason, and hold what they held."""
    ledger, lock = Ledger(home.ledger), Lock(home.ledger)
    append(ledger, 3)
    write_whole(home.routes, "before", stage=home.stage)
    fill(home)

    with pytest.raises(NotWritable, match="the disk is full"):
        append(ledger, 300)
    with pytest.raises(NotWritable, match="the disk is full"):
        take(lock, 300)
    with pytest.raises(NotWritable, match="the disk is full"):
        write_whole(home.routes, "after", stage=home.stage)

    assert home.routes.read_text() == "before"
    assert [draft for draft in home.stage.iterdir() if draft.name.startswith(".")] == []
    ledger.verify()


def test_the_room_kept_back_is_enough_for_an_undo(home: Home) -> None:
    """After it is given up, ledger rows, errands and a route can be written; once."""
    ledger, outbox = Ledger(home.ledger), Outbox(home.ledger)
    set_aside(home)
    set_aside(home)
    fill(home)
    with pytest.raises(NotWritable):
        append(ledger, 300)

    assert give_up(home)
    append(ledger, 10)
    outbox.enqueue("key", "aliases", {"component": "price"}, ledger.rows()[0].at)
    write_whole(home.routes, "x" * 20_000, stage=home.stage)

    assert not give_up(home)
    ledger.verify()


def test_no_room_can_be_kept_back_on_a_full_disk(home: Home) -> None:
    """That is said, too; with room it is set aside in full, also after half of it was written."""
    fill(home)
    with pytest.raises(NotWritable):
        set_aside(home)
    (home.path / "ballast").unlink()

    set_aside(home)

    assert (home.path / "reserve").stat().st_size == BYTES
