"""State files: replaced whole or not at all, and damage named with its remedy."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from local_parts import eventually, kill_role, sleeper

from cluster.errors import NotFound, NotWritable, StateDamaged, Unavailable
from cluster.files import exclusive, make_directory, read_object, write_whole
from cluster.ledger import Ledger
from cluster.local.down import down
from cluster.local.home import Home
from cluster.local.processes import running, want
from cluster.local.scan import members
from cluster.local.upkeep import ensure_keeper
from cluster.outbox import Outbox

REMEDY = "put it back"


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB; needs the right to mount."""
    place = tmp_path / "tiny"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("mounting a small file system is not allowed here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(place: Path) -> None:
    """Use up what is left of a file system."""
    with (place / "ballast").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 1024)
        except OSError:
            return


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    """The new text is there, nothing else is left, and only the owner may read it."""
    file = tmp_path / "state.json"
    write_whole(file, "{}", stage=tmp_path)

    write_whole(file, '{"a": 1}', stage=tmp_path)

    assert read_object(file, remedy=REMEDY) == {"a": 1}
    assert os.listdir(tmp_path) == ["state.json"]
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    """While a file is replaced 200 times, every reading of it is whole."""
    file = tmp_path / "state.json"
    write_whole(file, '{"text": ""}', stage=tmp_path)
    texts = [f'{{"text": "{str(number % 10) * 20_000}"}}' for number in range(200)]

    def write() -> None:
        for text in texts:
            write_whole(file, text, stage=tmp_path)

    writer = threading.Thread(target=write)
    writer.start()
    while writer.is_alive():
        assert len(str(read_object(file, remedy=REMEDY)["text"])) in (0, 20_000)
    writer.join()


@pytest.mark.parametrize(
    "content",
    [b"", b'{"a": ', b"[1, 2]", b"\xff\xfe{}", b"null"],
    ids=["empty", "cut", "a list", "no utf-8", "null"],
)
def test_a_half_written_file_is_named_with_its_remedy(tmp_path: Path, content: bytes) -> None:
    """What is no JSON object raises StateDamaged with the file's path and what to do."""
    file = tmp_path / "state.json"
    file.write_bytes(content)

    with pytest.raises(StateDamaged, match=str(file)) as caught:
        read_object(file, remedy=REMEDY)

    assert caught.value.hint == REMEDY


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    """No file is another thing than a damaged one."""
    with pytest.raises(NotFound, match="does not exist"):
        read_object(tmp_path / "none.json", remedy=REMEDY)


def test_a_file_in_the_place_of_a_directory_is_a_clear_error(tmp_path: Path) -> None:
    """Writing below a file, and making a directory of it, say what is in the way."""
    (tmp_path / "file").write_text("")

    with pytest.raises(NotWritable, match="not a directory"):
        write_whole(tmp_path / "file" / "state.json", "{}", stage=tmp_path / "file")
    with pytest.raises(NotWritable, match="in the place of a directory"):
        make_directory(tmp_path / "file")


def test_a_full_disk_leaves_the_former_file(full_disk: Path) -> None:
    """NotWritable says that the disk is full; what was there before still reads."""
    file = full_disk / "state.json"
    write_whole(file, '{"a": 1}', stage=full_disk)
    fill(full_disk)

    with pytest.raises(NotWritable, match="the disk is full") as caught:
        write_whole(file, '{"a": "' + "2" * 10_000 + '"}', stage=full_disk)

    assert "df -h" in caught.value.hint
    assert read_object(file, remedy=REMEDY) == {"a": 1}
    assert sorted(os.listdir(full_disk)) == ["ballast", "state.json"]


def test_a_full_disk_leaves_the_ledger_whole(full_disk: Path) -> None:
    """An append that does not fit raises NotWritable; every row before it is there and valid."""
    ledger = Ledger(full_disk / "ledger.sqlite")
    ledger.append("noted", component="c", region="r", actor="a", data={"number": 1})
    fill(full_disk)
    too_long = {"text": "x" * 100_000}

    with pytest.raises(NotWritable, match="the disk"):
        ledger.append("noted", component="c", region="r", actor="a", data=too_long)

    (full_disk / "ballast").unlink()
    ledger.append("noted", component="c", region="r", actor="a", data={"number": 2})
    assert [row.data["number"] for row in ledger.rows()] == [1, 2]
    ledger.verify()
    ledger.close()


def test_a_new_ledger_on_a_full_disk_is_a_clear_error(full_disk: Path) -> None:
    """Opening where nothing fits any more names the disk."""
    fill(full_disk)

    with pytest.raises(NotWritable, match="the disk"):
        Outbox(full_disk / "ledger.sqlite")


def test_a_read_only_disk_is_a_clear_error(full_disk: Path) -> None:
    """Neither a state file nor the ledger ends in a traceback."""
    Ledger(full_disk / "ledger.sqlite").close()
    subprocess.run(["mount", "-o", "remount,ro", str(full_disk)], check=True)

    with pytest.raises(NotWritable, match="read-only"):
        write_whole(full_disk / "state.json", "{}", stage=full_disk)
    with pytest.raises(NotWritable, match="cannot use"):
        Ledger(full_disk / "ledger.sqlite").rows()


def test_a_full_disk_does_not_stop_the_keeper(full_disk: Path) -> None:
    """A killed process is back although nothing can be noted; with room again the note is right."""
    home = Home(full_disk / "site")
    home.create()
    try:
        ensure_keeper(home)
        want(home, sleeper("worker"))
        eventually(lambda: running(home, "worker"))
        fill(full_disk)

        kill_role(home, "worker")
        eventually(lambda: len(members(home, "worker")) == 1, within=3)
        time.sleep(1.5)
        assert len(members(home, "worker")) == 1

        (full_disk / "ballast").unlink()
        eventually(lambda: running(home, "worker"), within=3)
    finally:
        down(home)


def test_a_file_lock_is_exclusive_and_names_its_holder(tmp_path: Path) -> None:
    """A second holder waits for its patience and is then told the pid of the first."""
    file = tmp_path / "it.lock"

    with (
        exclusive(file, patience=1),
        pytest.raises(Unavailable, match=f"by process {os.getpid()}"),
        exclusive(file, patience=0.05),
    ):
        pass

    with exclusive(file, patience=0):
        pass


def test_a_killed_holder_frees_the_file_lock(tmp_path: Path) -> None:
    """The kernel frees the lock of a process that was killed; no file has to be removed."""
    file = tmp_path / "it.lock"
    code = (
        "import sys, time; from pathlib import Path; from cluster.files import exclusive\n"
        "with exclusive(Path(sys.argv[1]), patience=1):\n    print('held', flush=True)\n"
        "    time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code, file], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        holder.kill()

    with exclusive(file, patience=1):
        pass
