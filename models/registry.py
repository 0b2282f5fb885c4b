"""The registry: versions with their release, their manifest and their aliases, kept in MLflow."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import time
from typing import Self

from models import files
from models.aliases import AliasProblem, alias_problems
from models.errors import Conflict, Damaged, NotFound
from models.manifest import Manifest, digest, model_manifest
from models.names import alias_name, model_name, release_name
from models.rest import Json, Rest, proxied

RELEASE_TAG = "release"
MANIFEST_TAG = "manifest_sha256"
ACTOR_TAG = "registered_by"

PATIENCE = 10.0
"""Seconds for one call; a MLflow server that just started needs some for its first."""


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A registered version; `number` is MLflow's own, `release` what people call it."""

    name: str
    number: int
    release: str | None
    manifest_sha256: str | None
    source: str
    run_id: str
    created_at: datetime
    tags: Mapping[str, str]

    @property
    def label(self) -> str:
        """What to call it in a sentence: the release, or MLflow's number where it has none."""
        return self.release or f"version {self.number}"


class Registry:
    """What MLflow knows about models, through one connection pool; use it in a `with` block."""

    def __init__(self, url: str, timeout: float = PATIENCE) -> None:
        self.rest = Rest(url, timeout)
        self.page_size = 200

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self.rest.close()

    def register(self, name: str, release: str, source: Path | str, *, actor: str) -> ModelVersion:
        """Record a release with its files, from a directory or a `runs:/` or `models:/` URI.

        Run again after a kill anywhere it converges: the version appears last and in one call, so
        what an earlier attempt left behind is never seen. The same release with the same files is
        the version there is; with other files it is a Conflict.
        """
        model_name(name), release_name(release)
        with self._opened(source) as directory:
            # Only here, because `status` need not wait for a YAML parser.
            from models.signature import require_servable

            manifest = model_manifest(directory)
            require_servable(directory)
            with suppress(Conflict):
                self.rest.post("registered-models/create", {"name": name})
            if known := self._first(name, release):
                return _with_same_files(known, digest(manifest))
            return self._create(name, release, directory, manifest, actor)

    def download(self, name: str, release: str, target: Path) -> ModelVersion:
        """Bring a verified copy of a version's files to `target`, in one rename."""
        version = self.version(name, release)
        files.download(self.rest, proxied(version.source), require_manifest(version), target)
        return version

    def names(self) -> list[str]:
        """All registered models."""
        return sorted(str(model["name"]) for model in self._pages("registered-models/search"))

    def versions(self, name: str) -> list[ModelVersion]:
        """All versions of a model, oldest first; NotFound names the models there are."""
        self._model(name)
        found = self._pages("model-versions/search", filter=f"name='{model_name(name)}'")
        return sorted((_version(row) for row in found), key=lambda version: version.number)

    def version(self, name: str, release: str) -> ModelVersion:
        """The version of a release; NotFound names the releases there are."""
        if found := self._first(name, release):
            return found
        aliases = self.aliases(name)
        listed = [_with_aliases(v, aliases) for v in self.versions(name) if v.release]
        raise NotFound(f"{name} has no version {release}. Known: {', '.join(listed) or 'none'}")

    def aliases(self, name: str) -> dict[str, str]:
        """Alias -> release (or `version 7` where that version has no release)."""
        labels = {version.number: version.label for version in self.versions(name)}
        listed = self._model(name).get("aliases", [])
        numbers = {str(row["alias"]): int(row["version"]) for row in listed}
        return {alias: labels.get(n, f"version {n}") for alias, n in numbers.items()}

    def set_alias(self, name: str, alias: str, release: str) -> None:
        """Point an alias at a release and read it back; Conflict when it points elsewhere then."""
        version = self.version(name, release)
        body = {"name": name, "alias": alias_name(alias), "version": str(version.number)}
        self.rest.post("registered-models/alias", body)
        found = self.aliases(name).get(alias)
        if found != release:
            raise Conflict(
                f"{alias} of {name} was set to {release} but points at {found or 'nothing'}: "
                "somebody else moved it"
            )

    def delete_alias(self, name: str, alias: str) -> None:
        """Remove an alias, there or not, and read back; Conflict when it is there again."""
        self.rest.delete("registered-models/alias", {"name": model_name(name), "alias": alias})
        found = self.aliases(name).get(alias)
        if found is not None:
            raise Conflict(f"{alias} of {name} was removed but points at {found}")

    def tag(self, name: str, release: str, key: str, value: str) -> None:
        """Write a tag of a version, replacing it."""
        number = self.version(name, release).number
        body = {"name": name, "version": str(number), "key": key, "value": value}
        self.rest.post("model-versions/set-tag", body)

    def attach(self, name: str, release: str, file: Path, path: str) -> str:
        """Store a file with the run a version was registered from; its address in the store."""
        run_id = self.version(name, release).run_id
        run = self.rest.get("runs/get", run_id=run_id)["run"]["info"]
        uri = f"{run['artifact_uri']}/{path}"
        self.rest.upload(proxied(uri), file)
        return uri

    def problems(
        self, name: str, expected_aliases: Mapping[str, str | None]
    ) -> tuple[AliasProblem, ...]:
        """Name each alias that differs from what is expected (None: should not exist)."""
        return alias_problems(name, self.aliases(name), expected_aliases)

    def _opened(self, source: Path | str) -> AbstractContextManager[Path]:
        return files.fetched(self.rest, source) if isinstance(source, str) else nullcontext(source)

    def _first(self, name: str, release: str) -> ModelVersion | None:
        # Two at once may have registered one release; the older version is the one that counts.
        return next((v for v in self.versions(name) if v.release == release), None)

    def _create(
        self, name: str, release: str, directory: Path, manifest: Manifest, actor: str
    ) -> ModelVersion:
        run = self._run(name, release)
        source = f"{run['artifact_uri']}/model"
        files.upload(self.rest, proxied(source), directory, manifest)
        tags = {RELEASE_TAG: release, MANIFEST_TAG: digest(manifest), ACTOR_TAG: actor}
        body = {"name": name, "source": source, "run_id": run["run_id"], "tags": _tag_list(tags)}
        created = _version(self.rest.post("model-versions/create", body)["model_version"])
        self.rest.post("runs/update", {"run_id": run["run_id"], "status": "FINISHED"})
        first = self._first(name, release)
        if first and first.number != created.number:
            body = {"name": name, "version": str(created.number)}
            self.rest.delete("model-versions/delete", body)
            return _with_same_files(first, digest(manifest))
        return created

    def _run(self, name: str, release: str) -> Json:
        with suppress(Conflict):
            self.rest.post("experiments/create", {"name": name})
        found = self.rest.get("experiments/get-by-name", experiment_name=name)
        body = {
            "experiment_id": found["experiment"]["experiment_id"],
            "run_name": f"{name} {release}",
            "start_time": int(time() * 1000),
            "tags": _tag_list({RELEASE_TAG: release}),
        }
        info: Json = self.rest.post("runs/create", body)["run"]["info"]
        return info

    def _model(self, name: str) -> Json:
        try:
            answer = self.rest.get("registered-models/get", name=model_name(name))
        except NotFound:
            known = ", ".join(self.names()) or "none"
            raise NotFound(f"no model is called {name}. Known: {known}") from None
        model: Json = answer["registered_model"]
        return model

    def _pages(self, endpoint: str, **query: str) -> list[Json]:
        rows: list[Json] = []
        token = ""
        while True:
            page = self.rest.get(
                endpoint, max_results=str(self.page_size), page_token=token, **query
            )
            rows += page.get("model_versions") or page.get("registered_models") or []
            token = page.get("next_page_token", "")
            if not token:
                return rows


