"""The site's Prefect server over plain HTTP, for those that must not wait for Prefect's import."""

import http.client
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from flows.site import Site

PATIENCE = 5.0
BATCH = 50
"""How many runs the server changes at a time."""


class PrefectLost(Exception):
    """The server did not answer in time, or not as it should."""


def call(here: Site, method: str, path: str, body: object = None) -> Any:
    """The JSON that the server answers, None for an empty answer; PrefectLost otherwise."""
    connection = http.client.HTTPConnection(urlsplit(here.prefect_url).netloc, timeout=PATIENCE)
    try:
        content = None if body is None else json.dumps(body)
        headers = {"Content-Type": "application/json"}
        connection.request(method, f"/api/{path}", content, headers)
        answer = connection.getresponse()
        text = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise PrefectLost(f"{path}: {error or type(error).__name__}") from error
    finally:
        connection.close()
    if answer.status >= 300:
        raise PrefectLost(f"{path}: status {answer.status}")
    try:
        return json.loads(text) if text else None
    except ValueError as error:
        raise PrefectLost(f"{path}: no JSON") from error


def runs(here: Site, wanted: dict[str, Any]) -> list[dict[str, Any]]:
    """The flow runs that fit Prefect's own filter, at most 200."""
    found: list[dict[str, Any]] = call(here, "POST", "flow_runs/filter", {"flow_runs": wanted})
    return found


def due(here: Site, deployment: str) -> list[dict[str, Any]]:
    """The runs of a deployment whose time has come, the longest waiting first."""
    wanted = {"deployment_ids": [deployment], "scheduled_before": datetime.now(UTC).isoformat()}
    found: list[dict[str, Any]] = call(here, "POST", "deployments/get_scheduled_flow_runs", wanted)
    return found


def enter(here: Site, run_id: str, kind: str, name: str, message: str) -> None:
    """Set the state of a flow run, whatever it is now."""
    state = {"type": kind, "name": name, "message": message}
    call(here, "POST", f"flow_runs/{run_id}/set_state", {"state": state, "force": True})


def rename(here: Site, run_id: str, name: str) -> None:
    """Give a flow run a name that people can read."""
    call(here, "PATCH", f"flow_runs/{run_id}", {"name": name})


def remove(here: Site, wanted: dict[str, Any]) -> int:
    """Delete flow runs that fit the filter, a batch at most; how many there were."""
    done = call(here, "POST", "flow_runs/bulk_delete", {"flow_runs": wanted, "limit": BATCH})
    return len(done["deleted"])
