"""Images: what they are called by, and what a registry that answers as it is told makes of them.

A real registry is asked in tests/kubernetes/test_image_registry.py; this one gives what that does
not.
"""

import socket

import pytest
from scripted_api import Script, Told, serving

from cluster.kubernetes.registry import Reference, in_registry, reference
from rollout.checklist_line import Line, Outcome

DIGEST = "sha256:" + "a" * 64
OK, FAIL, NOT_CHECKED = Outcome.OK, Outcome.FAIL, Outcome.NOT_CHECKED
CONTENT = "docker-content-digest"
SPEAKS = {"docker-distribution-api-version": "registry/2.0"}
OTHER = "sha256:" + "b" * 64


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("registry.example/shop/price:1", Reference("registry.example", "shop/price", "1")),
        ("registry.example/price", Reference("registry.example", "price", "latest")),
        ("registry.example:5000/price:1", Reference("registry.example:5000", "price", "1")),
        ("localhost/price:1", Reference("localhost", "price", "1")),
        ("registry:5000/price", Reference("registry:5000", "price", "latest")),
        ("[::1]:5000/price:1", Reference("[::1]:5000", "price", "1")),
        (f"registry.example/price:1@{DIGEST}", Reference("registry.example", "price", DIGEST)),
        ("shop/price:1", Reference(None, "shop/price", "1")),
        ("price", Reference(None, "price", "latest")),
        ("Price:1", None),
        ("registry.example/price:", None),
        ("registry.example/price@sha256:abc", None),
        ("registry.example:70000/price", None),
        ("https://registry.example/price", None),
        ("registry.example/price:1 ", None),
        ("", None),
    ],
)
def test_a_reference_is_a_registry_a_name_and_what_is_wanted(
    image: str, expected: Reference | None
) -> None:
    """A first part that could be a folder is no registry, and a digest wins over a tag."""
    assert reference(image) == expected


@pytest.mark.parametrize(
    ("host", "scheme"),
    [
        ("registry.example", "https"),
        ("127.0.0.1:5000", "http"),
        ("[::1]:5000", "http"),
        ("localhost", "http"),
        ("localhost.example", "https"),
        ("127.0.0.1.example", "https"),
    ],
)
def test_only_a_registry_on_this_machine_is_asked_without_encryption(
    host: str, scheme: str
) -> None:
    """A name that merely begins like one is not."""
    assert Reference(host, "price", "1").url == f"{scheme}://{host}/v2/price/manifests/1"


def asked(wanted: str, *answers: Told) -> tuple[Line, Script]:
    """What is said of an image, and what its registry was asked."""
    with serving(*answers) as (access, script):
        host = access.server.removeprefix("http://")
        return in_registry(f"{host}/shop/price{wanted}"), script


@pytest.mark.parametrize(
    ("wanted", "answer", "outcome", "words"),
    [
        (":1", Told(200, {}), OK, "has shop/price 1"),
        (":1", Told(200, {}, {CONTENT: DIGEST}), OK, "has shop/price 1, today sha256:aaaa"),
        (f"@{DIGEST}", Told(200, {}, {CONTENT: DIGEST}), OK, "has shop/price sha256:aaaa"),
        (f"@{DIGEST}", Told(200, {}, {CONTENT: OTHER}), FAIL, "gives sha256:bbbb"),
        (":1", Told(404, {}, SPEAKS), FAIL, "has no shop/price 1"),
        (":1", Told(404, {"errors": [{"code": "MANIFEST_UNKNOWN"}]}), FAIL, "has no shop/price 1"),
        (":1", Told(404, b"<html>not found"), NOT_CHECKED, "answered 404"),
        (":1", Told(404, {}), NOT_CHECKED, "answered 404"),
        (":1", Told(500, {}), NOT_CHECKED, "answered 500"),
        (":1", Told(429, {}), NOT_CHECKED, "answered 429"),
        (":1", Told(403, {}), NOT_CHECKED, "to nobody without credentials"),
        (":1", Told(401, {}, {"www-authenticate": "Basic realm=x"}), NOT_CHECKED, "to nobody"),
        (":1", Told(401, {}, {"www-authenticate": "Bearer"}), NOT_CHECKED, "to nobody"),
        (":1", Told(401, {}), NOT_CHECKED, "to nobody"),
        (":1", Told(307, {}, {"location": "/v2/"}), NOT_CHECKED, "from here: Exceeded"),
    ],
)
def test_what_a_registry_answers_is_one_outcome(
    wanted: str, answer: Told, outcome: Outcome, words: str
) -> None:
    """Only a registry says that an image is not there; all that is unclear others must look at."""
    line, _ = asked(wanted, answer)

    assert (line.name, line.outcome) == ("image", outcome)
    assert words in line.evidence


