"""The outside client: what it counts is what happened, against a server that misbehaves."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from aiohttp import web

from demo import client
from demo.client import Client, Stats
from demo.features import FEATURES
from demo.market import Sample

SAMPLE = Sample(
    features=np.arange(10 * len(FEATURES), dtype=float).reshape(10, -1),
    target=np.arange(10, dtype=float),
)


class Site:
    """A site whose answers are scripted by the number of the request."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []
        self.ids: list[str] = []
        self.labels: list[dict[str, Any]] = []
        self.behave: Callable[[int], str] = lambda _: "v1"
        self.label_status = 200

    async def predict(self, request: web.Request) -> web.Response:
        number = len(self.ids)
        self.ids.append(request.headers["x-request-id"])
        self.seen.append(await request.json())
        what = self.behave(number)
        headers = {"x-request-id": self.ids[-1]}
        if what == "500":
            return web.json_response({"error": "x"}, status=500, headers=headers)
        if what == "cut":
            assert request.transport is not None
            request.transport.close()
        if what == "late":
            await asyncio.sleep(5)
        if what == "double":
            headers = {"x-request-id": self.ids[0]}
        if what == "no json":
            return web.Response(body=b"<html>", headers=headers)
        return web.json_response({"prediction": 1.0, "version": what}, headers=headers)

    async def take(self, request: web.Request) -> web.Response:
        if self.label_status == 200:
            self.labels += await request.json()
        return web.Response(status=self.label_status)

    @asynccontextmanager
    async def address(self) -> AsyncIterator[str]:
        """The site on a free port."""
        application = web.Application()
        application.router.add_post("/predict", self.predict)
        application.router.add_post("/labels", self.take)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same client with shorter waits."""
    monkeypatch.setattr(client, "PATIENCE", 0.5)
    monkeypatch.setattr(client, "LABEL_DELAY", (0.1, 0.2))
    monkeypatch.setattr(client, "LABELS_EVERY", 0.05)


@pytest.fixture
def site() -> Site:
    """A site that answers."""
    return Site()


def send(site: Site, count: int, rate: float = 200, seed: int = 1) -> Stats:
    """One run of the client of about `count` requests."""

    async def run() -> Stats:
        async with site.address() as url:
            one = Client(url, SAMPLE, seed, Stats())
            await one.run(rate, count / rate, asyncio.Event())
            return one.stats

    return asyncio.run(run())


def test_every_request_is_answered_once_and_labelled(site: Site) -> None:
    """Ids are unique, features come from the sample, and the label is that row's target."""
    stats = send(site, 40)

    assert (stats.sent, stats.answered, stats.failed, stats.doubled) == (40, 40, 0, 0)
    assert stats.by_version == {"v1": 40}
    assert len(set(site.ids)) == 40
    truth = {
        name: body["features"][FEATURES[0]] / len(FEATURES)
        for name, body in zip(site.ids, site.seen, strict=True)
    }
    assert {label["request_id"]: label["label"] for label in site.labels} == truth
    assert stats.labels == 40


def test_the_same_seed_asks_the_same(site: Site) -> None:
    """Requests are drawn with replacement; another seed asks something else."""
    asked = []
    for seed in (1, 1, 2):
        site.seen.clear()
        send(site, 30, rate=400, seed=seed)
        asked.append(sorted(body["features"][FEATURES[0]] for body in site.seen))

    assert asked[0] == asked[1] != asked[2]
    assert len(set(asked[0])) < 30


@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [
        ("500", "HTTP 500"),
        ("cut", "ServerDisconnectedError"),
        ("late", "TimeoutError"),
        ("double", "not the answer to this request"),
        ("no json", "not the answer to this request"),
    ],
)
def test_whatever_is_no_answer_is_a_failure(site: Site, behaviour: str, kind: str) -> None:
    """Each with its kind and its time; the others are not touched."""
    site.behave = lambda number: behaviour if number == 7 else "v1"
    before = time.time()
    stats = send(site, 20)

    assert (stats.sent, stats.answered, stats.failed) == (20, 19, 1)
    (failure,) = stats.failures
    assert (failure["kind"], failure["request_id"]) == (kind, site.ids[7])
    assert before < failure["at"] < time.time()
    assert stats.doubled == (behaviour == "double")


