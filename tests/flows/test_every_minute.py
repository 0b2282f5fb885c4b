"""The scheduled resume of the local site, and the flow runs of dead processes, on answers made up.

What Prefect itself makes of it is tested on the real site, in tests/end_to_end/test_schedules.py.
"""

import os
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest

from cluster.identity import start_mark
from cluster.local.home import Home
from cluster.lock import held
from flows import every_minute, prefect_api, zombies
from flows.deploy import NothingToDo
from flows.prefect_api import PrefectLost
from flows.recorder import Unrecorded
from flows.resume import resume
from flows.site import Site, site
from flows.zombies import process_tag

V1, V2 = ({"version": f"v{n}.0.0", "digest": str(n) * 64} for n in (1, 2))


class Server:
    """The flow runs that a Prefect server would answer with, and what was asked of it."""

    def __init__(self) -> None:
        self.runs: dict[str, dict[str, Any]] = {}
        self.entered: dict[str, tuple[str, str, str]] = {}
        self.removed: list[str] = []
        self.stale: list[dict[str, Any]] = []

    def add(self, name: str, state: str, tags: list[str], label: str | None = None) -> None:
        """A run in a state."""
        self.runs[name] = {
            "id": name,
            "state": {"type": state, "name": label or state.capitalize()},
            "tags": ["pincex", "local", *tags],
            "parameters": {"name": "adder"},
        }

    def call(self, here: Site, method: str, path: str, body: Any = None) -> Any:
        """The part of the API that is used."""
        match method, path.split("/"):
            case "POST", ["flow_runs", "filter"]:
                wanted = body["flow_runs"]["state"]["type"]["any_"]
                runs = self.stale or [*self.runs.values()]
                return [run for run in runs if run["state"]["type"] in wanted]
            case "GET", ["flow_runs", name]:
                return self.runs[name]
            case "POST", ["flow_runs", name, "set_state"]:
                state = body["state"]
                self.runs[name]["state"] = state
                self.entered[name] = (state["type"], state["name"], state["message"])
            case "POST", ["deployments", "get_scheduled_flow_runs"]:
                return [one for one in self.runs.values() if one["state"]["type"] == "SCHEDULED"]
            case "POST", ["flow_runs", "bulk_delete"]:
                self.removed += body["flow_runs"].get("id", {"any_": []})["any_"]
                return {"deleted": []}
        return None


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    """Answers in place of the site's server."""
    made = Server()
    monkeypatch.setattr(prefect_api, "call", made.call)
    return made


