"""What an API server refuses, and what is said about it: one error of ours each, with a remedy."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import httpx
import pytest
from scripted_api import Told, access, serving, status

from cluster import errors
from cluster.errors import Unavailable
from cluster.kubernetes import api as requests
from cluster.kubernetes.api import Api
from cluster.kubernetes.kinds import DEPLOYMENT
from cluster.local.ports import free_ports

FORBIDDEN = (
    'deployments.apps "price" is forbidden: User "ann" cannot patch resource "deployments" in API'
    ' group "apps" in the namespace "shop"'
)
QUOTA = 'deployments.apps "price" is forbidden: exceeded quota: small, requested: count=1'
CONFLICT = {
    "causes": [
        {
            "reason": "FieldManagerConflict",
            "message": 'conflict with "kubectl-edit" using apps/v1',
            "field": ".spec.replicas",
        }
    ]
}
WRONG = {"causes": [{"reason": "Invalid", "message": "must be >= 0", "field": "spec.replicas"}]}
WEBHOOK = 'admission webhook "guard.example" denied the request: no release on Friday'
UNCONVERTED = "conversion webhook for example.com/v1, Kind=Shop failed: EOF"
UNASKED = 'failed calling webhook "guard.example": connect: connection refused'
NOWHERE = 'namespaces "shop" not found'
ENDING = (
    'deployments.apps "price" is forbidden: unable to create new content in namespace shop '
    "because it is being terminated"
)

UNTYPED = (
    "failed to create typed patch object (shop/price; apps/v1, Kind=Deployment):"
    " .spec.typo: field not declared in schema"
)


@pytest.mark.parametrize(
    ("code", "reason", "message", "details", "kind", "words"),
    [
        (401, "Unauthorized", "Unauthorized", {}, errors.Unknown, ["does not know who asks"]),
        (
            403, "Forbidden", FORBIDDEN, {}, errors.Forbidden,
            ['apiGroups: ["apps"], resources: ["deployments"], verbs: ["patch"]', "shop"],
        ),
        (
            403, "Forbidden", FORBIDDEN.replace("patch", "create"), {}, errors.Forbidden,
            ['resources: ["deployments"], verbs: ["create"]'],
        ),
        (403, "Forbidden", QUOTA, {}, errors.Refused, ["exceeded quota: small"]),
        (404, "NotFound", "not found", {}, errors.NotFound, ["Deployment price in shop"]),
        (404, "NotFound", NOWHERE, {}, errors.NotFound, ["has no namespace shop", "price"]),
        (409, "AlreadyExists", "exists", {}, errors.Changed, ["exists already"]),
        (409, "Conflict", "object was modified", {}, errors.Changed, ["changed while"]),
        (409, "Conflict", "conflict", CONFLICT, errors.Owned, ["kubectl-edit", "spec.replicas"]),
        (422, "Invalid", "invalid", WRONG, errors.Invalid, ["spec.replicas: must be >= 0"]),
        (400, "BadRequest", "unknown field x", {}, errors.Invalid, ["unknown field x"]),
        (500, "", UNTYPED, {}, errors.Invalid, [".spec.typo: field not declared in schema"]),
        (400, "", WEBHOOK, {}, errors.Refused, ["no release on Friday", "a webhook of the"]),
        (403, "Forbidden", WEBHOOK, {}, errors.Refused, ["no release on Friday", "a webhook of"]),
        (500, "InternalError", UNASKED, {}, errors.Refused, ["a webhook of", "refused"]),
        (500, "", UNCONVERTED, {}, errors.Refused, ["a webhook of", "conversion"]),
        (403, "Forbidden", ENDING, {}, errors.Refused, ["the namespace is being deleted"]),
        (500, "InternalError", "etcd went away", {}, errors.Unavailable, ["500", "etcd went"]),
        (503, "ServiceUnavailable", "starting", {}, errors.Unavailable, ["503", "starting"]),
        (504, "Timeout", "too slow", {}, errors.Unavailable, ["504"]),
    ],
    ids=[
        "no credentials", "missing right", "making",
        "quota", "not there", "no namespace", "exists", "stale", "owned",
        "invalid field", "bad request", "field of no schema",
        "webhook", "webhook with a code", "webhook that is not there", "webhook of versions",
        "namespace that ends", "server error", "unavailable", "gateway",
    ],
)  # fmt: skip
def test_each_refusal_is_one_error_with_a_remedy(
    code: int,
    reason: str,
    message: str,
    details: dict[str, object],
    kind: type[errors.ClusterError],
    words: list[str],
) -> None:
    """The class says what a caller may do, the words what a person must know."""
    told = Told(code, status(code, reason, message, **details))
    with serving(told) as (way, _), pytest.raises(kind) as raised:
        Api(way).apply(DEPLOYMENT, {"metadata": {"name": "price"}})

    assert type(raised.value) is kind
    assert raised.value.hint
    for word in words:
        assert word in str(raised.value)


@pytest.mark.parametrize("body", [b"", b"<html>502</html>", b"[1]"], ids=["empty", "html", "list"])
def test_an_answer_that_is_no_status_is_still_told(body: bytes) -> None:
    """A proxy in between speaks another language than the API server."""
    with serving(Told(502, body)) as (way, _), pytest.raises(errors.Unavailable, match="502"):
        Api(way).get(DEPLOYMENT, "price")


def test_a_busy_server_is_waited_for_as_long_as_it_asks() -> None:
    """429 with Retry-After: the same request again after that time, and it goes through."""
    busy = Told(429, status(429, "TooManyRequests", "busy"), {"retry-after": "1"})
    with serving(busy, Told(200, {"kind": "Deployment"})) as (way, script):
        begun = time.monotonic()
        assert Api(way).get(DEPLOYMENT, "price") == {"kind": "Deployment"}

    assert time.monotonic() - begun >= 1
    assert len(script.asked) == 2


def test_a_server_that_stays_busy_is_given_up_within_the_patience() -> None:
    """A wait longer than the patience is not begun: the error says how long was asked for."""
    busy = Told(429, status(429, "TooManyRequests", "busy"), {"retry-after": "30"})
    with serving(busy) as (way, script), pytest.raises(errors.Overloaded, match="30 s") as raised:
        Api(way, patience=2).get(DEPLOYMENT, "price")

    assert raised.value.seconds == 30
    assert len(script.asked) == 1


def test_a_server_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A frozen server costs a bounded time, and the error says that it did not answer."""
    monkeypatch.setattr(requests, "TIMEOUT", httpx.Timeout(0.3))
    with serving(Told(200, {}, delay=1)) as (way, _):
        begun = time.monotonic()
        with pytest.raises(errors.Unavailable, match=r"did not answer in 0.3 s.*get deployments"):
            Api(way).get(DEPLOYMENT, "price")

        assert time.monotonic() - begun < 0.9


