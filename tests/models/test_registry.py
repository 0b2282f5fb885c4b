"""The registry on a real MLflow server: register, find, alias, download, whatever happens."""

import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from model_parts import PYTHON, free_port, model_folder, process, wait_for

from demo.forecasters import Persistence
from models.errors import Conflict, Damaged, Forbidden, Invalid, NotFound, RegistryError
from models.manifest import MANIFEST_NAME, digest, manifest_of, verify_digest
from models.registry import Registry, require_manifest
from models.rest import Rest, proxied


@pytest.fixture
def name() -> str:
    """A model nobody else uses."""
    return f"model-{uuid4().hex[:8]}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model directory."""
    return model_folder(tmp_path / "model")


def test_what_was_registered_comes_back_whole(
    registry: Registry, name: str, folder: Path, tmp_path: Path
) -> None:
    """Release, digest, actor and every file."""
    (folder / "extra files").mkdir()
    (folder / "extra files" / "a b, ü.txt").write_text("ü")

    made = registry.register(name, "v2.1.0", folder, actor="ann")
    found = registry.download(name, "v2.1.0", tmp_path / "site" / name / "v2.1.0")

    assert found == registry.version(name, "v2.1.0")
    assert (made.number, made.release, made.tags["registered_by"]) == (1, "v2.1.0", "ann")
    assert found.manifest_sha256 == digest(manifest_of(folder))
    assert manifest_of(tmp_path / "site" / name / "v2.1.0") == manifest_of(folder)
    assert os.listdir(tmp_path / "site" / name) == ["v2.1.0"]


def test_a_file_name_that_the_store_refuses_is_named(
    registry: Registry, name: str, folder: Path
) -> None:
    """So that people know which file to rename."""
    (folder / "what#.txt").write_text("x")

    with pytest.raises(Invalid, match=r"what#\.txt"):
        registry.register(name, "v2.1.0", folder, actor="ann")


def test_registering_again_changes_nothing(registry: Registry, name: str, folder: Path) -> None:
    """The same release with the same files is the version that exists."""
    first = registry.register(name, "v1.0.0", folder, actor="ann")

    assert registry.register(name, "v1.0.0", folder, actor="bob") == first
    assert len(registry.versions(name)) == 1


def test_a_release_never_changes_its_files(
    registry: Registry, name: str, folder: Path, tmp_path: Path
) -> None:
    """The same release with other files is a conflict, and the first stays."""
    first = registry.register(name, "v1.0.0", folder, actor="ann")

    with pytest.raises(Conflict, match=f"{name} v1.0.0 is registered with other files"):
        registry.register(
            name, "v1.0.0", model_folder(tmp_path / "other", Persistence()), actor="b"
        )
    assert registry.versions(name) == [first]


class Killed(BaseException):
    """Stands for the end of the process at this point."""