def test_the_rate_is_kept_whatever_the_answers_do(site: Site) -> None:
    """Open loop: late answers do not slow the requests down."""
    site.behave = lambda _: "late"
    start = time.monotonic()
    stats = send(site, 40, rate=100)

    assert (stats.sent, stats.failed) == (40, 40)
    assert time.monotonic() - start < 2.5


def test_the_change_from_one_version_to_the_next_can_be_timed(site: Site) -> None:
    """The last answer of the old and the first of the new."""
    site.behave = lambda number: "v1" if number < 20 else "v2"
    stats = send(site, 40)

    assert stats.by_version == {"v1": 20, "v2": 20}
    assert stats.last_answer["v1"] <= stats.first_answer["v2"] < stats.last_answer["v2"]


def test_labels_that_were_not_taken_are_told_again(site: Site) -> None:
    """A site that is busy gets them later; they are counted once."""
    site.label_status = 503

    async def run() -> Stats:
        async with site.address() as url:
            one = Client(url, SAMPLE, 1, Stats())
            running = asyncio.create_task(one.run(100, 0.8, asyncio.Event()))
            await asyncio.sleep(0.4)
            assert one.stats.label_failures > 0
            site.label_status = 200
            await running
            return one.stats

    stats = asyncio.run(run())

    assert stats.labels == len({label["request_id"] for label in site.labels}) == stats.sent


def test_no_label_is_from_the_future(site: Site) -> None:
    """Those told early, at the end of a run, carry the time at which they were told."""
    send(site, 10, rate=400)

    now = time.time()
    assert all(datetime.fromisoformat(one["labelled_at"]).timestamp() <= now for one in site.labels)


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_the_process_ends_with_its_last_figures(tmp_path: Path, stop: signal.Signals) -> None:
    """Told to stop, it waits for what is under way and writes the file once more."""
    stats = tmp_path / "stats.json"
    argv = [sys.executable, "-m", "demo.client", "http://127.0.0.1:1", "--rate", "50"]
    argv += ["--seconds", "60", "--seed", "1", "--stats", str(stats)]
    with subprocess.Popen(argv) as running:
        try:
            deadline = time.monotonic() + 30
            while not (stats.exists() and orjson.loads(stats.read_bytes())["sent"] > 10):
                assert time.monotonic() < deadline
                time.sleep(0.05)
            running.send_signal(stop)
            assert running.wait(10) == 0
        finally:
            running.kill()
    told = orjson.loads(stats.read_bytes())

    assert told["finished"] is True
    assert told["sent"] == told["failed"] > 10
    assert len(told["failures"]) <= 20
    assert told["failures"][0]["kind"] == "ClientConnectorError"
    assert [path.name for path in tmp_path.iterdir()] == ["stats.json"]


@pytest.mark.parametrize("rate", ["0", "-1", "2001", "nan"])
def test_the_rate_is_bounded(tmp_path: Path, rate: str) -> None:
    """A demo must not bring a machine down."""
    argv = ["http://127.0.0.1:1", "--rate", rate, "--seconds", "1", "--seed", "1"]

    with pytest.raises(SystemExit, match="2"):
        client.main([*argv, "--stats", str(tmp_path / "stats.json")])


def test_the_client_knows_nothing_of_the_product() -> None:
    """It is a process from outside: HTTP only."""
    code = "import sys, demo.client; print(*{name.partition('.')[0] for name in sys.modules})"
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert not {"flows", "cluster", "models", "rollout", "analysis"} & set(said.stdout.split())
