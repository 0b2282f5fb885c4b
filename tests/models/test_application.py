"""The application in process: nonsense is refused with 4xx, and every answer has its row."""

import asyncio
import json
import math
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.application import LARGEST_REQUEST, THREADS, Application
from models.gauges import Gauges
from models.http import LONGEST_ID
from models.inputs import Inputs
from models.loading import Predictor
from models.rows import Rows
from models.signature import Feature

FEATURES = (Feature("a", "double"), Feature("n", "long"), Feature("s", "string"))
GOOD = {"a": 1.5, "n": 2, "s": "up"}


class App:
    """An application with a model that answers 0.5, raises on a = -1, and its files."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.gauges = Gauges("price-predictor", "v1")
        rows = Rows(home, "v1", "1")
        self.kept = home / "kept" / "apart"
        inputs = Inputs(self.kept, "v1", "1")
        labels = home / "labels.jsonl"
        self.application = Application("v1", self.gauges, rows, inputs, labels)
        self.application.predictor = Predictor(FEATURES, self._ask, as_frame=True)

    def _ask(self, frame: Any) -> list[float]:
        if frame["a"][0] == -1:
            raise ArithmeticError("secret detail")
        return [0.5]

    def call(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], Any]:
        """One request: status, headers and parsed body."""
        sent: list[Any] = []
        raw = [(key.encode(), value.encode("latin-1")) for key, value in (headers or {}).items()]
        scope = {"type": "http", "method": method, "path": path, "headers": raw}

        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        asyncio.run(self.application(scope, receive, send))
        answered = {key.decode(): value.decode("latin-1") for key, value in sent[0]["headers"]}
        content = sent[1]["body"]
        is_json = answered["content-type"] == "application/json"
        return sent[0]["status"], answered, orjson.loads(content) if is_json else content

    def predict(self, features: object, **headers: str) -> tuple[int, Any]:
        """Post features; status and body."""
        body = orjson.dumps({"features": features})
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        status, _, content = self.call("POST", "/predict", body, named)
        return status, content

    def rows(self, pattern: str = "*/*.jsonl") -> list[Any]:
        """All rows written, without what was announced before them."""
        lines = [line for path in self.home.glob(pattern) for line in path.open("rb")]
        return [row for row in map(orjson.loads, lines) if "id" in row]


@pytest.fixture
def app(tmp_path: Path) -> App:
    """An application with its own folder."""
    return App(tmp_path)


def test_an_answer_names_prediction_version_and_id(app: App) -> None:
    """The contract of serving."""
    body = orjson.dumps({"features": GOOD})
    status, headers, content = app.call("POST", "/predict", body, {"x-request-id": "order-42"})

    assert (status, content) == (200, {"prediction": 0.5, "version": "v1"})
    assert headers["x-request-id"] == "order-42"
    (row,) = app.rows("traffic/v1-1.jsonl")
    assert (row["id"], row["status"], row["prediction"], row["mirrored"]) == (
        "order-42",
        200,
        0.5,
        False,
    )


def test_an_id_is_made_where_there_is_none(app: App) -> None:
    """A new one for each request, and the one in the row."""
    body = orjson.dumps({"features": GOOD})
    ids = [app.call("POST", "/predict", body)[1]["x-request-id"] for _ in range(2)]

    assert len(set(ids)) == 2
    assert [row["id"] for row in app.rows()] == ids


@pytest.mark.parametrize(
    ("copy", "side"), [("1", "candidate"), ("", "baseline")], ids=["copy", "original"]
)
def test_rows_of_a_shadow_go_to_its_folder(app: App, copy: str, side: str) -> None:
    """With the segment and the mark of the mirror."""
    app.predict(
        GOOD, x_pincex_shadow="r-7", x_pincex_mirrored="1", x_pincex_copy=copy, x_segment="calm"
    )

    (row,) = app.rows(f"r-7/{side}-v1-1.jsonl")
    assert (row["segment"], row["mirrored"]) == ("calm", True)


@pytest.mark.parametrize(
    ("to", "side"), [("v1", "candidate"), ("v2", "baseline")], ids=["copy", "original"]
)
def test_a_server_tells_copies_by_the_version_that_they_go_to(app: App, to: str, side: str) -> None:
    """A gateway marks a request and its copy alike."""
    app.predict(GOOD, x_pincex_shadow="r-7", x_pincex_copies_to=to)

    (row,) = app.rows(f"r-7/{side}-v1-1.jsonl")
    assert row["mirrored"]


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ({"a": 1, "n": 2}, 'feature "s" is missing'),
        ({**GOOD, "z": 1}, 'unknown feature "z"; this model takes a, n, s'),
        ({**GOOD, "a": "1"}, 'feature "a" must be a finite number'),
        ({**GOOD, "a": None}, 'feature "a" must be a finite number'),
        ({**GOOD, "a": True}, 'feature "a" must be a finite number'),
        ({**GOOD, "n": 1.5}, 'feature "n" must be a whole number'),
        ({**GOOD, "n": 2**63}, 'feature "n" must be a whole number'),
        ({**GOOD, "s": 1}, 'feature "s" must be a string'),
    ],
)
def test_wrong_features_are_explained(app: App, features: object, message: str) -> None:
    """422, the sentence says what would be right, and the request has a row."""
    assert app.predict(features) == (422, {"error": message})
    assert [(row["status"], row["prediction"]) for row in app.rows()] == [(422, None)]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"7",
        b"null",
        b'{"features": []}',
        b'{"feature": {}}',
        b'{"features": {"a": NaN, "n": 1, "s": ""}}',
        b'{"features": {"a": 1e999, "n": 1, "s": ""}}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_bodies_that_are_none_are_refused(app: App, body: bytes) -> None:
    """400 or 422 with a reason in JSON."""
    status, _, content = app.call("POST", "/predict", body)

    assert status in (400, 422)
    assert set(content) == {"error"}


def test_a_large_body_is_refused(app: App) -> None:
    """Before anybody parses it."""
    assert app.call("POST", "/predict", b" " * (LARGEST_REQUEST + 1))[0] == 413


@pytest.mark.parametrize(
    "name", ["", "x" * (LONGEST_ID + 1), "tab\there", "größe"], ids=["empty", "long", "tab", "ü"]
)
def test_ids_that_cannot_be_kept_are_refused(app: App, name: str) -> None:
    """They would not be found again when the label comes."""
    status, content = app.predict(GOOD, x_request_id=name)

    assert status == 400
    assert "x-request-id" in content["error"]


def test_a_model_that_raises_gives_500_without_its_details(app: App) -> None:
    """The reason is in the log, the failure in the row."""
    status, content = app.predict({**GOOD, "a": -1})

    assert (status, content) == (500, {"error": "the model failed on this request"})
    assert [row["status"] for row in app.rows()] == [500]


def test_a_model_that_hangs_is_given_up_and_leaves_its_row(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else nobody would ever count the request, and a watch would see no traffic."""
    monkeypatch.setattr("models.application.LONGEST_ANSWER", 0.2)
    over = threading.Event()

    def hang(_: object) -> list[float]:
        over.wait(20)
        return [0.5]

    app.application.predictor = Predictor(FEATURES, hang, as_frame=True)
    try:
        status, content = app.predict(GOOD)
    finally:
        over.set()

    assert (status, content["error"]) == (504, "the model did not answer in time")
    assert [(row["status"], row["prediction"]) for row in app.rows()] == [(504, None)]