def challenged(given: Told, then: Told) -> tuple[Line, Script, Script]:
    """What is said where a registry wants a token; what it and the token server were asked."""
    with serving(given) as (tokens, of_tokens):
        where = f'realm="{tokens.server}/token",service="shop",scope="repository:x:pull"'
        line, of_registry = asked(
            ":1", Told(401, {}, {"www-authenticate": f"Bearer {where}"}), then
        )
    return line, of_registry, of_tokens


@pytest.mark.parametrize(
    ("given", "then", "outcome", "words"),
    [
        (Told(200, {"token": "t"}), 200, OK, "has shop/price 1"),
        (Told(200, {"access_token": "t"}), 200, OK, "has shop/price 1"),
        (Told(200, {"token": "t"}), 404, FAIL, "has no shop/price 1"),
        (Told(200, {"token": "t"}), 401, NOT_CHECKED, "to nobody without credentials"),
        (Told(401, {}), 200, NOT_CHECKED, "to nobody without credentials"),
        (Told(200, {}), 200, NOT_CHECKED, "127.0.0.1 answered 200 and no token"),
        (Told(200, []), 200, NOT_CHECKED, "127.0.0.1 answered 200 and no token"),
        (Told(404, b"<html>"), 200, NOT_CHECKED, "127.0.0.1 answered 404 and no token"),
        (Told(200, {"token": "t\u00e9"}), 200, NOT_CHECKED, "a token that no header may hold"),
    ],
)
def test_where_a_token_is_wanted_that_of_anybody_is_shown(
    given: Told, then: int, outcome: Outcome, words: str
) -> None:
    """A token server that knows us not, or is lost, leaves it to whoever it knows."""
    line, *_ = challenged(given, Told(then, {}, SPEAKS))

    assert line.outcome is outcome
    assert words in line.evidence


def test_a_token_is_asked_for_as_the_challenge_says() -> None:
    """For nobody in particular: no credentials are sent anywhere."""
    _, of_registry, of_tokens = challenged(Told(200, {"token": "t1"}), Told(200, {}))

    assert [path for _, path, _ in of_registry.asked] == ["/v2/shop/price/manifests/1"] * 2
    assert [path for _, path, _ in of_tokens.asked] == [
        "/token?service=shop&scope=repository%3Ax%3Apull"
    ]
    assert (of_registry.signed, of_tokens.signed) == ([None, "Bearer t1"], [None])


def test_a_registry_that_cannot_be_reached_is_for_others_to_look_at() -> None:
    """Nodes may reach one that this machine does not."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    line = in_registry(f"127.0.0.1:{port}/price:1")

    assert line.outcome is Outcome.NOT_CHECKED
    assert f"127.0.0.1:{port} cannot be asked from here: " in line.evidence


@pytest.mark.parametrize(
    ("image", "outcome"),
    [("shop/price:1", Outcome.NOT_CHECKED), ("shop/Price:1", Outcome.FAIL)],
)
def test_an_image_without_a_registry_is_asked_nowhere(image: str, outcome: Outcome) -> None:
    """Which one the nodes ask is not known here, and none is guessed."""
    line = in_registry(image)

    assert line.outcome is outcome
    assert line.remedy
