"""The ledger: rows can be added and read; what was written cannot be changed unnoticed."""

import multiprocessing
import sqlite3
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.errors import ChainBroken, NotWritable, StateDamaged
from cluster.ledger import GENESIS, Ledger, open_rollouts

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
TAMPERABLE = ["at", "kind", "component", "region", "actor", "data", "prev_hash", "hash"]

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def filled(path: Path, count: int = 5) -> Ledger:
    """A ledger with `count` rows."""
    ledger = Ledger(path)
    for number in range(count):
        ledger.append(
            "noted", component="price", region="local", actor="ann", data={"number": number}
        )
    return ledger


def tamper(path: Path, *statements: str) -> None:
    """Change the file behind the ledger's back, as somebody with an editor would."""
    with sqlite3.connect(path) as connection:
        connection.executescript("DROP TRIGGER rows_stay; DROP TRIGGER rows_remain;")
        for statement in statements:
            connection.execute(statement)
    connection.close()


def test_a_row_reads_back_as_it_was_appended(tmp_path: Path) -> None:
    """What `append` returns is what `rows` and `head` tell, with the time in UTC."""
    ledger = Ledger(tmp_path / "ledger.sqlite")

    row = ledger.append(
        "promoted", component="price", region="eu", actor="ann", data={"from": "v1", "share": 0.5}
    )

    assert ledger.rows() == [row]
    assert ledger.head() == row
    assert (row.seq, row.prev_hash, row.data["from"]) == (1, GENESIS, "v1")
    assert datetime.now(UTC) - row.at < timedelta(seconds=5)


def test_rows_can_be_asked_for_by_component_region_and_number(tmp_path: Path) -> None:
    """Each filter narrows, and they combine."""
    ledger = Ledger(tmp_path / "ledger.sqlite")
    for component, region in [("a", "eu"), ("b", "eu"), ("a", "us"), ("a", "eu")]:
        ledger.append("noted", component=component, region=region, actor="ann", data={})

    assert [row.seq for row in ledger.rows(component="a")] == [1, 3, 4]
    assert [row.seq for row in ledger.rows(region="eu")] == [1, 2, 4]
    assert [row.seq for row in ledger.rows(component="a", region="eu", after=1)] == [4]


def test_an_empty_ledger_has_no_head_and_is_whole(tmp_path: Path) -> None:
    """Nothing written is nothing broken."""
    ledger = Ledger(tmp_path / "ledger.sqlite")

    ledger.verify()

    assert ledger.head() is None


@settings(max_examples=25)
@given(entries=st.lists(st.dictionaries(st.text(), JSON, max_size=3), max_size=5))
def test_any_json_survives_and_the_chain_holds(
    tmp_path_factory: pytest.TempPathFactory, entries: list[dict[str, object]]
) -> None:
    """Whatever JSON is appended comes back equal, and each row follows from the one before."""
    ledger = Ledger(tmp_path_factory.mktemp("any") / "ledger.sqlite")

    for entry in entries:
        ledger.append("noted", component="c", region="r", actor="a", data=entry)

    rows = ledger.rows()
    assert [row.data for row in rows] == entries
    assert [row.prev_hash for row in rows] == [GENESIS, *(row.hash for row in rows[:-1])][
        : len(rows)
    ]
    ledger.verify()
    ledger.close()


def test_nan_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    """NaN is no JSON: two readers could hash it differently."""
    ledger = Ledger(tmp_path / "ledger.sqlite")

    with pytest.raises(ValueError, match="JSON"):
        ledger.append("noted", component="c", region="r", actor="a", data={"p95": float("nan")})

    assert ledger.rows() == []


@pytest.mark.parametrize("statement", ["UPDATE rows SET actor = 'eve'", "DELETE FROM rows"])
def test_rows_cannot_be_changed_through_the_database(tmp_path: Path, statement: str) -> None:
    """Even a plain SQLite client is stopped from changing a row by accident."""
    filled(tmp_path / "ledger.sqlite")

    with (
        sqlite3.connect(tmp_path / "ledger.sqlite") as connection,
        pytest.raises(sqlite3.IntegrityError, match="append-only"),
    ):
        connection.execute(statement)


