"""The few words of ASGI that the model server speaks, without a framework between."""

import uuid
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any

import orjson

LONGEST_ID = 200

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: its status and its body."""

    status: int
    body: bytes
    content_type: bytes = b"application/json"


@dataclass(frozen=True, slots=True)
class Headers:
    """The request headers that matter here; the proxy removes x-pincex-* sent from outside."""

    request_id: str
    rollout: str | None
    copy: bool
    mirrored: bool
    segment: str | None

    @property
    def usable(self) -> bool:
        """Whether the id can be kept in a row and given back."""
        text = self.request_id
        return 0 < len(text) <= LONGEST_ID and text.isascii() and text.isprintable()


def problem(status: int, message: str) -> Answer:
    """An answer for a request that cannot be served, with the reason as JSON."""
    return Answer(status, orjson.dumps({"error": message}))


def read_headers(raw: Iterable[tuple[bytes, bytes]], version: str) -> Headers:
    """Pick the headers that matter to a server of `version`; an id is made where there is none.

    A gateway marks a request and its copy alike, with the version that copies go to, which gets
    nothing else meanwhile; the local proxy marks each of the two.
    """
    found = {key: value for key, value in raw if key.startswith(b"x-")}
    rollout, segment = found.get(b"x-pincex-shadow"), found.get(b"x-segment")
    copies_to = found.get(b"x-pincex-copies-to")
    return Headers(
        request_id=found[b"x-request-id"].decode("latin-1")
        if b"x-request-id" in found
        else str(uuid.uuid4()),
        rollout=rollout.decode("latin-1") if rollout else None,
        copy=found.get(b"x-pincex-copy") == b"1" or copies_to == version.encode(),
        mirrored=found.get(b"x-pincex-mirrored") == b"1" or copies_to is not None,
        segment=segment.decode("latin-1")[:LONGEST_ID] if segment else None,
    )


async def read_body(receive: Receive, limit: int) -> bytes | None:
    """The whole body; None when it is larger than `limit` bytes or its sender went away."""
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
        if len(body) > limit:
            return None
    return None if message["type"] == "http.disconnect" or len(body) > limit else body


async def respond(send: Send, answer: Answer, request_id: str | None = None) -> None:
    """Send an answer, with the request's id where it has one."""
    headers = [
        (b"content-type", answer.content_type),
        (b"content-length", str(len(answer.body)).encode()),
    ]
    if request_id is not None:
        headers.append((b"x-request-id", request_id.encode("latin-1")))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
