"""A kubeconfig says who asks whom: read whole, or refused with what is wrong and what is known."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.errors import ClusterError, NotFound, StateDamaged, Unknown
from cluster.kubernetes.kubeconfig import read_access


def config(**user: object) -> dict[str, Any]:
    """Two contexts of one cluster; the current one has no namespace of its own."""
    return {
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1/"}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [
            {"name": "eu", "context": {"cluster": "c", "user": "u"}},
            {"name": "us", "context": {"cluster": "c", "user": "u", "namespace": "shop"}},
        ],
        "current-context": "eu",
    }


def written(path: Path, content: object) -> Path:
    """A kubeconfig file."""
    file = path / "config"
    file.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return file


@pytest.mark.parametrize(
    ("context", "namespace", "expected"),
    [
        (None, None, ("eu", "default")),
        ("us", None, ("us", "shop")),
        ("us", "staging", ("us", "staging")),
    ],
    ids=["current", "named", "namespace given"],
)
def test_the_context_decides(
    tmp_path: Path, context: str | None, namespace: str | None, expected: tuple[str, str]
) -> None:
    """The current context is the default; a namespace that is given beats that of the context."""
    told = read_access(written(tmp_path, config(token="t")), context, namespace)

    assert (told.context, told.namespace) == expected
    assert (told.server, told.token) == ("https://127.0.0.1:1", "t")


def test_a_token_in_a_file_is_read(tmp_path: Path) -> None:
    """As pods have it; the path is relative to the kubeconfig."""
    (tmp_path / "token").write_text("from-file\n")

    told = read_access(written(tmp_path, config(tokenFile="token")), None, None)

    assert told.bearer() == "from-file"


@pytest.mark.parametrize(
    ("content", "kind", "words"),
    [
        (config() | {"current-context": "asia"}, NotFound, r"no context 'asia'. Known: eu, us"),
        (config() | {"current-context": ""}, NotFound, r"no context ''"),
        (config() | {"clusters": []}, NotFound, r"no cluster 'c'. Known: none"),
        (config() | {"users": []}, NotFound, r"no user 'u'"),
        (config(exec={"command": "aws"}), Unknown, r"signs in by 'exec', which is not built in"),
        ("{", StateDamaged, r"cannot be read"),
        ("just text", StateDamaged, r"is no kubeconfig"),
        ("", StateDamaged, r"is no kubeconfig"),
        (config(**{"client-certificate-data": "%%%"}), StateDamaged, r"is no kubeconfig"),
        (config(**{"client-certificate-data": "aGFsbG8="}), StateDamaged, r"is no kubeconfig"),
    ],
    ids=[
        "unknown context", "no context", "no cluster", "no user", "exec", "no yaml", "text",
        "empty", "no base64", "no certificate",
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused(
    tmp_path: Path, content: object, kind: type[ClusterError], words: str
) -> None:
    """The error names what is missing or wrong, and how to look."""
    with pytest.raises(kind, match=words) as raised:
        read_access(written(tmp_path, content), None, None)

    assert raised.value.hint


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """Nothing is guessed where the file is not."""
    with pytest.raises(NotFound, match="there is no kubeconfig"):
        read_access(tmp_path / "none", None, None)


def joined(folder: Path, *contents: dict[str, Any]) -> Path:
    """Files as $KUBECONFIG joins them, each in a folder of its own; one more is not there."""
    files = [folder / "none"]
    for number, content in enumerate(contents):
        place = folder / str(number)
        place.mkdir()
        files.append(written(place, content))
    return Path(":".join(map(str, files)))


def test_several_files_are_one_of_which_the_first_that_names_something_holds(
    tmp_path: Path,
) -> None:
    """A context of one, its cluster and its user of others; the first current context counts."""
    whole = config(token="later")
    users = {"users": [{"name": "u", "user": {"token": "first"}}], "current-context": ""}
    contexts = {"contexts": whole["contexts"], "current-context": "us"}
    files = joined(tmp_path, users, contexts, whole)

    told = read_access(files, None, None)

    assert (told.context, told.namespace) == ("us", "shop")
    assert (told.server, told.token) == ("https://127.0.0.1:1", "first")


def test_a_path_is_relative_to_the_file_that_it_stands_in(tmp_path: Path) -> None:
    """As kubectl has it, wherever the others lie."""
    contexts = {**config(), "users": []}
    files = joined(tmp_path, contexts, {"users": config(tokenFile="token")["users"]})
    (tmp_path / "1" / "token").write_text("of the second\n")

    assert read_access(files, None, None).bearer() == "of the second"


def test_one_of_several_that_is_none_is_named(tmp_path: Path) -> None:
    """The others are not taken alone: what it would have said is not known."""
    files = joined(tmp_path, config(token="t"))
    (tmp_path / "broken").write_text("{")

    with pytest.raises(StateDamaged, match="broken cannot be read"):
        read_access(Path(f"{files}:{tmp_path / 'broken'}"), None, None)


def test_several_of_which_none_is_there_are_refused(tmp_path: Path) -> None:
    """As one is."""
    with pytest.raises(NotFound, match=r"there is no kubeconfig .*none:.*neither"):
        read_access(Path(f"{tmp_path / 'none'}:{tmp_path / 'neither'}"), None, None)
