"""Secrets in the environment, in URLs and in headers are written nowhere and said by nobody."""

import base64
import http.client
import io
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import polars as pl
import pytest

from flows.rehearsal.small_site import MODEL, UNWATCHED, Ran, SmallSite, small_site

pytestmark = [pytest.mark.site, pytest.mark.long, pytest.mark.timeout(300)]

USER, ELSEWHERE = "planted-user", "127.0.0.1:9"


def secret(name: str) -> str:
    """A word that stands nowhere else."""
    return f"s3cr3t-{name.lower()}-x9q7"


PLAIN = (
    *("PREFECT_API_KEY", "PREFECT_API_AUTH_STRING", "MLFLOW_TRACKING_PASSWORD"),
    *("MLFLOW_TRACKING_TOKEN", "AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "PINCEX_TOKEN"),
)
IN_URLS = {
    "DATABASE_URL": "postgresql://{}@db.invalid/prod",
    "PREFECT_API_URL": f"http://{{}}@{ELSEWHERE}/api",
    "MLFLOW_TRACKING_URI": f"http://{{}}@{ELSEWHERE}",
    "HTTPS_PROXY": f"http://{{}}@{ELSEWHERE}",
}
HEADERS = {
    "authorization": f"Bearer {secret('header')}",
    "cookie": f"session={secret('cookie')}",
    "x-api-key": secret("api-key"),
}
QUERY = secret("query")
ARGUMENT = secret("argument")
ENVIRONMENT = {name: secret(name) for name in PLAIN} | {
    name: form.format(f"{USER}:{secret(name)}") for name, form in IN_URLS.items()
}
URL = f"http://{USER}:{ARGUMENT}@{ELSEWHERE}/model"
WRONG = (
    ("register-model", MODEL, "v9.9.9", URL),
    ("register-model", MODEL, "v9.9.9", f"runs:/{URL}"),
    ("register-model", MODEL, "v9.9.9", f"models:/{URL}"),
    ("register-model", MODEL, "v9.9.9", f"mlflow-artifacts://{USER}:{ARGUMENT}@{ELSEWHERE}/m"),
    ("judge", URL),
    ("judge", "x", "--policy", URL),
    ("verify", URL),
    ("labels", MODEL, URL),
    ("deploy-model", MODEL, "v2.0.0", "--policy", URL),
    ("status", "--site", URL),
    ("model-status", URL),
    ("history", URL),
    ("status", URL),
    (URL,),
)


def hidden() -> Iterator[bytes]:
    """Each secret, and how a client would put user and password into a header."""
    words = [secret(name) for name in (*PLAIN, *IN_URLS)]
    words += [secret("header"), secret("cookie"), secret("api-key"), QUERY, ARGUMENT]
    for word in words:
        yield word.encode()
        yield base64.b64encode(f"{USER}:{word}".encode())


def ask(here: SmallSite, number: int) -> None:
    """A forecast and its label, with secrets in every header and in the query."""
    connection = http.client.HTTPConnection(urlsplit(here.home.site().endpoint).netloc, timeout=10)
    label = {"request_id": f"s-{number}", "label": 1.5, "labelled_at": "2099-01-05T12:00:00Z"}
    bodies = {"predict": {"features": {"a": 0.5, "b": 0.5}}, "labels": label}
    for page, body in bodies.items():
        headers = {**HEADERS, "x-request-id": f"s-{number}", "content-type": "application/json"}
        target = f"/{page}?token={QUERY}"
        connection.request("POST", target, json.dumps(body), headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
    connection.request("GET", f"/nowhere?token={QUERY}", headers=HEADERS)
    assert connection.getresponse().read() is not None
    connection.close()


def lived(here: SmallSite) -> list[Ran]:
    """A version shadowed, promoted and taken back, and everything that goes wrong beside it."""
    with here.load():
        deploying = here.command("deploy-model", MODEL, "v2.0.0")
        for number in range(20):
            ask(here, number)
        out, err = deploying.communicate(timeout=180)
        shadowed = Ran(deploying.returncode, json.loads(out), err, 0.0)
        ran = [shadowed, here.pincex("promote-model", MODEL)]
    assert [one.code for one in ran] == [0, 0], ran
    ran += [here.pincex("rollback-model", MODEL), here.pincex("history"), here.pincex("status")]
    return ran + [here.pincex(*words) for words in WRONG]


def contents(home: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below a directory; Parquet, which is compressed, as lines."""
    for path in sorted(home.rglob("*")):
        if not path.is_file():
            continue
        content = path.read_bytes()
        if path.suffix == ".parquet":
            lines = io.BytesIO()
            pl.read_parquet(path).write_ndjson(lines)
            content += lines.getvalue() + str(pl.read_parquet_metadata(path)).encode()
        yield str(path.relative_to(home)), content


def test_no_secret_is_kept_or_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No log, report, artifact, database, process note or answer has any of them."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with small_site(tmp_path, UNWATCHED) as here:
        ran = lived(here)
        kept = [*contents(here.home.path)]
    kept += contents(here.home.path)
    said = "".join(f"{json.dumps(one.report)}\n{one.said}\n" for one in ran).encode()

    assert [one.code for one in ran[5:]] == [2] * len(WRONG)
    assert {Path(name).suffix for name, _ in kept} >= {".sqlite", ".jsonl", ".log", ".html"}
    found = [
        (name, word.decode())
        for name, content in [*kept, ("what commands said", said)]
        for word in hidden()
        if word in content
    ]
    assert found == []
