"""The SHA-256 manifest of a model's files: what was registered is what is loaded."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import orjson

from models.errors import Damaged, Invalid

MANIFEST_NAME = "manifest.json"
"""Lies beside the files in the registry and in the site's copy; it never lists itself."""

MODEL_FILE = "MLmodel"
"""Every MLflow model directory has one."""

Manifest = Mapping[str, str]
"""Relative POSIX path -> SHA-256 in hex."""


def manifest_of(directory: Path) -> dict[str, str]:
    """Hash every file below a directory; Damaged where there is none or one is not plain."""
    if not directory.is_dir():
        raise Damaged(f"{directory} is not a directory with model files")
    files = _files(directory)
    if not files:
        raise Damaged(f"{directory} holds no files")
    return {path: _sha256(directory / path) for path in files}


def model_manifest(directory: Path) -> dict[str, str]:
    """The manifest of a folder that is about to be registered; Invalid unless it is a model's."""
    manifest = manifest_of(directory)
    if MODEL_FILE not in manifest:
        raise Invalid(f"{directory} has no {MODEL_FILE} file: it is not an MLflow model")
    own = directory / MANIFEST_NAME
    if own.exists() and own.read_bytes() != canonical(manifest):
        raise Invalid(f"{own} has a name that the registry needs for itself, or is out of date")
    return manifest


def canonical(manifest: Manifest) -> bytes:
    """The one byte sequence of a manifest: JSON with sorted keys."""
    return orjson.dumps(dict(manifest), option=orjson.OPT_SORT_KEYS)


def digest(manifest: Manifest) -> str:
    """SHA-256 in hex over the canonical bytes: the identity of a version's files."""
    return hashlib.sha256(canonical(manifest)).hexdigest()


def parse_manifest(content: bytes, expected_digest: str) -> dict[str, str]:
    """Read stored manifest bytes; Damaged unless they are those with the expected digest."""
    if hashlib.sha256(content).hexdigest() != expected_digest:
        raise Damaged(f"{MANIFEST_NAME} differs from the digest recorded at registration")
    manifest: dict[str, str] = orjson.loads(content)
    return manifest


def verify(directory: Path, manifest: Manifest) -> None:
    """Compare the files of a directory with a manifest; Damaged names the first that is wrong."""
    found = _files(directory) if directory.is_dir() else []
    for path in sorted({*manifest, *found}):
        if path not in manifest:
            raise Damaged(f"{path} in {directory} is not part of what was registered")
        if path not in found:
            raise Damaged(f"{path} is missing in {directory}")
        if _sha256(directory / path) != manifest[path]:
            raise Damaged(f"{path} in {directory} differs from what was registered")


def verify_digest(directory: Path, expected_digest: str) -> None:
    """Check a site's copy: its own manifest file against the digest, then every file against it."""
    try:
        content = (directory / MANIFEST_NAME).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise Damaged(f"{directory} has no {MANIFEST_NAME}") from None
    verify(directory, parse_manifest(content, expected_digest))


def _files(directory: Path) -> list[str]:
    # A link could change its target after the hash was taken, so only plain files count.
    found = []
    for path in directory.rglob("*"):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise Damaged(f"{path.relative_to(directory)} in {directory} is not a plain file")
        if path.is_file():
            found.append(path.relative_to(directory).as_posix())
    return sorted({*found} - {MANIFEST_NAME})


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
