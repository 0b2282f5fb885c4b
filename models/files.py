"""A version's files on their way to and from the registry, whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from models.errors import Damaged, Invalid, NotFound
from models.manifest import (
    MANIFEST_NAME,
    Manifest,
    canonical,
    parse_manifest,
    verify,
    verify_digest,
)
from models.rest import Json, Rest, proxied


def upload(rest: Rest, folder: str, directory: Path, manifest: Manifest) -> None:
    """Store the manifested files of a directory, then the manifest, in a folder of the proxy."""
    for path in manifest:
        rest.upload(f"{folder}/{path}", directory / path)
    rest.upload_bytes(f"{folder}/{MANIFEST_NAME}", canonical(manifest))


def download(rest: Rest, folder: str, manifest_sha256: str, target: Path) -> None:
    """Bring a verified copy to `target` in one rename; a copy that is already right stays."""
    if intact(target, manifest_sha256):
        return
    with _beside(target) as fresh:
        try:
            content = rest.read_bytes(f"{folder}/{MANIFEST_NAME}")
            manifest = parse_manifest(content, manifest_sha256)
            for path in manifest:
                rest.download(f"{folder}/{path}", fresh / _safe(path))
        except NotFound as lost:
            raise Damaged(f"a registered file is gone: {lost}") from None
        verify(fresh, manifest)
        (fresh / MANIFEST_NAME).write_bytes(content)
        _swap(fresh, target)


@contextmanager
def fetched(rest: Rest, uri: str) -> Iterator[Path]:
    """The files behind `runs:/ID/PATH` or `models:/...`, in a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="pincex-") as name:
        folder = _folder_of(rest, uri)
        for path in rest.list_files(folder):
            rest.download(f"{folder}/{path}", Path(name) / _safe(path))
        if not any(Path(name).iterdir()):
            raise NotFound(f"{uri} holds no files")
        yield Path(name)


def intact(directory: Path, manifest_sha256: str) -> bool:
    """Whether a copy is there and is exactly what was registered."""
    try:
        verify_digest(directory, manifest_sha256)
    except Damaged:
        return False
    return True


def _folder_of(rest: Rest, uri: str) -> str:
    scheme, _, rest_of_it = uri.partition(":/")
    first, _, path = rest_of_it.strip("/").partition("/")
    if scheme == "runs" and first:
        return _run_folder(rest, first, path)
    if scheme == "models" and first:
        return proxied(_model_source(rest, first, path))
    raise Invalid(
        f"{uri!r} is neither runs:/ID/PATH nor models:/NAME/VERSION nor models:/NAME@ALIAS"
    )


def _run_folder(rest: Rest, run_id: str, path: str) -> str:
    run = rest.get("runs/get", run_id=run_id)["run"]
    folder = f"{proxied(run['info']['artifact_uri'])}/{path}".rstrip("/")
    if rest.list_files(folder):
        return folder
    # Since MLflow 3 a logged model lies beside its run and is found through the run's outputs.
    for output in run.get("outputs", {}).get("model_outputs", []):
        model = _logged_model(rest, output["model_id"])
        if model["name"] == path:
            return proxied(model["artifact_uri"])
    return folder


def _model_source(rest: Rest, name: str, version: str) -> str:
    if not version and "@" not in name:
        return str(_logged_model(rest, name)["artifact_uri"])
    if version:
        answer = rest.get("model-versions/get", name=name, version=version)
    else:
        name, _, alias = name.partition("@")
        answer = rest.get("registered-models/alias", name=name, alias=alias)
    number = str(answer["model_version"]["version"])
    uri = rest.get("model-versions/get-download-uri", name=name, version=number)
    return str(uri["artifact_uri"])


def _logged_model(rest: Rest, model_id: str) -> Json:
    info: Json = rest.get(f"logged-models/{model_id}")["model"]["info"]
    return info


def _safe(path: str) -> PurePosixPath:
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts:
        raise Damaged(f"the registry names a file outside of its folder: {path}")
    return pure


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    # In the same folder, so that the last step is one rename on one file system.
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        yield fresh
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _swap(fresh: Path, target: Path) -> None:
    fresh.chmod(0o755)
    if target.exists():
        with _beside(target) as old:
            os.rename(target, old)
            os.rename(fresh, target)
    else:
        os.rename(fresh, target)