def test_a_server_that_is_not_there_is_named() -> None:
    """Connection refused names the address and the context, and how to look."""
    url = f"http://127.0.0.1:{free_ports(1)[0]}"
    with pytest.raises(errors.Unavailable, match=rf"{url} \(test\) cannot be reached") as raised:
        Api(access(url)).get(DEPLOYMENT, "price")

    assert "kubectl cluster-info" in raised.value.hint


@pytest.mark.parametrize(
    ("off", "told"),
    [(0.0, 0.0), (90.0, 90.0), (-90.0, -90.0)],
    ids=["right clock", "our clock is slow", "our clock is fast"],
)
def test_time_is_the_servers(off: float, told: float) -> None:
    """Expiries are compared by one clock: the API server's, as far as its answers tell it."""
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=off), usegmt=True)
    with serving(Told(200, {}, date=date)) as (way, _):
        asked = Api(way)
        asked.get(DEPLOYMENT, "price")

        ahead = (asked.now() - datetime.now(UTC)).total_seconds()

    assert ahead == pytest.approx(told, abs=2.1)
    assert (ahead == pytest.approx(0, abs=0.1)) is (told == 0)


def test_requests_carry_the_token() -> None:
    """A bearer token goes into every request, and into no representation of the access."""
    with serving(Told(200, {})) as (way, script):
        told = replace(way, token="s3cret")
        Api(told).get(DEPLOYMENT, "price")
        Api(way).get(DEPLOYMENT, "price")

    assert script.signed == ["Bearer s3cret", None]
    assert "s3cret" not in repr(told)


def test_a_token_that_is_renewed_goes_on_being_the_right_one(tmp_path: Path) -> None:
    """A pod's own token lasts an hour, a rollout may last longer; without it nothing is asked."""
    file = tmp_path / "token"
    with serving(Told(200, {})) as (way, script):
        asked = Api(replace(way, token_file=file))
        for token in ("old", "new"):
            file.write_text(f"{token}\n")
            asked.get(DEPLOYMENT, "price")
        file.unlink()
        with pytest.raises(Unavailable, match=f"the token {file} cannot be read"):
            asked.get(DEPLOYMENT, "price")

    assert script.signed == ["Bearer old", "Bearer new"]


PROXIED = "error trying to reach service: dial tcp 10.0.0.9:8080: connect: connection refused"


@pytest.mark.parametrize(
    ("told", "found"),
    [
        (Told(200, {"prediction": 1.5}), 200),
        (Told(503, {"error": "the model is being loaded"}), 503),
        (Told(503, status(503, "ServiceUnavailable", PROXIED)), None),
    ],
    ids=["it answers", "it answers that it cannot", "it does not answer"],
)
def test_a_pod_that_is_asked_by_way_of_the_server_speaks_for_itself(
    told: Told, found: int | None
) -> None:
    """Its status is its own, and silence is none."""
    with serving(told) as (way, script):
        assert Api(way).forward("price-1", 8080, "/predict", b'{"a": 1}') == found
    (asked,) = script.asked
    assert asked == ("POST", "/api/v1/namespaces/shop/pods/price-1:8080/proxy/predict", {"a": 1})


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        (Told(503, status(503, "ServiceUnavailable", "starting")), errors.Unavailable),
        (Told(500, status(500, "InternalError", "etcd went away")), errors.Unavailable),
        (Told(403, status(403, "Forbidden", FORBIDDEN)), errors.Forbidden),
        (Told(404, status(404, "NotFound", "not found")), errors.NotFound),
    ],
    ids=["starting", "broken", "forbidden", "no such pod"],
)
def test_what_fails_at_the_server_is_no_answer_of_the_pod(
    told: Told, kind: type[errors.ClusterError]
) -> None:
    """A version must not be condemned for the platform."""
    with serving(told) as (way, _), pytest.raises(kind):
        Api(way).forward("price-1", 8080, "/predict", b"{}")


def test_a_busy_server_is_waited_for_before_a_pod_is_asked() -> None:
    """As for every other request."""
    busy = Told(429, status(429, "TooManyRequests", "slow down"), {"retry-after": "1"})
    with serving(busy, Told(200, {})) as (way, script):
        assert Api(way).forward("price-1", 8080, "/predict", b"{}") == 200
    assert len(script.asked) == 2