def require_manifest(version: ModelVersion) -> str:
    """The digest of a version's manifest; Damaged for one registered without."""
    if version.manifest_sha256 is None:
        raise Damaged(
            f"{version.name} {version.label} has no manifest: it was not registered here. "
            f"Register it with: pincex register-model {version.name} {version.label} RUN_URI"
        )
    return version.manifest_sha256


def _with_same_files(version: ModelVersion, manifest_sha256: str) -> ModelVersion:
    if version.manifest_sha256 != manifest_sha256:
        raise Conflict(
            f"{version.name} {version.label} is registered with other files. "
            "Register these files under a new release"
        )
    return version


def _tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as MLflow's JSON wants them."""
    return [{"key": key, "value": value} for key, value in tags.items()]


def _version(row: Json) -> ModelVersion:
    tags = {str(tag["key"]): str(tag["value"]) for tag in row.get("tags", [])}
    return ModelVersion(
        name=row["name"],
        number=int(row["version"]),
        release=tags.get(RELEASE_TAG),
        manifest_sha256=tags.get(MANIFEST_TAG),
        source=row.get("source", ""),
        run_id=row.get("run_id", ""),
        created_at=datetime.fromtimestamp(int(row["creation_timestamp"]) / 1000, UTC),
        tags=tags,
    )


def _with_aliases(version: ModelVersion, aliases: Mapping[str, str]) -> str:
    held = sorted(alias for alias, label in aliases.items() if label == version.label)
    return f"{version.label} ({', '.join(held)})" if held else version.label
