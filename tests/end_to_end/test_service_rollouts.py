"""Services under load: rolled out, killed, undone, rolled back; no order fails or doubles."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import pytest

from cluster.local.down import down
from cluster.local.envoy import ensure_envoy
from cluster.local.home import Home
from cluster.local.upkeep import ensure_keeper
from flows.cli import main
from flows.progress_file import read
from flows.recorder import Unrecorded
from flows.rehearsal.small_exchange import NAME, QUICK, by_client, kept, settled, trading
from flows.release import deploy
from flows.release_openers import ReleaseRequest
from flows.site import Site, resume_argv
from rollout.state import Ending, Rollout

pytestmark = [pytest.mark.site, pytest.mark.long]

PATIENCE = 240.0
RATE = 40.0
APPLICATION = files("demo.exchange").joinpath("application.toml").read_text(encoding="utf-8")
KILLED_AT = (("market-data", 50), ("settlement", 100))


@dataclass
class Story:
    """What happened to one exchange."""

    here: Site
    first: Rollout
    second: Rollout
    kills: int
    slow: Rollout
    after_slow: dict[str, dict[str, int]]
    back: Rollout
    after_back: dict[str, dict[str, int]]
    stats: dict[str, Any]
    book: list[tuple[str, int]]
    settled: list[tuple[int]]


def request(version: str) -> ReleaseRequest:
    """Deploy a version of the sample exchange, in two quick steps."""
    return ReleaseRequest(version, APPLICATION, QUICK, False)


def until(truth: Callable[[], object]) -> None:
    """Wait until it is so; fail where that takes too long."""
    deadline = time.monotonic() + PATIENCE
    while not truth():
        assert time.monotonic() < deadline, "did not come true in time"
        time.sleep(0.02)


def killed_at(here: Site, component: str, share: int) -> None:
    """SIGKILL whoever holds the lock once a component is under way at a share."""

    def there() -> bool:
        progress = read(here, NAME)
        parts = progress["parts"] if progress and progress["candidate"] == "v2.0.0" else []
        at = [part for part in parts if part["under_way"] and part["name"] == component]
        return bool(at) and at[0]["share"] == share

    until(there)
    until(lambda: here.lock.holder(NAME, here.region) is not None)
    holder = here.lock.holder(NAME, here.region)
    assert holder is not None
    os.kill(holder.pid, signal.SIGKILL)


def routes(here: Site) -> dict[str, dict[str, int]]:
    """The weights of every component."""
    return {name: dict(route.weights) for name, route in here.traffic.routes().items()}


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site with a keeper and a proxy; registry and Prefect are not there, and not missed."""
    home = Home(tmp_path_factory.mktemp("services") / "site")
    home.create()
    made = Site("local", home)
    patch = pytest.MonkeyPatch()
    patch.setenv("PINCEX_HOME", str(home.path))
    try:
        ensure_keeper(home, resume_argv(made))
        ensure_envoy(home, 60)
        yield made
    finally:
        patch.undo()
        down(home)


@pytest.fixture(scope="module")
def story(exchange: Site, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """A first release, a second one through kills, a slow one, and a rollback, under load."""
    here = exchange
    deploy(here, request("v1.0.0"), Unrecorded())
    stats = tmp_path_factory.mktemp("trader") / "stats.json"
    with trading(here.endpoint, RATE, stats, here.home.path) as trader:
        second = through_kills(here)
        knobs = {"v3.0.0": {"order-entry": {"latency_ms": 3000}}}
        (here.home.path / "exchange" / "knobs.json").write_text(json.dumps(knobs))
        deploy(here, request("v3.0.0"), Unrecorded())
        slow, after_slow = here.history(NAME).rollouts[-1], routes(here)
        assert main(["rollback", "--reason", "tried out"]) == 0
        back, after_back = here.history(NAME).rollouts[-1], routes(here)
        counted = trader.end()
    path = here.home.path
    until(lambda: settled(path) == kept(path, "orders.sqlite", "SELECT id FROM orders"))
    return Story(
        here,
        here.history(NAME).rollouts[0],
        second,
        len(KILLED_AT),
        slow,
        after_slow,
        back,
        after_back,
        counted,
        by_client(path),
        settled(path),
    )


def through_kills(here: Site) -> Rollout:
    """The second release, whose process is killed again and again; the keeper goes on with it."""
    asked = {name: getattr(request("v2.0.0"), name) for name in ReleaseRequest.__slots__}
    argv = [sys.executable, "-m", "flows.process", "deploy", here.name, json.dumps(asked)]
    process = subprocess.Popen(argv)
    for component, share in KILLED_AT:
        killed_at(here, component, share)
    process.wait(PATIENCE)
    until(lambda: here.history(NAME).open is None)
    # Whoever closed it gives the lock back a moment later.
    until(lambda: here.lock.holder(NAME, here.region) is None)
    return here.history(NAME).rollouts[-1]


def test_a_deploy_that_is_killed_at_every_component_ends_as_if_nothing_had_been(
    story: Story,
) -> None:
    """The next process goes on from the route and the ledger; the same rollout, no second one."""
    assert story.first.closed is Ending.PROMOTED
    assert story.second.closed is Ending.PROMOTED
    assert [one.candidate.version for one in story.here.history(NAME).rollouts] == [
        *("v1.0.0", "v2.0.0", "v3.0.0", "v1.0.0"),
    ]


def test_a_slow_version_of_one_component_takes_the_whole_release_back(story: Story) -> None:
    """Also market data, which had taken over before it."""
    assert story.slow.closed is Ending.ROLLED_BACK
    assert "order-entry: slower than" in story.slow.reason
    assert set(map(str, story.after_slow.values())) == {"{'v2.0.0': 100}"}


def test_a_rollback_returns_every_component(story: Story) -> None:
    """To what served before the release, the handed over one too."""
    assert story.back.closed is Ending.ROLLED_BACK
    assert set(map(str, story.after_back.values())) == {"{'v1.0.0': 100}"}


def test_no_request_failed_and_no_order_came_twice(story: Story) -> None:
    """Counted by the client from outside and in the book, over all of it."""
    stats = story.stats

    assert stats["failures"] == []
    assert stats["answered"] == stats["sent"] > 1_500
    assert len(story.book) == stats["orders"]
    assert {count for _, count in story.book} == {1}
    assert set(stats["accepted"]) == {"v1.0.0", "v2.0.0", "v3.0.0"}


def test_every_order_was_settled_once_by_one_after_the_other(story: Story) -> None:
    """Nobody settled beside another, and nothing was left out."""
    assert len(story.settled) == len(story.book)
    order = "SELECT DISTINCT version FROM settlements ORDER BY order_id"
    assert {version for (version,) in kept(story.here.home.path, "settlements.sqlite", order)} >= {
        "v1.0.0",
        "v2.0.0",
    }
