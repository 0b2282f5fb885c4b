"""What a release needs outside of its cluster: whether it answers, asked from this machine."""

import socket
import struct

import httpx

from rollout.checklist import HTTP, POSTGRES, Dependency
from rollout.checklist_line import Line, Outcome

SECONDS = 3.0
# The one message of Postgres that needs no name: it is answered with one letter, before a login.
SSL_REQUEST = struct.pack("!ii", 8, 80877103)
ANSWERS = {b"S": "with TLS", b"N": "without TLS"}


def dependency_line(asked: Dependency) -> Line:
    """OK says that it answers here and now: not that it answers the pods, or works."""
    name = f"dependency {asked.name}"
    try:
        wrong, said = _http(asked.address) if asked.way == HTTP else _socket(asked)
    except (OSError, httpx.HTTPError, httpx.InvalidURL) as error:
        wrong, said = True, f"{asked.address} does not answer: {error or type(error).__name__}"
    if wrong:
        return Line(
            name, Outcome.FAIL, said, f"{asked.name} running, or its address in the checklist"
        )
    return Line(name, Outcome.OK, said)


def _http(url: str) -> tuple[bool, str]:
    status = httpx.get(url, timeout=SECONDS).status_code
    return status >= httpx.codes.BAD_REQUEST, f"{url} answers {status} here"


def _socket(asked: Dependency) -> tuple[bool, str]:
    host, _, port = asked.address.rpartition(":")
    with socket.create_connection((host.strip("[]"), int(port)), SECONDS) as connection:
        if asked.way != POSTGRES:
            return False, f"{asked.address} takes connections here"
        connection.settimeout(SECONDS)
        connection.sendall(SSL_REQUEST)
        answer = connection.recv(1)
    if answer not in ANSWERS:
        return True, f"{asked.address} takes connections, but is no Postgres"
    said = f"a Postgres answers at {asked.address}, {ANSWERS[answer]}"
    return False, f"{said}; whether it lets anyone in was not tried"
