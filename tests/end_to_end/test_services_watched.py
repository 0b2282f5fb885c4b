"""Services that took over are watched on the local site: late harm is undone, killed or not."""

import json
import os
import signal
import time
from collections.abc import Iterator

import pytest

from cluster.local.down import down
from cluster.local.envoy import ensure_envoy
from cluster.local.home import Home
from cluster.local.upkeep import ensure_keeper
from flows.cli import main
from flows.rehearsal.small_exchange import NAME, QUICK, trading
from flows.rehearsal.small_site import eventually
from flows.site import Site, resume_argv
from rollout.state import Ending, Phase, Rollout

pytestmark = [pytest.mark.site, pytest.mark.long, pytest.mark.timeout(400)]

RATE = 250.0
PATIENCE = 120.0
# Minutes of two seconds; a machine with other things to do is no harm.
WATCHED = QUICK.replace(
    "[rollout.watch]\nseconds = 0\n",
    "[rollout.watch]\nseconds = {seconds}\nminute = 2\nmin_requests = 20\n",
)
COMPONENTS = ("market-data", "order-entry", "settlement")


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """v1.0.0 serves, and orders come in."""
    home = Home(tmp_path_factory.mktemp("watched") / "site")
    home.create()
    made = Site("local", home)
    patch = pytest.MonkeyPatch()
    patch.setenv("PINCEX_HOME", str(home.path))
    try:
        ensure_keeper(home, resume_argv(made))
        ensure_envoy(home, 60)
        assert main(["deploy", "v1.0.0"]) == 0
        stats = tmp_path_factory.mktemp("trader") / "stats.json"
        with trading(made.endpoint, RATE, stats, home.path):
            yield made
    finally:
        patch.undo()
        down(home)


def deployed(here: Site, version: str, seconds: float) -> None:
    """A release that is watched for so long; the command returns once it serves."""
    (here.home.path / "policy.toml").write_text(WATCHED.format(seconds=seconds))
    assert main(["deploy", version]) == 0
    assert here.history(NAME).rollouts[-1].phase in (Phase.WATCHING, Phase.DONE)


def turned(here: Site, version: str, component: str, **knobs: float) -> None:
    """From now on a component of this version is slow, or fails."""
    told = json.dumps({version: {component: knobs}})
    (here.home.path / "exchange" / "knobs.json").write_text(told)


def ended(here: Site) -> Rollout:
    """The last rollout, once it is closed."""
    eventually(lambda: here.history(NAME).open is None, PATIENCE, "it ended")
    return here.history(NAME).rollouts[-1]


def serving(here: Site) -> set[tuple[str, int]]:
    """The versions that get requests, of every component."""
    routes = [here.services.route(name) for name in COMPONENTS]
    assert all(route.observed is None for route in routes)
    return {one for route in routes for one in route.weights.items()}


@pytest.mark.parametrize(
    ("version", "component", "knobs", "said"),
    [
        ("v2.0.0", "order-entry", {"errors": 0.5}, "errors"),
        ("v2.1.0", "market-data", {"latency_ms": 1500}, "p95 over"),
    ],
    ids=["errors over 5 %", "half as slow again"],
)
def test_harm_after_the_last_step_takes_every_component_back(
    exchange: Site, version: str, component: str, knobs: dict[str, float], said: str
) -> None:
    """By itself, with the sentence of the trigger; before it the release served everywhere."""
    deployed(exchange, version, 90)
    assert {one for one, _ in serving_now(exchange)} == {version}
    turned(exchange, version, component, **knobs)
    rollout = ended(exchange)

    assert (rollout.closed, rollout.watch is not None) == (Ending.ROLLED_BACK, True)
    assert rollout.reason.startswith(f"{component}: {said}")
    assert serving(exchange) == {("v1.0.0", 100)}


def serving_now(here: Site) -> set[tuple[str, int]]:
    """The versions that get requests while they are observed."""
    return {one for name in COMPONENTS for one in here.services.route(name).weights.items()}


def test_a_watch_whose_process_is_killed_goes_on_and_undoes(
    exchange: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    """The keeper starts another one, which reads what was answered since the component served."""
    deployed(exchange, "v3.0.0", 120)
    holder = exchange.lock.holder(NAME, exchange.region)
    assert holder is not None
    turned(exchange, "v3.0.0", "settlement", errors=0.5)
    os.kill(holder.pid, signal.SIGKILL)
    rollout = ended(exchange)

    assert rollout.closed is Ending.ROLLED_BACK
    assert rollout.reason.startswith("settlement: errors")
    assert serving(exchange) == {("v1.0.0", 100)}
    assert main(["report", NAME]) == 0
    told = capsys.readouterr().out
    assert "phase WATCHING" in told
    assert "settlement: ROLLBACK: errors" in told


def test_what_no_trigger_found_serves_for_good(
    exchange: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command returns before; `resume` follows the watch, and nothing new begins meanwhile."""
    turned(exchange, "nothing", "settlement")
    capsys.readouterr()
    deployed(exchange, "v4.0.0", 12)
    told = capsys.readouterr().out
    assert "watched for 12 s: a trigger returns to v1.0.0" in told
    assert "pincex resume sample-exchange" in told
    assert main(["deploy", "v5.0.0"]) == 1
    assert "is watched (until" in capsys.readouterr().err
    assert main(["status"]) == 0
    assert "left of 12 s; a trigger returns to v1.0.0 by itself" in capsys.readouterr().out
    code = main(["resume", NAME])
    rollout = ended(exchange)

    assert (code, rollout.closed) == (0, Ending.PROMOTED)
    assert "watched for 12 s, no trigger fired" in rollout.reason
    assert serving(exchange) == {("v4.0.0", 100)}


def test_a_rollback_by_hand_ends_the_watch(exchange: Site) -> None:
    """It waits for nobody, and takes what is watched back."""
    deployed(exchange, "v6.0.0", 120)
    begun = time.monotonic()
    assert main(["rollback", "--reason", "prices look wrong"]) == 0
    rollout = ended(exchange)

    assert time.monotonic() - begun < 30
    assert rollout.closed is Ending.ROLLED_BACK
    assert serving(exchange) == {("v4.0.0", 100)}
