"""Release steps of services on a real site: in their place, through a kill, and no way back."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest

from cluster.local.down import down
from cluster.local.envoy import ensure_envoy
from cluster.local.home import Home
from cluster.local.scan import members
from cluster.local.upkeep import ensure_keeper
from flows.cli import main
from flows.recorder import Unrecorded
from flows.refusal import Exit
from flows.rehearsal.small_exchange import QUICK
from flows.release import deploy
from flows.release_openers import ReleaseRequest
from flows.site import Site, resume_argv

pytestmark = [pytest.mark.site, pytest.mark.long]

PATIENCE = 120.0
STEP = """
import json, pathlib, sys, time
home, name, version = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
told = json.loads((home / "steps.json").read_text())
begun = time.time()
time.sleep(told["seconds"])
with (home / "steps.log").open("a") as log:
    log.write(json.dumps([name, version, begun, time.time()]) + "\\n")
if name in told["failing"]:
    sys.exit(f"{name} found no table")
"""
APPLICATION = """
[application]
name = "shop"

[component.prices]
command = [
    "{python}", "-m", "demo.exchange.prices", "--port", "{port}", "--version", "{version}",
    "--home", "{home}",
]
paths = ["/prices"]
runs = "many"
instances = 1

[[component.prices.release_steps]]
name = "shrink"
command = ["{python}", "{home}/step.py", "{home}", "shrink", "{version}"]

[[component.prices.release_steps]]
name = "grow"
command = ["{python}", "{home}/step.py", "{home}", "grow", "{version}"]
reversible = true
within = 60
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """v1.0.0 of a shop whose releases have steps, asked all the time from outside."""
    home = Home(tmp_path_factory.mktemp("steps") / "site")
    home.create()
    (home.path / "step.py").write_text(STEP)
    made, patch, over = Site("local", home), pytest.MonkeyPatch(), Event()
    patch.setenv("PINCEX_HOME", str(home.path))
    try:
        ensure_keeper(home, resume_argv(made))
        ensure_envoy(home, 60)
        steps(made)
        assert deploy(made, request("v1.0.0"), Unrecorded())[0] == Exit.DONE
        with ThreadPoolExecutor(1) as beside:
            beside.submit(ask, f"{made.endpoint}/prices", over)
            yield made
            over.set()
    finally:
        over.set()
        patch.undo()
        down(home)


def ask(url: str, over: Event) -> None:
    """Some 100 requests a second, whatever comes of them."""
    with httpx.Client() as client:
        while not over.wait(0.01):
            # One that fails is none of this test's: it must not be the last.
            with suppress(httpx.HTTPError):
                client.get(url)


def request(version: str) -> ReleaseRequest:
    """Deploy a version of the shop in two quick steps."""
    return ReleaseRequest(version, APPLICATION, QUICK, retry=True)


def started(shop: Site, version: str) -> "subprocess.Popen[bytes]":
    """A flow process of its own that deploys a version."""
    given = json.dumps({one: getattr(request(version), one) for one in ReleaseRequest.__slots__})
    return subprocess.Popen([sys.executable, "-m", "flows.process", "deploy", shop.name, given])


def steps(shop: Site, *failing: str, seconds: float = 0.0) -> None:
    """What the release steps do from now on; what they did before is forgotten."""
    told = {"failing": failing, "seconds": seconds}
    (shop.home.path / "steps.json").write_text(json.dumps(told))
    (shop.home.path / "steps.log").write_text("")


def ran(shop: Site) -> list[tuple[str, str, float, float]]:
    """Name, version, begin and end of each run of a step."""
    lines = (shop.home.path / "steps.log").read_text().splitlines()
    return [tuple(json.loads(line)) for line in lines]


def until(truth: Callable[[], object]) -> None:
    """Wait until it is so; fail where that takes too long."""
    deadline = time.monotonic() + PATIENCE
    while not truth():
        assert time.monotonic() < deadline, "did not come true in time"
        time.sleep(0.02)


def serving(shop: Site) -> dict[str, int]:
    """Who gets the requests."""
    return dict(shop.traffic.route("prices").weights)


def command(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    """Exit code and report of a verb."""
    code = main([*words, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_a_step_that_fails_before_its_version_starts_undoes_the_release(shop: Site) -> None:
    """Its last words are the reason, and no server of the version was started."""
    steps(shop, "grow")
    code, report = deploy(shop, request("v1.1.0"), Unrecorded())

    assert code == Exit.HARM
    assert report["ending"] == "ROLLED_BACK"
    assert "release step grow of prices v1.1.0 failed: exit code 1; " in report["reason"]
    assert report["reason"].endswith("grow found no table")
    assert serving(shop) == {"v1.0.0": 100}
    assert shop.services.versions_up("prices") == ["v1.0.0"]


def test_no_way_leads_back_across_a_last_step_and_what_failed_of_it_runs_again(
    shop: Site, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The version serves meanwhile; rollback says why it refuses, and changes nothing."""
    steps(shop, "shrink")
    code, report = deploy(shop, request("v2.0.0"), Unrecorded())
    assert (code, report["ending"]) == (Exit.HELD, "INCONCLUSIVE"), report
    assert "v2.0.0 serves, but release step shrink of prices v2.0.0 failed" in report["reason"]
    assert serving(shop) == {"v2.0.0": 100}

    code, told = command(capsys, "rollback")
    assert (code, told["changed"]) == (Exit.HELD, "Nothing was changed.")
    assert (
        "prices v2.0.0 began its release step shrink, which cannot be taken back" in told["error"]
    )
    assert serving(shop) == {"v2.0.0": 100}

    steps(shop, seconds=2.0)
    flow = started(shop, "v2.0.0")
    until(lambda: members(shop.home, "prices@v2.0.0+shrink"))
    code, told = command(capsys, "rollback")
    assert (code, told["changed"]) == (Exit.HELD, "Nothing was changed.")
    assert flow.wait(PATIENCE) == Exit.DONE
    assert shop.history("shop").rollouts[-1].closed == "PROMOTED"
    assert [one[:2] for one in ran(shop)] == [("shrink", "v2.0.0")]
    own = tmp_path / "application.toml"
    own.write_text(APPLICATION)
    code, told = command(capsys, "deploy", "v2.0.0", "--application", str(own))
    assert (code, told["error"]) == (Exit.BAD_INPUT, "v2.0.0 of shop serves already")
    code, told = command(capsys, "deploy", "v1.0.0", "--application", str(own))
    assert (code, told["changed"]) == (Exit.HELD, "Nothing was changed.")
    assert "so v1.0.0 may not work any more" in told["error"]


def test_a_step_whose_command_is_killed_runs_again_and_never_beside_itself(shop: Site) -> None:
    """The keeper goes on with the release; the step that was left behind is waited for."""
    steps(shop, seconds=2.0)
    flow = started(shop, "v3.0.0")
    until(lambda: members(shop.home, "prices@v3.0.0+grow"))
    flow.kill()
    flow.wait()
    until(lambda: shop.history("shop").open is None and serving(shop) == {"v3.0.0": 100})
    grown = [one for one in ran(shop) if one[0] == "grow"]

    assert shop.history("shop").champion.revision.version == "v3.0.0"
    assert [one[1] for one in grown] == ["v3.0.0"] * 2
    assert grown[0][3] <= grown[1][2]
    assert [one[0] for one in ran(shop)][-1] == "shrink"
    assert not members(shop.home, "prices@v3.0.0+grow")
