"""A Prefect server over plain HTTP, for those that must not wait for Prefect's import."""

import base64
import contextlib
import http.client
import json
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import urlsplit

from flows.refusal import bad_input

PATIENCE = 5.0
BATCH = 50
"""How many runs the server changes at a time."""


class PrefectLost(Exception):
    """The server did not answer in time, or not as it should."""


class Server(Protocol):
    """Which server is asked, and with what it is told who asks."""

    @property
    def prefect_api(self) -> str: ...
    @property
    def prefect_login(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Configured:
    """The server that ``$PREFECT_API_URL`` names; the login comes from a Secret, and stays here."""

    prefect_api: str
    prefect_login: str | None = field(default=None, repr=False)


def configured() -> Configured:
    """The server that the environment names to Prefect; bad input where that is no address.

    Of Prefect's settings these three are read; files that end in a line feed are common in Secrets.
    """
    url, key, pair = (
        os.environ.get(f"PREFECT_API_{name}", "").strip() for name in ("URL", "KEY", "AUTH_STRING")
    )
    url = url.rstrip("/")
    if not _is_address(url):
        raise bad_input(
            "PREFECT_API_URL is no address", "http:// or https://, host and /api; no login in it"
        )
    if key:
        return Configured(url, f"Bearer {key}")
    coded = base64.b64encode(pair.encode()).decode() if pair else ""
    return Configured(url, f"Basic {coded}" if coded else None)


def _is_address(url: str) -> bool:
    """With a login in it, it would be told in errors."""
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return named and parts.scheme in ("http", "https") and "@" not in parts.netloc


def call(here: Server, method: str, path: str, body: object = None) -> Any:
    """The JSON that the server answers, None for an empty answer; PrefectLost otherwise."""
    parts = urlsplit(here.prefect_api)
    secure = parts.scheme == "https"
    opened = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    content = None if body is None else json.dumps(body)
    headers = {"Content-Type": "application/json"}
    if here.prefect_login is not None:
        headers["Authorization"] = here.prefect_login
    try:
        with contextlib.closing(opened(parts.netloc, timeout=PATIENCE)) as connection:
            connection.request(method, f"{parts.path}/{path}", content, headers)
            answer = connection.getresponse()
            text = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise PrefectLost(f"{path}: {error or type(error).__name__}") from error
    except ValueError:
        # Its text would repeat the login.
        raise PrefectLost(f"{path}: the login holds what no header may hold") from None
    if answer.status >= 300:
        raise PrefectLost(f"{path}: status {answer.status}")
    try:
        return json.loads(text) if text else None
    except ValueError as error:
        raise PrefectLost(f"{path}: no JSON") from error


def runs(here: Server, wanted: dict[str, Any]) -> list[dict[str, Any]]:
    """The flow runs that fit Prefect's own filter, at most 200."""
    found: list[dict[str, Any]] = call(here, "POST", "flow_runs/filter", {"flow_runs": wanted})
    return found


def due(here: Server, deployment: str) -> list[dict[str, Any]]:
    """The runs of a deployment whose time has come, the longest waiting first."""
    wanted = {"deployment_ids": [deployment], "scheduled_before": datetime.now(UTC).isoformat()}
    found: list[dict[str, Any]] = call(here, "POST", "deployments/get_scheduled_flow_runs", wanted)
    return found


def enter(here: Server, run_id: str, kind: str, name: str, message: str) -> None:
    """Set the state of a flow run, whatever it is now."""
    state = {"type": kind, "name": name, "message": message}
    call(here, "POST", f"flow_runs/{run_id}/set_state", {"state": state, "force": True})


def rename(here: Server, run_id: str, name: str) -> None:
    """Give a flow run a name that people can read."""
    call(here, "PATCH", f"flow_runs/{run_id}", {"name": name})


def remove(here: Server, wanted: dict[str, Any]) -> int:
    """Delete flow runs that fit the filter, a batch at most; how many there were."""
    done = call(here, "POST", "flow_runs/bulk_delete", {"flow_runs": wanted, "limit": BATCH})
    return len(done["deleted"])


def tag(here: Server, run_id: str, tags: list[str]) -> None:
    """Give a flow run these tags in place of those it has."""
    call(here, "PATCH", f"flow_runs/{run_id}", {"tags": tags})


def ensure_pool(here: Server, name: str) -> None:
    """Have a work pool of processes of that name; one that is there stays as it is."""
    found = call(here, "POST", "work_pools/filter", {"work_pools": {"name": {"any_": [name]}}})
    if not found:
        call(here, "POST", "work_pools/", {"name": name, "type": "process"})
