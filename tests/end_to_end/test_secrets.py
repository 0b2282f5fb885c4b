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
STEP_SAID, SERVER_SAID, COMMAND = secret("step-said"), secret("server-said"), secret("command")
CRASHES = f"import sys; sys.exit('no orders at postgres://{USER}:{SERVER_SAID}@db.invalid/orders')"
FAILS = (
    f"import sys; sys.exit('cannot grow postgres://{USER}:{STEP_SAID}@db/x password={STEP_SAID}')"
)
PROGRAMS = {"crashes.py": CRASHES, "fails.py": FAILS}
SHOP = """
[application]
name = "shop-{name}"

[component.{name}]
command = ["{{python}}", "{{home}}/crashes.py", "{{port}}"]
paths = ["/{name}"]
"""
STEP = """
[[component.{name}.release_steps]]
name = "grow"
command = ["{{python}}", "{{home}}/fails.py", "--password={word}"]
reversible = true
"""
APPLICATIONS = {
    "crashing": SHOP.format(name="crashing"),
    "failing": f"{SHOP}{STEP}".format(name="failing", word="$DB_PASSWORD"),
    "telling": f"{SHOP}{STEP}".format(name="telling", word=COMMAND),
}
SAID = (("history",), ("status",), ("diagnose", "crashing"), ("diagnose", "failing"))
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
    words += [STEP_SAID, SERVER_SAID, COMMAND]
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


def deployed(here: SmallSite) -> list[Ran]:
    """Services whose server, step or description tells a password, and what is said of them."""
    for name, code in PROGRAMS.items():
        (here.home.path / name).write_text(code)
    ran = []
    for name, text in APPLICATIONS.items():
        described = here.directory / f"{name}.toml"
        described.write_text(text)
        ran.append(here.pincex("deploy", "v1.0.0", "--application", str(described)))
    return [*ran, *(here.pincex(*words) for words in SAID)]


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


def is_of_a_program(path: Path) -> bool:
    """What a program holds, and what it writes to its own log, is its own matter."""
    own_log = path.suffix == ".log" and path.name.startswith(("crashing@", "failing@"))
    return own_log or path.name in PROGRAMS


def test_no_secret_is_kept_or_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No log, report, artifact, database, process note or answer has any of them."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with small_site(tmp_path, UNWATCHED) as here:
        ran = lived(here)
        services = deployed(here)
        kept = [*contents(here.home.path)]
    kept += contents(here.home.path)
    own = {name: content for name, content in kept if is_of_a_program(Path(name))}
    kept = [one for one in kept if one[0] not in own]
    said = "".join(f"{json.dumps(one.report)}\n{one.said}\n" for one in [*ran, *services]).encode()

    assert [one.code for one in ran[5:]] == [2] * len(WRONG)
    assert [one.code for one in services[:3]] == [4, 3, 2]
    assert b"no orders at postgres://db.invalid/orders" in said
    assert b"cannot grow postgres://db/x password=***" in said
    assert {Path(name).suffix for name in own} == {".log", ".py"}
    assert {Path(name).suffix for name, _ in kept} >= {".sqlite", ".jsonl", ".log", ".html"}
    found = [
        (name, word.decode())
        for name, content in [*kept, ("what commands said", said)]
        for word in hidden()
        if word in content
    ]
    assert found == []
