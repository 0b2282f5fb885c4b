"""Waiting until a wanted process works."""

import http.client
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from cluster.errors import NotFound, Unavailable
from cluster.local.home import Home
from cluster.local.processes import ProcessSpec, Running, recorded, wanted
from cluster.local.scan import listens
from rollout.credentials import redacted
from rollout.words import duration

GIVE_UP_AFTER_DEATHS = 3
PROBE_SECONDS = 2.0
LAST_WORDS, LAST_LETTERS = 5, 4_000


def _unchecked() -> None:
    """What starts under no lock has nobody to ask."""


def wait_ready(
    home: Home, role: str, timeout: float, check: Callable[[], None] = _unchecked
) -> Running:
    """Wait until the role's own process answers its `ready_url`.

    Unavailable, with its last words, after `timeout` seconds or once it has died three times; what
    `check` raises ends it early.
    """
    spec = wanted(home, role)
    if spec is None:
        raise NotFound(f"{role} is not wanted, so nothing starts it")
    deadline = time.monotonic() + timeout
    deaths_before: int | None = None
    while time.monotonic() < deadline:
        check()
        if wanted(home, role) != spec:
            raise Unavailable(f"{role} was taken out again while it started")
        seen = recorded(home, role)
        if seen is not None and seen.spec == spec.digest:
            if deaths_before is None:
                deaths_before = seen.deaths
            if seen.alive and is_ready(spec, seen):
                return seen
            if seen.deaths - deaths_before >= GIVE_UP_AFTER_DEATHS:
                raise _not_ready(home, role, f"keeps ending with exit code {seen.last_exit}")
        time.sleep(0.02)
    late = recorded(home, role)
    if late is not None and late.alive:
        raise _not_ready(home, role, f"lives, but is not ready after {duration(timeout)}")
    raise _not_ready(home, role, f"is not ready after {duration(timeout)}")


def is_ready(spec: ProcessSpec, process: Running) -> bool:
    """Whether it answers 200 at its `ready_url`, and it is this process that does."""
    if spec.ready_url is None:
        return True
    # The listener is compared last: it costs most, and another site's server may answer here.
    return (
        answers(spec.ready_url)
        and process.pid is not None
        and spec.port is not None
        and listens(process.pid, spec.port)
    )


def answers(url: str) -> bool:
    """Whether a GET of the address gives 200."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=PROBE_SECONDS)
    try:
        connection.request("GET", parts.path or "/")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def last_words(home: Home, role: str) -> str:
    """The end of the role's log, for an error message."""
    file = home.log_file(role)
    if not file.exists():
        return "it printed nothing"
    lines = redacted(file.read_text(errors="replace")).splitlines()
    return "\n".join(lines[-LAST_WORDS:])[-LAST_LETTERS:] or "it printed nothing"


def _not_ready(home: Home, role: str, what: str) -> Unavailable:
    return Unavailable(
        f"{role} {what}; its last words:\n{last_words(home, role)}",
        hint=f"where the machine is busy the same command goes on waiting; {home.log_file(role)}",
    )


def in_one_line(said: str) -> str:
    """A server's end without all of its last words: what happened, and the last line of them."""
    first, *words = said.splitlines()
    return ": ".join([first.removesuffix("; its last words:"), *words[-1:]])
