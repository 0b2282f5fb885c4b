"""Short questions to MLflow and Prefect over HTTP: 150 ms of patience, else "not answering"."""

import http.client
import json
from typing import Any
from urllib.parse import quote, urlsplit

from flows.site import Site

PATIENCE = 0.15
NOT_ANSWERING = "not answering"


def healthy(url: str) -> str:
    """ "ok", or "not answering"."""
    status, _ = get(url)
    return "ok" if status == 200 else NOT_ANSWERING


def prefect_answers(here: Site) -> bool:
    """Whether the site's Prefect server is healthy; a flow process waits a second for that."""
    status, _ = get(f"{here.prefect_url}/api/health", patience=1.0)
    return status == 200


def alias(mlflow: str, model: str, name: str) -> str | None:
    """The release that an alias names, None where it does not exist; or "not answering"."""
    query = f"name={quote(model)}&alias={quote(name)}"
    status, body = get(f"{mlflow}/api/2.0/mlflow/registered-models/alias?{query}")
    if status in (400, 404):
        return None
    if status != 200:
        return NOT_ANSWERING
    tags = {tag["key"]: tag["value"] for tag in body["model_version"].get("tags", [])}
    return str(tags.get("release", f"version {body['model_version']['version']}"))


def get(url: str, patience: float = PATIENCE) -> tuple[int | None, dict[str, Any]]:
    """Status and JSON body; (None, {}) where nothing usable came in time."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.netloc, timeout=patience)
    try:
        connection.request("GET", f"{parts.path}?{parts.query}")
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException):
        return None, {}
    finally:
        connection.close()
    try:
        content = json.loads(body)
    except ValueError:
        content = {}
    return answer.status, content if isinstance(content, dict) else {}