class Cut(Rest):
    """A connection that dies around its n-th call, before or after the server did its part."""

    def __init__(self, url: str, calls: int, after: bool) -> None:
        super().__init__(url, timeout=10)
        self.left = calls
        self.after = after

    def _cut(self, call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        self.left -= 1
        if self.left < 0 and not self.after:
            raise Killed
        result = call(*arguments, **named)
        if self.left < 0:
            raise Killed
        return result

    def _call(self, *arguments: Any, **named: Any) -> Any:
        return self._cut(super()._call, *arguments, **named)

    def upload(self, *arguments: Any) -> None:
        self._cut(super().upload, *arguments)

    def upload_bytes(self, *arguments: Any) -> None:
        self._cut(super().upload_bytes, *arguments)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_registering_converges_after_a_kill_at_any_call(
    tracking: str, registry: Registry, folder: Path, after: bool
) -> None:
    """Run again, the command ends with exactly one version, whole, wherever it was killed."""
    for calls in range(100):
        name = f"model-{uuid4().hex[:8]}"
        with Registry(tracking) as dying:
            dying.rest.close()
            dying.rest = Cut(tracking, calls, after)
            try:
                dying.register(name, "v1.0.0", folder, actor="ann")
                break
            except Killed:
                pass
        made = registry.register(name, "v1.0.0", folder, actor="ann")
        assert registry.versions(name) == [made]
        assert made.manifest_sha256 == digest(manifest_of(folder))
        registry.download(name, "v1.0.0", folder.parent / "copies" / name)
    assert calls > 12


class Overtaken(Rest):
    """A connection that is overtaken just before it creates its version."""

    stranger: Callable[[], object] = staticmethod(lambda: None)

    def post(self, endpoint: str, body: Any) -> Any:
        if endpoint == "model-versions/create":
            self.stranger()
        return super().post(endpoint, body)


@pytest.mark.parametrize("same", [True, False], ids=["same files", "other files"])
def test_of_two_who_register_at_once_the_first_counts(
    tracking: str, registry: Registry, name: str, folder: Path, tmp_path: Path, same: bool
) -> None:
    """MLflow would keep both; the later one is removed, and is a conflict if it differs."""
    other = folder if same else model_folder(tmp_path / "other", Persistence())
    with Registry(tracking) as slower:
        slower.rest.close()
        slower.rest = Overtaken(tracking, timeout=10)
        slower.rest.stranger = lambda: registry.register(name, "v1.0.0", other, actor="ann")  # type: ignore[attr-defined]
        if same:
            made = slower.register(name, "v1.0.0", folder, actor="bob")
            assert made.tags["registered_by"] == "ann"
        else:
            with pytest.raises(Conflict, match="registered with other files"):
                slower.register(name, "v1.0.0", folder, actor="bob")

    (kept,) = registry.versions(name)
    assert kept.manifest_sha256 == digest(manifest_of(other))


def test_a_crowd_that_registers_at_once_gets_one_version(
    tracking: str, registry: Registry, name: str, folder: Path
) -> None:
    """Nobody fails, and nothing is left twice."""

    def register(actor: str) -> int:
        with Registry(tracking) as own:
            return own.register(name, "v1.0.0", folder, actor=actor).number

    with ThreadPoolExecutor(4) as threads:
        numbers = set(threads.map(register, "abcd"))

    assert [version.number for version in registry.versions(name)] == list(numbers)


def test_a_process_killed_while_it_registers_leaves_nothing_half(
    tracking: str, registry: Registry, name: str, folder: Path
) -> None:
    """The same with a real SIGKILL while megabytes are on their way."""
    (folder / "large.bin").write_bytes(os.urandom(48 * 2**20))
    code = (
        "import sys; from pathlib import Path; from models.registry import Registry; "
        "print('go', flush=True); "
        "Registry(sys.argv[1]).register(sys.argv[2], 'v1.0.0', Path(sys.argv[3]), actor='ann')"
    )
    argv = [str(PYTHON), "-c", code, tracking, name, str(folder)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        running.stdout.readline()
        with pytest.raises(subprocess.TimeoutExpired):
            running.wait(0.15)
        running.send_signal(signal.SIGKILL)

    made = registry.register(name, "v1.0.0", folder, actor="ann")

    assert registry.versions(name) == [made]


def test_unknown_names_are_answered_with_the_known_ones(
    registry: Registry, name: str, folder: Path
) -> None:
    """The error carries what would have been right."""
    for release in ("v2.0.0", "v2.1.0"):
        (folder / "note.txt").write_text(release)
        registry.register(name, release, folder, actor="ann")
    registry.set_alias(name, "champion", "v2.0.0")

    with pytest.raises(NotFound) as caught:
        registry.version(name, "v9.9.9")
    with pytest.raises(NotFound, match=rf"no model is called nobody\. Known: .*{name}"):
        registry.version("nobody", "v1.0.0")

    assert str(caught.value) == (f"{name} has no version v9.9.9. Known: v2.0.0 (champion), v2.1.0")


@pytest.mark.parametrize(
    "name", ["", "a/b", "a:b", "..", "a b", "a'b", "-a", "é", "a" * 64, "a--b"]
)
def test_names_that_could_not_be_folders_are_refused(
    registry: Registry, folder: Path, name: str
) -> None:
    """Before anything is sent."""
    with pytest.raises(Invalid, match="no model name"):
        registry.register(name, "v1.0.0", folder, actor="ann")


@pytest.mark.parametrize(
    "release", ["", "v2", "2", "latest", "v2.", "v2.1/0", "v2.1 0", "../v2.1", "v1.0--x"]
)
def test_releases_that_mlflow_could_mistake_are_refused(
    registry: Registry, folder: Path, release: str
) -> None:
    """A release is no version number and no alias."""
    with pytest.raises(Invalid, match="no release"):
        registry.register("model", release, folder, actor="ann")


@pytest.mark.parametrize("release", ["v2.1.0", "2.1", "v10.0.3-rc.1", "v1.2.3+build5", "2026.11.2"])
def test_usual_releases_are_accepted(
    registry: Registry, name: str, folder: Path, release: str
) -> None:
    """As people write them, with and without the v."""
    assert registry.register(name, release, folder, actor="ann").release == release


def test_aliases_are_set_moved_and_removed(registry: Registry, name: str, folder: Path) -> None:
    """By release; removing one that is not there is fine."""
    for release in ("v1.0.0", "v1.1.0"):
        (folder / "note.txt").write_text(release)
        registry.register(name, release, folder, actor="ann")

    registry.set_alias(name, "champion", "v1.0.0")
    registry.set_alias(name, "previous", "v1.0.0")
    registry.set_alias(name, "champion", "v1.1.0")
    assert registry.aliases(name) == {"champion": "v1.1.0", "previous": "v1.0.0"}

    registry.delete_alias(name, "previous")
    registry.delete_alias(name, "previous")
    assert registry.aliases(name) == {"champion": "v1.1.0"}

    with pytest.raises(NotFound):
        registry.set_alias(name, "champion", "v3.0.0")
    with pytest.raises(Invalid):
        registry.set_alias(name, "v3", "v1.0.0")


class Raced(Rest):
    """A connection behind which somebody else moves the alias right after we did."""

    stranger: Callable[[], object] = staticmethod(lambda: None)

    def post(self, endpoint: str, body: Any) -> Any:
        answer = super().post(endpoint, body)
        self._meddle(endpoint)
        return answer

    def delete(self, endpoint: str, body: Any) -> Any:
        answer = super().delete(endpoint, body)
        self._meddle(endpoint)
        return answer

    def _meddle(self, endpoint: str) -> None:
        if endpoint == "registered-models/alias":
            self.stranger()


@pytest.fixture
def raced(tracking: str) -> Iterator[Registry]:
    """A registry that always loses the race."""
    with Registry(tracking) as registry:
        registry.rest.close()
        registry.rest = Raced(tracking, timeout=10)
        yield registry


def test_a_move_that_somebody_else_undoes_is_noticed(
    registry: Registry, raced: Registry, name: str, folder: Path
) -> None:
    """MLflow has no compare-and-set, so the write is read back."""
    for release in ("v1.0.0", "v1.1.0"):
        (folder / "note.txt").write_text(release)
        registry.register(name, release, folder, actor="ann")
    raced.rest.stranger = lambda: registry.set_alias(name, "champion", "v1.0.0")  # type: ignore[attr-defined]

    with pytest.raises(Conflict, match=r"set to v1\.1\.0 but points at v1\.0\.0"):
        raced.set_alias(name, "champion", "v1.1.0")
    with pytest.raises(Conflict, match=r"removed but points at v1\.0\.0"):
        raced.delete_alias(name, "champion")
    raced.rest.stranger = lambda: registry.delete_alias(name, "champion")  # type: ignore[attr-defined]
    with pytest.raises(Conflict, match=r"set to v1\.1\.0 but points at nothing"):
        raced.set_alias(name, "champion", "v1.1.0")


def test_problems_name_foreign_dangling_and_misspelt_aliases(
    registry: Registry, name: str, folder: Path
) -> None:
    """Each kind with what should be and what is."""
    for release in ("v1.0.0", "v1.1.0", "v1.2.0"):
        (folder / "note.txt").write_text(release)
        registry.register(name, release, folder, actor="ann")
    for alias, release in [
        ("champion", "v1.1.0"),
        ("Champion", "v1.0.0"),
        ("previous", "v1.2.0"),
        ("other", "v1.0.0"),
    ]:
        registry.set_alias(name, alias, release)
    registry.rest.delete("model-versions/delete", {"name": name, "version": "3"})

    found = registry.problems(
        name, {"champion": "v1.0.0", "challenger": None, "previous": "v1.2.0"}
    )

    assert [(p.kind, p.alias, p.expected, p.found) for p in found] == [
        ("foreign", "champion", "v1.0.0", "v1.1.0"),
        ("dangling", "previous", "v1.2.0", None),
        ("case", "Champion", "v1.0.0", "v1.0.0"),
    ]
    assert registry.problems(name, {"champion": "v1.1.0", "other": "v1.0.0"})[0].kind == "case"


def test_uninvited_aliases_are_foreign(registry: Registry, name: str, folder: Path) -> None:
    """An alias that should not exist is one that somebody else set."""
    registry.register(name, "v1.0.0", folder, actor="ann")
    registry.set_alias(name, "challenger", "v1.0.0")

    (problem,) = registry.problems(name, {"challenger": None})

    assert (problem.kind, problem.found) == ("foreign", "v1.0.0")


@pytest.mark.parametrize("uri", ["models:/{name}/1", "models:/{name}@it", "runs:/{run}/model"])
def test_a_version_is_registered_from_what_mlflow_has(
    registry: Registry, name: str, folder: Path, uri: str
) -> None:
    """From another version, an alias or a run: the same files get a manifest of their own."""
    first = registry.register(name, "v1.0.0", folder, actor="ann")
    registry.set_alias(name, "it", "v1.0.0")

    source = uri.format(name=name, run=first.run_id)
    second = registry.register(f"{name}-copy", "v3.0.0", source, actor="bob")

    assert second.manifest_sha256 == first.manifest_sha256


@pytest.mark.parametrize(
    ("uri", "kind"),
    [
        ("runs:/0123456789abcdef/model", NotFound),
        ("models:/nobody/1", NotFound),
        ("models:/m-0123456789abcdef", NotFound),
        ("s3://bucket/model", Invalid),
        ("model", Invalid),
    ],
)
def test_sources_that_lead_nowhere_are_refused(
    registry: Registry, name: str, uri: str, kind: type[RegistryError]
) -> None:
    """Nothing is registered."""
    with pytest.raises(kind):
        registry.register(name, "v1.0.0", uri, actor="ann")


def test_a_version_that_came_around_us_is_named(
    registry: Registry, name: str, folder: Path
) -> None:
    """Without a manifest nothing can be checked, so it is refused with the remedy."""
    ours = registry.register(name, "v1.0.0", folder, actor="ann")
    body = {"name": name, "source": ours.source, "run_id": ours.run_id}
    registry.rest.post("model-versions/create", body)
    foreign = registry.versions(name)[1]
    registry.rest.post(
        "registered-models/alias", {"name": name, "alias": "champion", "version": "2"}
    )

    with pytest.raises(Damaged, match=f"{name} version 2 has no manifest"):
        require_manifest(foreign)
    assert registry.aliases(name) == {"champion": "version 2"}
    assert registry.problems(name, {"champion": "v1.0.0"})[0].found == "version 2"


@pytest.mark.parametrize("file", ["model.pkl", "MLmodel", MANIFEST_NAME])
def test_files_changed_in_the_store_are_not_brought_here(
    registry: Registry, name: str, folder: Path, tmp_path: Path, file: str
) -> None:
    """The file is named, and no copy appears."""
    made = registry.register(name, "v1.0.0", folder, actor="ann")
    registry.rest.upload_bytes(f"{proxied(made.source)}/{file}", b"changed")

    with pytest.raises(Damaged, match=re.escape(file)):
        registry.download(name, "v1.0.0", tmp_path / "site" / "v1.0.0")

    assert os.listdir(tmp_path / "site") == []


def test_a_missing_manifest_or_file_in_the_store_is_damage(
    registry: Registry, name: str, folder: Path, tmp_path: Path
) -> None:
    """The version exists, so this is not a wrong name."""
    made = registry.register(name, "v1.0.0", folder, actor="ann")
    stored = proxied(made.source)
    registry.rest.delete(f"/api/2.0/mlflow-artifacts/artifacts/{stored}/model.pkl", {})
    with pytest.raises(Damaged, match=r"model\.pkl"):
        registry.download(name, "v1.0.0", tmp_path / "v1.0.0")
    registry.rest.delete(f"/api/2.0/mlflow-artifacts/artifacts/{stored}/{MANIFEST_NAME}", {})
    with pytest.raises(Damaged, match=MANIFEST_NAME):
        registry.download(name, "v1.0.0", tmp_path / "v1.0.0")


def test_a_damaged_copy_is_replaced_and_a_good_one_kept(
    registry: Registry, name: str, folder: Path, tmp_path: Path
) -> None:
    """Downloading is safe to repeat."""
    target = tmp_path / "site" / "v1.0.0"
    made = registry.register(name, "v1.0.0", folder, actor="ann")
    registry.download(name, "v1.0.0", target)
    before = target.stat().st_ino

    registry.download(name, "v1.0.0", target)
    assert target.stat().st_ino == before
    (target / "model.pkl").write_bytes(b"half")
    registry.download(name, "v1.0.0", target)

    verify_digest(target, require_manifest(made))
    assert os.listdir(target.parent) == ["v1.0.0"]


def test_tags_are_written_and_replaced(registry: Registry, name: str, folder: Path) -> None:
    """The mark a verdict leaves on a version."""
    registry.register(name, "v1.0.0", folder, actor="ann")

    registry.tag(name, "v1.0.0", "validation_status", "pending")
    registry.tag(name, "v1.0.0", "validation_status", "rejected")

    assert registry.version(name, "v1.0.0").tags["validation_status"] == "rejected"


def test_many_versions_are_all_found(registry: Registry, name: str, folder: Path) -> None:
    """MLflow answers in pages."""
    made = registry.register(name, "v1.0.0", folder, actor="ann")
    registry.page_size = 2
    body = {"name": name, "source": made.source, "run_id": made.run_id}
    for _ in range(4):
        registry.rest.post("model-versions/create", body)

    assert [version.number for version in registry.versions(name)] == [1, 2, 3, 4, 5]


def test_who_answers_but_is_not_mlflow_is_told_apart(tmp_path: Path) -> None:
    """A wrong port gives a clear error, not a puzzle."""
    port = free_port()
    argv = [str(PYTHON), "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    with (
        (tmp_path / "log").open("wb") as log,
        process([*argv, "-d", str(tmp_path)], log) as running,
    ):
        wait_for(f"http://127.0.0.1:{port}/", running)
        with Registry(f"http://127.0.0.1:{port}") as registry:
            with pytest.raises(RegistryError) as caught:
                registry.names()
            assert not isinstance(caught.value, Forbidden | Conflict)