@pytest.mark.parametrize("column", TAMPERABLE)
def test_a_flipped_byte_in_any_column_names_the_row(tmp_path: Path, column: str) -> None:
    """A change of one character anywhere in row 3 is found, and row 3 is named."""
    ledger = filled(tmp_path / "ledger.sqlite")

    tamper(
        tmp_path / "ledger.sqlite",
        f"UPDATE rows SET {column} = substr({column}, 1, length({column}) - 1) || 'x'"
        " WHERE seq = 3",
    )

    with pytest.raises(ChainBroken, match="row 3"):
        ledger.verify()


@pytest.mark.parametrize(
    ("statement", "row"),
    [
        ("DELETE FROM rows WHERE seq = 2", 2),
        ("DELETE FROM rows WHERE seq = 5", 5),
        ("DELETE FROM rows WHERE seq >= 1", 1),
        ("UPDATE rows SET seq = 9 WHERE seq = 4", 4),
        ("UPDATE rows SET data = x'00ff' WHERE seq = 2", 2),
        ("UPDATE rows SET data = CAST(x'22ff22' AS TEXT) WHERE seq = 2", 2),
    ],
    ids=["lost", "last lost", "all lost", "renumbered", "no text", "no utf-8"],
)
def test_lost_moved_and_mangled_rows_are_named(tmp_path: Path, statement: str, row: int) -> None:
    """Losing the newest rows is found too: the database counts what it ever gave out."""
    ledger = filled(tmp_path / "ledger.sqlite")

    tamper(tmp_path / "ledger.sqlite", statement)

    with pytest.raises(ChainBroken, match=f"row {row}"):
        ledger.verify()


def test_a_row_written_anew_with_its_own_hash_breaks_the_next(tmp_path: Path) -> None:
    """Whoever can compute the hash of the row that was changed still does not fit the chain."""
    filled(tmp_path / "told.sqlite")
    other = Ledger(tmp_path / "other.sqlite")
    for number in (0, 1, 99):
        other.append(
            "noted", component="price", region="local", actor="eve", data={"number": number}
        )

    tamper(
        tmp_path / "told.sqlite",
        f"ATTACH '{tmp_path / 'other.sqlite'}' AS other",
        "DELETE FROM rows WHERE seq <= 3",
        "INSERT INTO rows SELECT * FROM other.rows",
    )

    with pytest.raises(ChainBroken, match="row 4 does not follow"):
        Ledger(tmp_path / "told.sqlite").verify()


def test_readers_do_not_wait_for_a_writer(tmp_path: Path) -> None:
    """Status answers while somebody is in the middle of an append."""
    ledger = filled(tmp_path / "ledger.sqlite")
    writer = sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)
    writer.execute("BEGIN EXCLUSIVE")

    begun = time.monotonic()
    rows = ledger.rows()

    assert len(rows) == 5
    assert time.monotonic() - begun < 1
    writer.close()


def test_a_flipped_byte_of_the_file_is_found(tmp_path: Path) -> None:
    """The same on the bytes of the file: a letter of an actor, changed in place."""
    path = tmp_path / "ledger.sqlite"
    filled(path).close()
    content = bytearray(path.read_bytes())
    content[content.rindex(b"ann")] ^= 1
    path.write_bytes(content)

    with pytest.raises(ChainBroken, match="row"):
        Ledger(path).verify()


@pytest.mark.parametrize(
    "content",
    [b"not a database" * 100, b"SQLite format 3\0" + b"\xff" * 4_000],
    ids=["text", "head"],
)
def test_a_damaged_file_is_named_with_the_remedy(tmp_path: Path, content: bytes) -> None:
    """Opening something that is no database says which file and what to do."""
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(content)

    with pytest.raises(StateDamaged, match="is damaged") as caught:
        Ledger(path)

    assert "backup" in caught.value.hint


def test_half_a_file_is_damaged(tmp_path: Path) -> None:
    """A file cut in the middle is found when it is read."""
    path = tmp_path / "ledger.sqlite"
    filled(path, count=200).close()
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    with pytest.raises(StateDamaged):
        Ledger(path).verify()


