"""A changed byte of what a verdict rests on is found by `verify`, and the file or row is named."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from cli_parts import Cli
from evidence_parts import MODEL, flips, kept_evidence

from benchmarks.fuzz_server import EXAMPLE
from cluster.errors import ClusterError
from cluster.ledger import Ledger
from cluster.local.home import Home
from demo.forecasters import Ewma
from demo.train import save
from flows import evidence
from models import manifest
from models.errors import Damaged

FILES = {
    "verdict.json": 1,
    "policy.toml": 1,
    "pairs.parquet": 1,
    "evidence.json": 1,
    "report.html": 499,
}
COMMAND_EVERY = 120
# Payload size, row number, size of the head, and the types of nine columns.
HEAD_OF_ROW = 16


MODEL_FILES = {"MLmodel": 1, "model.pkl": 1, "requirements.txt": 1, "manifest.json": 1}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a site with evidence, and its copy of the candidate."""
    home = tmp_path_factory.mktemp("evidence") / "home"
    model = save(Ewma(), home.with_name("model"), EXAMPLE)
    files = manifest.manifest_of(model)
    (model / manifest.MANIFEST_NAME).write_bytes(manifest.canonical(files))
    kept_evidence(home, manifest.digest(files))
    shutil.copytree(model, home / "models" / MODEL / "v2.0.0")
    return home


@pytest.fixture
def place(made: Path, cli: Cli) -> Path:
    """Evidence that holds, in a copy of that home."""
    shutil.copytree(made, cli.home)
    (found,) = (path for path in (cli.home / "evidence").iterdir() if path.is_dir())
    return found


@pytest.mark.parametrize(("name", "step"), FILES.items(), ids=FILES.keys())
def test_a_flipped_byte_of_evidence(cli: Cli, place: Path, name: str, step: int) -> None:
    """Also one that means nothing to whoever reads the file: padding of Parquet, a blank."""
    for number, at in enumerate(flips(place / name, step)):
        assert f"{name} was changed" in next(evidence.differences(place, None)), f"byte {at}"
        if number % COMMAND_EVERY == 0:
            ran = cli("verify", place, "--json")
            assert ran.code == 1, f"byte {at}"
            assert f"{name} was changed" in ran.report["error"], f"byte {at}"
    assert cli("verify", place).code == 0


def test_a_folder_that_was_renamed_is_said_to_be(place: Path, tmp_path: Path) -> None:
    """Nothing in it was changed."""
    renamed = shutil.copytree(place, tmp_path / "kept")
    (found,) = evidence.differences(renamed, None)

    assert found.startswith("the folder was renamed")


def test_evidence_is_named_by_folder_or_digest(cli: Cli, place: Path) -> None:
    """As `history` and the pages print it; a digest that is none, or too short, is bad input."""
    digest = evidence.digest_of(place / evidence.BINDING)

    for given in (place, place / "verdict.json", place.name, digest, digest[:8]):
        assert cli("verify", given).code == 0, given
    for given in (digest[:7], "0" * 64, f"elsewhere/{place.name}"):
        assert cli("verify", given).code == 2, given


@pytest.mark.parametrize(("name", "step"), MODEL_FILES.items(), ids=MODEL_FILES.keys())
def test_a_flipped_byte_of_a_model(cli: Cli, place: Path, name: str, step: int) -> None:
    """The file is named by whoever loads the model, and by `verify` of a verdict on it."""
    model = cli.home / "models" / MODEL / "v2.0.0"
    binding = json.loads((place / evidence.BINDING).read_bytes())
    for number, at in enumerate(flips(model / name, step)):
        with pytest.raises(Damaged, match=f"^{name} "):
            manifest.verify_digest(model, binding["candidate"]["digest"])
        if number % COMMAND_EVERY == 0:
            ran = cli("verify", place, "--json")
            assert ran.code == 1, f"byte {at}"
            assert f"v2.0.0: {name} " in ran.report["error"], f"byte {at}"
    assert cli("verify", place).code == 0


