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
