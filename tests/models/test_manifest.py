"""The manifest: any change of any file is found and named."""

from collections.abc import Callable
from pathlib import Path

import pytest
from model_parts import model_folder, site_copy

from models.errors import Damaged, Invalid
from models.manifest import (
    MANIFEST_NAME,
    canonical,
    digest,
    manifest_of,
    model_manifest,
    verify,
    verify_digest,
)

FILES = ("MLmodel", "input_example.json", "model.pkl", "requirements.txt")


def test_a_folder_verifies_against_its_own_manifest(tmp_path: Path) -> None:
    """What was not touched is accepted, and the digest depends on content alone."""
    here, there = model_folder(tmp_path / "a"), model_folder(tmp_path / "b")

    verify(here, manifest_of(there))

    assert tuple(manifest_of(here)) == FILES
    assert digest(manifest_of(here)) == digest(dict(reversed(manifest_of(there).items())))


@pytest.mark.parametrize("name", FILES)
def test_one_flipped_bit_is_found_and_named(tmp_path: Path, name: str) -> None:
    """In whichever file it is."""
    expected = site_copy(tmp_path / "model")
    path = tmp_path / "model" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)

    with pytest.raises(Damaged, match=f"^{name} in .* differs"):
        verify_digest(tmp_path / "model", expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "model.pkl").unlink(), "model.pkl is missing"),
        (lambda folder: (folder / "more.txt").write_text("x"), "more.txt .* is not part of"),
        (lambda folder: (folder / "more.txt").symlink_to("model.pkl"), "more.txt .* plain file"),
        (lambda folder: (folder / MANIFEST_NAME).unlink(), f"has no {MANIFEST_NAME}"),
        (lambda folder: (folder / MANIFEST_NAME).write_text("{}"), "differs from the digest"),
    ],
    ids=["missing", "extra", "link", "no manifest", "other manifest"],
)
def test_every_other_difference_is_named(
    tmp_path: Path, change: Callable[[Path], object], message: str
) -> None:
    """Missing files, added files, links and a manifest that was replaced."""
    expected = site_copy(tmp_path / "model")
    change(tmp_path / "model")

    with pytest.raises(Damaged, match=message):
        verify_digest(tmp_path / "model", expected)


def test_replacing_file_and_manifest_together_does_not_help(tmp_path: Path) -> None:
    """The digest comes from the registry, so a consistent forgery is found as well."""
    expected = site_copy(tmp_path / "model")
    (tmp_path / "model" / "model.pkl").write_bytes(b"other")
    forged = manifest_of(tmp_path / "model")
    (tmp_path / "model" / MANIFEST_NAME).write_bytes(canonical(forged))

    with pytest.raises(Damaged, match="digest recorded at registration"):
        verify_digest(tmp_path / "model", expected)


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: None], ids=["empty", "absent"])
def test_a_folder_without_files_is_refused(tmp_path: Path, make: Callable[[Path], None]) -> None:
    """A version without files is no version."""
    make(tmp_path / "model")

    with pytest.raises(Damaged):
        manifest_of(tmp_path / "model")


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    """Servers could not load it, so it is not registered in the first place."""
    (tmp_path / "notes.txt").write_text("x")

    with pytest.raises(Invalid, match="no MLmodel"):
        model_manifest(tmp_path)


def test_a_file_with_the_name_of_the_manifest_is_refused(tmp_path: Path) -> None:
    """It would be replaced without a word; an own manifest that is right is welcome."""
    site_copy(tmp_path / "model")
    model_manifest(tmp_path / "model")
    (tmp_path / "model" / MANIFEST_NAME).write_text("{}")

    with pytest.raises(Invalid, match=MANIFEST_NAME):
        model_manifest(tmp_path / "model")