def test_before_the_model_is_loaded_nothing_is_served(app: App) -> None:
    """Live, not ready, and requests are told to come back."""
    app.application.predictor = None

    assert app.call("GET", "/healthz")[0] == 200
    assert app.call("GET", "/readyz")[0] == 503
    assert app.predict(GOOD)[0] == 503


def test_ready_means_that_many_threads_have_asked_the_model(app: App) -> None:
    """The first client does not pay for what happens once in every thread."""
    app.application.predictor = None
    asked: list[str] = []

    def ask(_: object) -> list[float]:
        assert app.application.predictor is None
        asked.append(threading.current_thread().name)
        time.sleep(0.01)
        return [0.5]

    app.application.serve(Predictor(FEATURES, ask, as_frame=True), [1.0, 2, "up"])

    assert len(set(asked)) == THREADS
    assert app.call("GET", "/readyz")[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/predict", 405),
        ("GET", "/labels", 405),
        ("POST", "/readyz", 405),
        ("GET", "/", 404),
        ("POST", "/invocations", 404),
    ],
)
def test_other_addresses_are_explained(app: App, method: str, path: str, status: int) -> None:
    """405 names the method, 404 the addresses there are."""
    found, _, content = app.call(method, path)

    assert found == status
    assert "/predict" in content["error"] or path in content["error"]


