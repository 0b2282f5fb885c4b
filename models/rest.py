"""MLflow over its documented REST API: calls with JSON, and files through the artifact proxy.

The SDK would say the same sentences after an import of four seconds.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import httpx
import orjson

from models.errors import Invalid, RegistryError
from models.mapping import error_for_status, translated
from rollout.credentials import redacted

API = "/api/2.0/mlflow/"
FILES = "/api/2.0/mlflow-artifacts/artifacts"

Json = dict[str, Any]


class Rest:
    """One connection pool to one MLflow server; every failure is an error of our own tree."""

    def __init__(self, url: str, timeout: float) -> None:
        self.where = without_credentials(url)
        with translated(self.where):
            self._client = httpx.Client(base_url=url, timeout=timeout, trust_env=False)

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def get(self, endpoint: str, **query: str) -> Json:
        """Ask for something."""
        return self._call("GET", endpoint, params=query)

    def post(self, endpoint: str, body: Mapping[str, object]) -> Json:
        """Create or change something."""
        return self._call("POST", endpoint, content=orjson.dumps(body))

    def delete(self, endpoint: str, body: Mapping[str, object]) -> Json:
        """Remove something."""
        return self._call("DELETE", endpoint, content=orjson.dumps(body))

    def list_files(self, folder: str) -> list[str]:
        """Paths of all files below a folder of the artifact proxy, relative to it."""
        return sorted(self._walk(folder.strip("/"), ""))

    def upload(self, path: str, file: Path) -> None:
        """Store one file, streamed; the name is taken from `path`."""
        with file.open("rb") as content, translated(self.where):
            response = self._client.put(_file_url(path), content=content)
        self._raise_for(response, path)

    def upload_bytes(self, path: str, content: bytes) -> None:
        """Store a small file from memory."""
        with translated(self.where):
            response = self._client.put(_file_url(path), content=content)
        self._raise_for(response, path)

    def read_bytes(self, path: str) -> bytes:
        """Fetch a small file into memory."""
        with translated(self.where):
            response = self._client.get(_file_url(path))
        self._raise_for(response, path)
        return response.content

    def download(self, path: str, target: Path) -> None:
        """Fetch one file, streamed, making its folders."""
        target.parent.mkdir(parents=True, exist_ok=True)
        with translated(self.where), self._client.stream("GET", _file_url(path)) as response:
            if response.is_error:
                response.read()
            self._raise_for(response, path)
            with target.open("wb") as file:
                for chunk in response.iter_bytes():
                    file.write(chunk)

    def _walk(self, folder: str, below: str) -> Iterator[str]:
        query = {"path": f"{folder}/{below}".rstrip("/")}
        for entry in self._call("GET", FILES, params=query).get("files", []):
            path = f"{below}/{entry['path']}".lstrip("/")
            if entry.get("is_dir"):
                yield from self._walk(folder, path)
            else:
                yield path

    def _call(
        self,
        method: str,
        endpoint: str,
        *,
        params: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> Json:
        url = endpoint if endpoint.startswith("/") else API + endpoint
        headers = {"content-type": "application/json"} if content is not None else None
        with translated(self.where):
            response = self._client.request(
                method, url, params=params, content=content, headers=headers
            )
        self._raise_for(response, endpoint)
        answer = _parsed(response)
        if answer is None:
            raise RegistryError(f"{self.where} does not answer like an MLflow server")
        return answer

    def _raise_for(self, response: httpx.Response, about: str) -> None:
        if not response.is_error:
            return
        answer = _parsed(response) or {}
        code, message = answer.get("error_code"), answer.get("message")
        kind = error_for_status(response.status_code, code)
        said = redacted(str(message or f"HTTP {response.status_code}")).splitlines()[0][:300]
        raise kind(f"MLflow at {self.where}: {said} ({about})")


def without_credentials(url: str) -> str:
    """The address for messages: no user, no password, no query."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        raise Invalid("the MLflow address is not a URL") from None
    if parts.scheme not in ("http", "https") or not host:
        raise Invalid("the MLflow address must start with http:// or https:// and name a host")
    return urlunsplit((parts.scheme, f"[{host}]{port}" if ":" in host else host + port, "", "", ""))


def proxied(uri: str) -> str:
    """Path inside the artifact proxy of an `mlflow-artifacts:` URI; Invalid for other stores."""
    parts = urlsplit(uri)
    if parts.scheme != "mlflow-artifacts":
        raise Invalid(
            f"files at {parts.scheme or 'a local path'}: are not served by MLflow; "
            "register the model from a directory instead"
        )
    return parts.path.strip("/")


def _file_url(path: str) -> str:
    return f"{FILES}/{quote(path)}"


def _parsed(response: httpx.Response) -> Json | None:
    try:
        answer = orjson.loads(response.content or b"{}")
    except orjson.JSONDecodeError:
        return None
    return answer if isinstance(answer, dict) else None