@pytest.fixture
def here(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A site with a ledger, in which nobody started a keeper."""
    monkeypatch.setenv("PINCEX_HOME", str(tmp_path / "home"))
    made = site("local")
    made.home.create("local", "local")
    return made


@pytest.fixture
def dead() -> str:
    """The tag of a process that is gone."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    tag = process_tag(process.pid)
    process.kill()
    process.communicate()
    assert start_mark(process.pid) is None
    return tag


def open_rollout(here: Site) -> None:
    """A shadow of v2.0.0 is open and has no process."""
    data = {"rollout": "r-1", "verb": "deploy-model", "stable": V1, "candidate": V2,
            "policy": "", "sample": 1.0, "cap": 1.0, "override": None}  # fmt: skip
    here.ledger.append("rollout-opened", component="adder", region="local", actor="ana", data=data)


@pytest.mark.parametrize("state", ["PENDING", "RUNNING", "PAUSED", "CANCELLING"])
def test_an_unfinished_run_of_a_dead_process_crashed(
    server: Server, here: Site, dead: str, state: str
) -> None:
    """Its message says which process that was and where the rollout goes on."""
    open_rollout(here)
    server.add("r", state, [dead])

    zombies.bury(here)

    kind, name, message = server.entered["r"]
    assert (kind, name) == ("CRASHED", "Crashed")
    assert message.startswith(f"process {dead.split()[1]} ended without a word. The rollout r-1 ")
    assert "(deploy-model adder v2.0.0) is open; the keeper goes on with it." in message


LEFT_ALONE = {
    "a living process": ("RUNNING", "own", None),
    "no process was said": ("RUNNING", None, None),
    "a suspended run has none": ("PAUSED", "dead", "Suspended"),
    "it came to its end": ("COMPLETED", "dead", None),
    "a tag of somebody else": ("RUNNING", "process of elimination", None),
}


@pytest.mark.parametrize(("state", "tag", "label"), LEFT_ALONE.values(), ids=LEFT_ALONE.keys())
def test_other_runs_are_left_alone(
    server: Server, here: Site, dead: str, state: str, tag: str | None, label: str | None
) -> None:
    """Nothing is guessed: only a process that is known and known to be dead counts."""
    tags = {"own": [process_tag()], "dead": [dead], None: []}.get(tag, [str(tag)])
    server.add("r", state, tags, label)

    assert zombies.bury(here) == []
    assert server.entered == {}


def test_a_run_that_came_to_its_end_meanwhile_is_left_alone(
    server: Server, here: Site, dead: str
) -> None:
    """Its last word and its death fell between two questions: the last word stands."""
    server.add("r", "RUNNING", [dead])
    listed = dict(server.runs["r"])
    server.runs["r"] = {**listed, "state": {"type": "COMPLETED", "name": "Rollback"}}
    server.stale = [listed]

    assert zombies.bury(here) == []
    assert server.entered == {}


def test_the_heir_names_itself(server: Server, here: Site, dead: str) -> None:
    """A resume that goes on with the rollout says that it is the one."""
    open_rollout(here)
    server.add("r", "RUNNING", [dead])
    (message,) = zombies.bury(here, heir="adder")
    assert message.endswith(f"goes on in process {os.getpid()}.")


def test_of_missed_runs_only_the_newest_is_done(server: Server, here: Site) -> None:
    """After a pause there is one look and no pile of them; what a person asked for is done."""
    for name in ("first", "second", "newest"):
        server.add(name, "SCHEDULED", ["auto-scheduled"])
    server.add("asked for", "SCHEDULED", [])

    every_minute.take(here, "deployment")

    assert server.removed == ["first", "second"]
    done = ("COMPLETED", "Nothing to do", "Nothing is open.")
    assert server.entered == {"newest": done, "asked for": done}


def test_a_look_says_what_is_open_and_who_is_at_it(server: Server, here: Site) -> None:
    """Without a holder it is the keeper's turn; on a site that was taken down nobody is started."""
    open_rollout(here)
    server.add("r", "SCHEDULED", [])
    every_minute.take(here, "deployment")
    assert server.entered["r"] == ("COMPLETED", "Looked", "adder: the keeper's turn")

    with held(here.lock, "adder", "local", "resume adder", 10.0):
        assert every_minute.look(here) == ["adder: resume adder is at it"]
    assert Home(here.home.path).roles(here.home.run) == []


def test_a_server_that_is_gone_is_said(here: Site) -> None:
    """Nobody waits: the caller hears that it has to be done later."""
    with pytest.raises(PrefectLost):
        zombies.bury(here)


def test_a_resume_of_all_leaves_what_is_held_to_its_holder(here: Site) -> None:
    """It does not fail over the lock of a process that is at it; it says who that is."""
    open_rollout(here)
    with (
        held(here.lock, "adder", "local", "deploy-model adder v2.0.0", 10.0),
        pytest.raises(NothingToDo, match=r"adder is held by deploy-model adder v2\.0\.0 \(process"),
    ):
        resume(here, None, Unrecorded())


PREPARED = {
    "nobody has it": ("RUNNING", "2026-01-05T12:00:00Z", None, True),
    "a process was being started for it": ("PENDING", "2026-01-05T12:00:00Z", None, True),
    "a living process has it": ("RUNNING", "2026-01-05T12:00:00Z", "r", False),
    "it was prepared since": ("PENDING", "2026-01-05T12:00:09Z", None, False),
}


@pytest.mark.parametrize(
    ("state", "since", "owner", "buried"), PREPARED.values(), ids=PREPARED.keys()
)
def test_what_a_dead_serving_process_had_prepared(
    server: Server, here: Site, state: str, since: str, owner: str | None, buried: bool
) -> None:
    """A run without a word about its process is told by its id, which its process carries."""
    server.add("r", state, [])
    server.runs["r"]["state"]["timestamp"] = since
    environment = {**os.environ, "PREFECT__FLOW_RUN_ID": owner or "another"}
    command = [sys.executable, "-c", "print(); input()"]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        zombies.bury_unstarted(here, datetime(2026, 1, 5, 12, 0, 5, tzinfo=UTC))
        process.communicate(b"\n")

    assert ("r" in server.entered) is buried