@pytest.mark.parametrize("in_its_place", ["directory", "parent is a file"])
def test_a_path_that_cannot_be_written_is_a_clear_error(tmp_path: Path, in_its_place: str) -> None:
    """Neither a directory in the file's place nor a file in the directory's ends in a traceback."""
    path = tmp_path / "ledger.sqlite"
    if in_its_place == "directory":
        path.mkdir()
    else:
        (tmp_path / "file").write_text("")
        path = tmp_path / "file" / "ledger.sqlite"

    with pytest.raises(NotWritable, match="cannot"):
        Ledger(path)


def append_some(path: Path, actor: str) -> None:
    """Append ten rows, in a process of its own."""
    ledger = Ledger(path)
    for number in range(10):
        ledger.append("noted", component="c", region="r", actor=actor, data={"number": number})


def test_processes_append_at_once_without_loss(tmp_path: Path) -> None:
    """Eight processes opening and filling a new ledger at once leave 80 rows in one whole chain."""
    path = tmp_path / "ledger.sqlite"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=append_some, args=(path, f"p{n}")) for n in range(8)]

    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    ledger = Ledger(path)
    assert [writer.exitcode for writer in writers] == [0] * 8
    assert len(ledger.rows()) == 80
    ledger.verify()


@pytest.mark.parametrize(
    ("kinds", "is_open"),
    [
        ([], False),
        (["rollout-opened"], True),
        (["rollout-opened", "noted"], True),
        (["rollout-opened", "rollout-closed"], False),
        (["rollout-opened", "rollout-closed", "noted"], False),
        (["rollout-opened", "rollout-closed", "rollout-opened"], True),
        (["rollout-opened", "phase"], True),
        (["rollout-opened", "rollout-waiting"], False),
        (["rollout-opened", "rollout-waiting", "phase"], True),
        (["rollout-opened", "rollout-waiting", "rollout-closed"], False),
        (["rollout-opened", "rollout-waiting", "approval-asked"], True),
        (["approval-asked", "approved", "noted"], True),
        (["approval-asked", "refused", "rollout-closed"], False),
        (["approval-asked", "approval-lapsed"], True),
        (["approval-asked", "approval-lapsed", "rollout-waiting"], False),
    ],
)
def test_a_rollout_is_open_until_it_is_closed(
    tmp_path: Path, kinds: list[str], is_open: bool
) -> None:
    """The last of opened, phase, waiting and closed decides, whatever else is noted."""
    ledger = Ledger(tmp_path / "ledger.sqlite")
    until = {"until": "2026-01-01T12:00:01+00:00"}
    for kind in kinds:
        ledger.append(kind, component="price", region="local", actor="ann", data=until)

    assert bool(open_rollouts(ledger, NOON)) == is_open


def test_the_next_row_is_added_only_while_nobody_was_faster(tmp_path: Path) -> None:
    """Rows of other models and regions do not count; the chain stays whole."""
    ledger = Ledger(tmp_path / "ledger.sqlite")
    asked = ledger.append("asked", component="price", region="eu", actor="ann", data={})
    ledger.append("asked", component="price", region="us", actor="ann", data={})
    first = ledger.append_next(asked, "approved", actor="bob", data={"why": "fine"})
    second = ledger.append_next(asked, "refused", actor="cid", data={})

    assert first is not None
    assert (first.component, first.region, first.actor) == ("price", "eu", "bob")
    assert second is None
    assert [row.kind for row in ledger.rows()] == ["asked", "asked", "approved"]
    ledger.verify()


def test_rollouts_are_open_per_component_and_region(tmp_path: Path) -> None:
    """Closing one region's rollout leaves the other's open."""
    ledger = Ledger(tmp_path / "ledger.sqlite")
    for kind, component, region in [
        ("rollout-opened", "price", "eu"),
        ("rollout-opened", "price", "us"),
        ("rollout-opened", "risk", "eu"),
        ("rollout-closed", "price", "eu"),
    ]:
        ledger.append(kind, component=component, region=region, actor="ann", data={})

    assert [(row.component, row.region) for row in open_rollouts(ledger, NOON)] == [
        ("price", "us"),
        ("risk", "eu"),
    ]