def test_a_flipped_byte_of_the_ledgers_row(cli: Cli, place: Path) -> None:
    """Each byte of the verdict's row in the file: every column, and the head before them."""
    ledger = Home(cli.home).ledger
    begin, end = row_in_file(ledger, 2)
    for at in flips(ledger, begin=begin, end=end):
        with pytest.raises(ClusterError, match=rf"ledger row \d|{ledger} "):
            verify_chain(ledger)
        if at % COMMAND_EVERY == 0:
            ran = cli("verify", place, "--json")
            assert ran.code == 1, f"byte {at}"
            assert "ledger" in ran.report["error"], f"byte {at}"
    assert cli("verify", place).code == 0


def test_no_byte_of_the_ledger_file_ends_in_anything_but_a_named_error(
    cli: Cli, place: Path
) -> None:
    """SQLite's messages may carry the damaged bytes; schema, indexes and free space included."""
    ledger = Home(cli.home).ledger
    for _ in flips(ledger, step=29):
        with suppress(ClusterError):
            verify_chain(ledger)
    assert cli("verify", place).code == 0


def test_a_lost_tail_of_the_ledger(cli: Cli, place: Path) -> None:
    """Rows cut off together with SQLite's own count are missed by the evidence made after them."""
    with sqlite3.connect(Home(cli.home).ledger) as connection:
        connection.executescript(
            "DROP TRIGGER rows_remain; DELETE FROM rows; UPDATE sqlite_sequence SET seq = 0;"
        )

    ran = cli("verify", place, "--json")

    assert ran.code == 1
    assert "the ledger lost its tail: row 1" in ran.report["error"]


def test_a_verdict_the_ledger_never_had(cli: Cli, place: Path) -> None:
    """A folder bound anew and named for its own digest is told from the one that was recorded."""
    binding = json.loads((place / evidence.BINDING).read_bytes())
    (place / evidence.BINDING).write_text(json.dumps(binding | {"rollout": "another"}))
    digest = evidence.digest_of(place / evidence.BINDING)
    forged = place.rename(place.with_name(f"price-v2.0.0-{digest[:12]}"))

    ran = cli("verify", forged, "--json")

    assert ran.code == 1
    assert "the ledger has no verdict with this digest" in ran.report["error"]


NO_BINDINGS: dict[str, Callable[[dict[str, object]], object]] = {
    "no object": lambda _: [1],
    "no files": lambda told: {k: v for k, v in told.items() if k != "files"},
    "files are a number": lambda told: told | {"files": 3},
    "files are texts": lambda told: told | {"files": ["a"]},
    "a file elsewhere": lambda told: told | {"files": {"../../site.json": "0"}},
    "a name too long": lambda told: told | {"files": {"n" * 5_000: "0"}},
    "no ledger": lambda told: {k: v for k, v in told.items() if k != "ledger"},
    "no revisions": lambda told: {k: v for k, v in told.items() if k != "candidate"},
}


@pytest.mark.parametrize("forge", NO_BINDINGS.values(), ids=NO_BINDINGS.keys())
def test_a_binding_that_is_none(
    cli: Cli, place: Path, forge: Callable[[dict[str, object]], object]
) -> None:
    """Whatever stands in it: it does not hold, and that is all."""
    told = json.loads((place / evidence.BINDING).read_bytes())
    (place / evidence.BINDING).write_text(json.dumps(forge(told)))

    ran = cli("verify", place, "--json")

    assert ran.code == 1
    assert "evidence.json" in ran.report["error"]


def test_the_folder_one_stands_in(cli: Cli, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`verify .` and `verify evidence.json` in the folder itself mean the folder."""
    monkeypatch.chdir(place)

    assert cli("verify", ".").code == 0
    assert cli("verify", "evidence.json").code == 0


def row_in_file(ledger: Path, seq: int) -> tuple[int, int]:
    """Where a row begins and ends in the file, which is left without a journal."""
    with sqlite3.connect(ledger) as connection:
        columns = connection.execute(
            "SELECT at, kind, component, region, actor, data, prev_hash, hash FROM rows"
            " WHERE seq = ?",
            (seq,),
        ).fetchone()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    stored = "".join(columns).encode()
    begin = ledger.read_bytes().index(stored)
    return begin - HEAD_OF_ROW, begin + len(stored)


def verify_chain(path: Path) -> None:
    """Open the ledger anew and verify it."""
    ledger = Ledger(path)
    try:
        ledger.verify()
    finally:
        ledger.close()
