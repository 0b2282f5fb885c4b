"""`down`: nothing of the site is alive afterwards, whatever state it was in."""

import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from local_parts import LocalSite, eventually, kill_role, sleeper

from cluster.local.down import down
from cluster.local.home import Home
from cluster.local.processes import ProcessSpec, processes, running, want, wanted
from cluster.local.scan import members
from cluster.local.spawn import launch, spawn
from cluster.local.upkeep import KEEPER, ensure_keeper, revive_keeper


def test_down_ends_everything_and_says_what(site: LocalSite) -> None:
    """Keeper, Envoy, servers and rollouts; a second time there is nothing to end."""
    site.serve("v1", count=2)
    launch(site.home, sleeper("flow:price"))

    ended = down(site.home)

    assert ended == ["envoy", "flow:price", "keeper", "price@v1#1", "price@v1#2"]
    assert members(site.home) == []
    assert processes(site.home) == []
    assert down(site.home) == []


def test_up_after_down_serves_as_before(site: LocalSite) -> None:
    """What should run and who serves stay noted: the same version answers at the same endpoint."""
    site.serve("v1")
    site.route({"v1": 100})
    down(site.home)

    again = LocalSite(site.home)
    eventually(lambda: again.traffic.ready_hosts("price", "v1"))

    assert again.ask()[2]["name"] == "v1"


def test_nobody_who_goes_on_brings_back_a_site_that_goes_down(home: Home) -> None:
    """A follower that misses the keeper while `down` is at work finds the site down, and leaves it.

    Where the keeper died and the site is up, the same call starts it again.
    """
    ensure_keeper(home)
    kill_role(home, KEEPER)
    assert revive_keeper(home, ())
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, lambda *_: (time.sleep(1), exit()));"
        "print('ready', flush=True); time.sleep(1000)"
    )
    launch(home, ProcessSpec("flow:price", (sys.executable, "-c", stubborn), cwd="/"))
    eventually(lambda: "ready" in home.log_file("flow:price").read_text())
    with ThreadPoolExecutor(1) as beside:
        ending = beside.submit(down, home)
        eventually(lambda: running(home, KEEPER) is None)

        assert not revive_keeper(home, ())
        assert ending.result() == ["flow:price", "keeper"]
    assert members(home) == []


def test_down_without_a_keeper(home: Home) -> None:
    """A dead keeper's children are found and ended."""
    ensure_keeper(home)
    want(home, sleeper("worker"))
    eventually(lambda: running(home, "worker"))
    kill_role(home, KEEPER)

    assert down(home) == ["worker"]
    assert members(home) == []


def test_down_asks_a_rollout_before_it_kills_it(home: Home) -> None:
    """A rollout run as a child of another process gets SIGTERM and its grace, too."""
    told = home.path / "told"
    child = (
        "import signal, sys, time;"
        f"signal.signal(signal.SIGTERM, lambda *_: (open({str(told)!r}, 'w'), sys.exit()));"
        "time.sleep(1000)"
    )
    code = (
        "import os, subprocess, sys, time; os.environ['PINCEX_ROLE'] = 'flow run';"
        f"subprocess.Popen([sys.executable, '-c', {child!r}]); time.sleep(1000)"
    )
    ensure_keeper(home)
    want(home, ProcessSpec("serving", (sys.executable, "-c", code), cwd="/"))
    eventually(lambda: members(home, "flow run"))
    time.sleep(0.3)

    assert down(home) == ["flow run", "keeper", "serving"]
    assert told.exists()


def test_down_finds_what_was_never_noted(home: Home) -> None:
    """A process of the site that no file tells of is an orphan, and `down` ends it."""
    child = spawn(home, sleeper("worker"), kept=True)

    assert down(home) == ["worker"]
    assert child.wait() == -signal.SIGTERM


@pytest.mark.parametrize("directory", ["run", "processes"])
def test_down_with_damaged_files(home: Home, directory: str) -> None:
    """Half-written state does not keep a site alive."""
    ensure_keeper(home)
    want(home, sleeper("worker"))
    eventually(lambda: running(home, "worker"))
    for name in os.listdir(home.path / directory):
        (home.path / directory / name).write_text('{"ro')

    assert down(home) == ["keeper", "worker"]
    assert members(home) == []


def test_down_kills_what_ignores_it(home: Home) -> None:
    """After the grace it was promised, a process that ignores SIGTERM is killed."""
    ensure_keeper(home)
    want(home, sleeper("deaf", deaf=True))
    eventually(lambda: running(home, "deaf"))
    time.sleep(0.3)

    begun = time.monotonic()
    down(home)

    assert 0.4 < time.monotonic() - begun < 4
    assert members(home) == []


def test_down_of_one_site_leaves_the_other(
    site: LocalSite, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Two sites side by side: both serve, and ending one changes nothing for the other."""
    other_home = Home(tmp_path_factory.mktemp("other") / "site")
    other = LocalSite(other_home)
    try:
        for each, version in ((site, "v1"), (other, "v2")):
            each.serve(version)
            each.route({version: 100})
        assert [each.ask()[2]["name"] for each in (site, other)] == ["v1", "v2"]
    finally:
        down(other_home)

    assert members(other_home) == []
    assert site.ask()[2]["name"] == "v1"
    assert wanted(site.home, "envoy") is not None


def test_down_of_a_site_that_never_was(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nothing ends, and no directory appears."""
    home = Home(tmp_path_factory.mktemp("none") / "site")

    assert down(home) == []
    assert not home.path.exists()
