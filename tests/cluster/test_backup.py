"""Backups as files: what was written is what is read, or it is refused; differences are whole."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.backup import Backup, Change, Items, changes, read, require_of, write
from cluster.errors import Invalid, NotFound

AT = datetime(2026, 11, 27, 22, 30, tzinfo=UTC)
ITEMS: Items = {"Service price": {"port": 80}, "policy": "[drift]\n", "route price": {"v1": 100}}
BACKUP = Backup("namespace shop of a cluster", AT, ("price",), ITEMS)
VALUES = st.integers(0, 2) | st.dictionaries(st.sampled_from("abc"), st.integers(0, 2), max_size=2)
MANY = st.dictionaries(st.sampled_from("xyz"), VALUES, max_size=3)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A backup that was written."""
    path = tmp_path / "backups" / "config.json"
    write(BACKUP, path)
    return path


def test_what_was_written_is_what_is_read(file: Path) -> None:
    """Items, site, time and components; for the owner's eyes only."""
    assert read(file) == BACKUP
    assert file.stat().st_mode & 0o777 == 0o600


def edited(edit: Callable[[dict[str, Any]], object]) -> Callable[[str], str]:
    """The text after an edit of its object."""

    def made(text: str) -> str:
        told = json.loads(text)
        edit(told)
        return json.dumps(told)

    return made


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (edited(lambda told: told["items"]["Service price"].update(port=81)), "Service price"),
        (edited(lambda told: told["items"].pop("policy")), "do not agree"),
        (edited(lambda told: told["digests"].pop("policy")), "do not agree"),
        (edited(lambda told: told.update(site="namespace other of a cluster")), "its head"),
        (edited(lambda told: told.update(components=[])), "its head"),
        (edited(lambda told: told.pop("digest")), "its head"),
        (edited(lambda told: told.update(format="other-1")), "its format is 'other-1'"),
        (lambda text: text[:-40], "is no backup"),
        (lambda text: "[]", "is no backup"),
        (lambda text: "", "is no backup"),
    ],
    ids=["value", "item", "digest of one", "site", "components", "digest", "format", "cut", "list",
         "empty"],
)  # fmt: skip
def test_a_damaged_backup_is_refused(file: Path, damage: Callable[[str], str], words: str) -> None:
    """Whatever was changed, by a disk or by a person, and it says what."""
    file.write_text(damage(file.read_text()))

    with pytest.raises(Invalid, match=words):
        read(file)


# Each example writes to the disk, and durably.
@settings(max_examples=30)
@given(at=st.integers(min_value=0), bit=st.integers(min_value=0, max_value=7))
def test_a_flipped_bit_is_refused_or_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, at: int, bit: int
) -> None:
    """Anywhere in the file: only blanks between the values may differ unseen."""
    file = tmp_path_factory.mktemp("flip") / "config.json"
    write(BACKUP, file)
    content = bytearray(file.read_bytes())
    content[at % len(content)] ^= 1 << bit
    file.write_bytes(content)

    try:
        told = read(file)
    except Invalid:
        return
    assert told == BACKUP


def test_a_backup_that_is_not_there_is_told(tmp_path: Path) -> None:
    """By the name that was asked for."""
    with pytest.raises(NotFound, match=r"there is no backup .*none\.json"):
        read(tmp_path / "none.json")


class Elsewhere:
    """A site that is not the one of the backup."""

    name = "namespace other of a cluster"

    def components(self) -> list[str]:
        return []

    def items(self, components: object) -> Items:
        return {}

    def restore(self, backup: Backup, changes: Sequence[Change]) -> None:
        raise AssertionError


def test_a_backup_of_another_site_is_refused() -> None:
    """With both names."""
    with pytest.raises(Invalid, match=r"of namespace shop .* this is namespace other"):
        require_of(BACKUP, Elsewhere())


@given(present=MANY, wanted=MANY)
def test_the_changes_are_all_that_makes_the_one_the_other(present: Items, wanted: Items) -> None:
    """What no change names is equal; what one names is not."""
    planned = changes(present, wanted)
    named = {change.item: change.verb for change in planned}

    for item in {*present, *wanted}:
        same = item in present and item in wanted and present[item] == wanted[item]
        assert same == (item not in named)
        if item in named:
            told = {(False, True): "make", (True, False): "remove", (True, True): "change"}
            assert named[item] == told[item in present, item in wanted]


def test_a_change_says_which_fields_differ() -> None:
    """By their path, with what is there and what would be; a shorter list is one field."""
    present = {"a": {"spec": {"replicas": 5, "env": [1, 2], "paused": True, "ports": [{"p": 1}]}}}
    wanted = {"a": {"spec": {"replicas": 2, "env": [1], "ports": [{"p": 3}]}}}

    (change,) = changes(present, wanted)

    assert [(field.path, field.present, field.wanted) for field in change.fields] == [
        ("spec.env", [1, 2], [1]),
        ("spec.paused", True, None),
        ("spec.ports[0].p", 1, 3),
        ("spec.replicas", 5, 2),
    ]
