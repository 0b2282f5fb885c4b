"""Following files: every whole line once, through halves, rotation and late birth."""

import itertools
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.tail import Tail


def append(path: Path, content: bytes) -> None:
    """What another process does."""
    with path.open("ab") as file:
        file.write(content)


@given(
    lines=st.lists(st.binary(max_size=9).map(lambda b: b.replace(b"\n", b"") + b"\n"), max_size=12),
    cuts=st.lists(st.integers(0, 120), max_size=12),
)
def test_every_line_is_taken_once_and_whole(lines: list[bytes], cuts: list[int]) -> None:
    """However the writes are cut into pieces."""
    content = b"".join(lines)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        tail = Tail(path)
        taken = []
        places = [0, *sorted(min(cut, len(content)) for cut in cuts), len(content)]
        for start, end in itertools.pairwise(places):
            append(path, content[start:end])
            taken.append(tail.take())
        tail.close()
    assert b"".join(taken) == content
    assert all(part == b"" or part.endswith(b"\n") for part in taken)


def test_a_file_that_does_not_exist_yet_has_no_lines(tmp_path: Path) -> None:
    """And is followed from its first byte once it does."""
    tail = Tail(tmp_path / "file")
    assert tail.take() == b""

    append(tmp_path / "file", b"a\n")

    assert tail.take() == b"a\n"


def test_rotation_loses_nothing(tmp_path: Path) -> None:
    """What was written after the last look and before the renaming is read from the old file."""
    path = tmp_path / "file"
    append(path, b"a\n")
    tail = Tail(path)
    tail.take()
    append(path, b"b\nhalf")
    os.rename(path, tmp_path / "file.1")
    append(path, b"c\n")

    assert tail.take() == b"b\nhalf\nc\n"
    assert tail.take() == b""


class Rotated(Tail):
    """A file that is written to and renamed away right after it was read."""

    def _replaced(self) -> bool:
        if not self.path.with_suffix(".1").exists():
            append(self.path, b"b\n")
            os.rename(self.path, self.path.with_suffix(".1"))
            append(self.path, b"c\n")
        return super()._replaced()


@pytest.mark.parametrize("limit", [None, 1, 2, 3, 4, 5, 100])
def test_a_rotation_between_reading_and_looking_loses_nothing(
    tmp_path: Path, limit: int | None
) -> None:
    """What came in between lies at the end of the file that was renamed."""
    append(tmp_path / "file", b"a\n")
    tail = Rotated(tmp_path / "file")

    assert b"".join(tail.take(limit) for _ in range(8)) == b"a\nb\nc\n"


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 100])
def test_a_limit_bounds_each_read_and_loses_nothing(tmp_path: Path, limit: int) -> None:
    """Across a renaming, too; `unread` says how much there is."""
    path = tmp_path / "file"
    append(path, b"first\n")
    tail = Tail(path)
    assert tail.take() == b"first\n"
    append(path, b"a\nbb\n")
    os.rename(path, tmp_path / "file.1")
    append(path, b"ccc\nhalf")

    taken = []
    assert tail.unread == 13
    while tail.unread:
        before = tail.unread
        taken.append(tail.take(limit))
        assert before - tail.unread <= limit

    assert b"".join(taken) == b"a\nbb\nccc\n"


def test_a_file_that_was_emptied_is_read_from_its_start(tmp_path: Path) -> None:
    """Some rotate by truncation."""
    path = tmp_path / "file"
    append(path, b"a\nb\n")
    tail = Tail(path)
    tail.take()
    path.write_bytes(b"c\n")

    assert tail.take() == b"c\n"