def test_a_row_that_cannot_be_written_does_not_fail_the_request(
    app: App, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Each is counted and the first is told: a line for each would fill a full disk further."""
    (tmp_path / "traffic").mkdir()
    (tmp_path / "traffic" / "v1-1.jsonl").symlink_to("/dev/full")

    assert [app.predict(GOOD)[0] for _ in range(3)] == [200, 200, 200]
    assert b"pincex_model_rows_lost_total 3.0" in app.gauges.text()
    assert caplog.text.count("rows are lost from now on") == 1


def test_a_request_that_breaks_off_holds_nobody_back(app: App, tmp_path: Path) -> None:
    """Neither the count of requests under way nor the promise of the rows behind it."""
    asleep = threading.Event()
    app.application.predictor = Predictor((), lambda _: asleep.wait(5) or [0.5], as_frame=True)

    async def broken_off() -> None:
        body = b'{"features": {}}'
        receive = partial(asyncio.sleep, 0, {"type": "http.request", "body": body})
        headers = [(b"x-pincex-shadow", b"r")]
        scope = {"type": "http", "method": "POST", "path": "/predict", "headers": headers}
        request = asyncio.create_task(app.application(scope, receive, None))  # type: ignore[arg-type]
        await asyncio.sleep(0.05)
        request.cancel()
        asleep.set()
        await asyncio.gather(request, return_exceptions=True)

    asyncio.run(broken_off())
    app.application.predictor = Predictor(FEATURES, lambda _: [0.5], as_frame=True)
    app.predict(GOOD, x_pincex_shadow="r")

    (row,) = app.rows("r/baseline-v1-1.jsonl")
    assert row["open"] > row["at"]
    assert b"pincex_model_requests_in_flight 0.0" in app.gauges.text()


def test_labels_are_taken_one_or_many(app: App, tmp_path: Path) -> None:
    """And kept on one line each."""
    one = {"request_id": "a", "label": 1, "labelled_at": "2026-01-31T12:00:00Z"}
    for body, accepted in ((one, 1), ([{**one, "request_id": "b"}, {**one, "request_id": "c"}], 2)):
        status, _, content = app.call("POST", "/labels", orjson.dumps(body))
        assert (status, content) == (200, {"accepted": accepted})

    assert len((tmp_path / "labels.jsonl").read_text().splitlines()) == 3


def test_a_bad_label_refuses_its_batch(app: App, tmp_path: Path) -> None:
    """Nothing of it is kept."""
    one = {"request_id": "a", "label": 1, "labelled_at": "2026-01-31T12:00:00Z"}
    for second in ({**one, "label": None}, {**one, "labelled_at": "2026-01-31T12:00:00"}, one, 7):
        status, _, content = app.call("POST", "/labels", orjson.dumps([one, second]))
        assert status == 400
        assert content["error"].startswith("label 2: ")

    assert not (tmp_path / "labels.jsonl").exists()


def test_labels_that_do_not_fit_on_the_disk_are_not_confirmed(app: App, tmp_path: Path) -> None:
    """So that the sender sends them again."""
    (tmp_path / "labels.jsonl").symlink_to("/dev/full")
    one = {"request_id": "a", "label": 1, "labelled_at": "2026-01-31T12:00:00Z"}

    assert app.call("POST", "/labels", orjson.dumps(one))[0] == 507


def test_metrics_count_answers_by_status_and_bound_the_limits(app: App) -> None:
    """The policy's limits of 100, 200 and 500 ms are bounds of the histogram."""
    app.predict(GOOD)
    app.predict({**GOOD, "a": -1})
    app.predict(GOOD, x_pincex_shadow="r", x_pincex_copy="1")
    page = app.call("GET", "/metrics")[2].decode()

    for line in (
        'pincex_model_requests_total{copy="false",status="200"} 1.0',
        'pincex_model_requests_total{copy="false",status="500"} 1.0',
        'pincex_model_requests_total{copy="true",status="200"} 1.0',
        "pincex_model_requests_in_flight 0.0",
        'pincex_model_info{name="price-predictor",version="v1"} 1.0',
        *(f'pincex_model_latency_seconds_bucket{{copy="true",le="{n}"}} 1.0' for n in (0.1, 0.2)),
    ):
        assert line in page


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> App:
    """One application for many requests."""
    return App(tmp_path_factory.mktemp("shared"))


@settings(max_examples=150)
@given(body=st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_body_brings_the_server_down(shared: App, body: bytes) -> None:
    """Whatever is posted where: an answer in JSON, never 5xx, never a traceback."""
    for path in ("/predict", "/labels"):
        status, _, content = shared.call("POST", path, body)
        assert 400 <= status < 500
        assert isinstance(content["error"], str)


@settings(max_examples=150)
@given(a=JSON, n=JSON, s=JSON)
def test_no_features_bring_the_server_down(shared: App, a: object, n: object, s: object) -> None:
    """The right names with any values: answered when the types are right, else refused."""
    body = json.dumps({"features": {"a": a, "n": n, "s": s}}).encode()
    status, _, content = shared.call("POST", "/predict", body)
    if status == 200:
        assert content["prediction"] == 0.5
        assert isinstance(a, int | float)
        assert math.isfinite(a)
        assert not isinstance(a, bool)
        assert isinstance(s, str)
    else:
        assert status in (400, 422) or (status == 500 and a == -1)
