"""A rollout of services as Prefect shows it: from its form, step by step, and when it is killed."""

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from cluster.local.processes import running
from flows import prefect_api
from flows.platform import parts_of
from flows.prefect_api import PrefectLost, call
from flows.progress_file import read
from flows.rehearsal.small_exchange import NAME, QUICK, trading
from flows.rehearsal.small_site import SmallSite, eventually
from flows.zombies import process_tag
from rollout.history import History
from rollout.state import Ending

pytestmark = [pytest.mark.site, pytest.mark.long, pytest.mark.timeout(400)]

RATE = 150.0
THIRD = "v3.0.0"


@dataclass
class Told:
    """What Prefect has of a rollout that its form began, and of one whose process was killed."""

    formed: dict[str, Any]
    steps: set[str]
    page: str
    bar: float
    components: list[dict[str, str]]
    killed: dict[str, Any]
    history: History
    backup: str
    failed: int


def run_of(here: SmallSite, **wanted: object) -> dict[str, Any]:
    """The one flow run that fits a filter; empty where there is none yet."""
    return next(iter(prefect_api.runs(here.site, wanted)), {})


def formed(here: SmallSite, flow: str, **parameters: object) -> dict[str, Any]:
    """Fill in the form of a flow deployment; its run, once that has ended."""
    found = call(here.site, "POST", "deployments/filter", {})
    (deployment,) = (one for one in found if one["entrypoint"].endswith(f":{flow}"))
    asked = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
    path, made = f"deployments/{deployment['id']}/create_flow_run", {}

    def begun() -> bool:
        try:
            made.update(call(here.site, "POST", path, asked))
        except PrefectLost:
            # While it is busy its database is locked now and then, which it answers with 503.
            return False
        return True

    def now() -> dict[str, Any]:
        return run_of(here, id={"any_": [made["id"]]})

    eventually(begun, 60, "the form is taken")
    eventually(lambda: now()["state_type"] in ("COMPLETED", "FAILED", "CRASHED"), 240, "it ended")
    return now()


def routes(here: SmallSite) -> dict[str, tuple[str, int]]:
    """The one version of each service that gets requests, and how many percent."""
    found = {name: here.site.services.route(name) for name in parts_of(here.site, NAME).of}
    return {name: one for name, route in found.items() for one in route.weights.items() if one[1]}


def artifacts(here: SmallSite, run: dict[str, Any]) -> dict[str, Any]:
    """What a flow run left to be read, by its kind."""
    wanted = {"artifacts": {"flow_run_id": {"any_": [run["id"]]}}}
    found = call(here.site, "POST", "artifacts/filter", wanted)
    return {one["type"]: one["data"] for one in found}


def steps(here: SmallSite, run: dict[str, Any]) -> set[str]:
    """The names of its tasks that were completed."""
    wanted = {"flow_runs": {"id": {"any_": [run["id"]]}}}

    def done() -> set[str]:
        found = call(here.site, "POST", "task_runs/filter", wanted)
        return {one["name"].rsplit("-", 1)[0] for one in found if one["state_type"] == "COMPLETED"}

    # Prefect makes task runs of events, later, and loses those of a process's last moment.
    eventually(lambda: "take market-data" in done(), 60, "the steps are there")
    return done()


@pytest.fixture(scope="module")
def told(here: SmallSite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """A first release by the command, a second by the form, a third that is killed at a step."""
    policy = here.home.path / "quick.toml"
    policy.write_text(QUICK)
    assert here.pincex("deploy", "v1.0.0", "--policy", str(policy)).code == 0
    stats = tmp_path_factory.mktemp("trader") / "stats.json"
    with trading(here.home.site().endpoint, RATE, stats, here.home.path) as trader:
        asked = formed(here, "deploy", version="v2.0.0", policy=QUICK, site_name="local")
        assert asked["state_type"] == "COMPLETED", asked["state"]
        backup = here.pincex("backup-config")
        killed = through_a_kill(here, THIRD, str(policy))
        counted = trader.end()
    shown = artifacts(here, asked)
    yield Told(
        asked,
        steps(here, asked),
        str(shown["markdown"]),
        float(shown["progress"]),
        json.loads(shown["table"]),
        killed,
        here.site.history(NAME),
        str(backup.report["file"]),
        counted["failed"],
    )
    assert here.pincex("rollback", "--reason", "the test is over").code == 0


def through_a_kill(here: SmallSite, version: str, policy: str) -> dict[str, Any]:
    """SIGKILL the process at its first step; its run."""
    started = here.pincex("deploy", version, "--policy", policy, "--no-follow")
    assert started.code == 0, started
    tag = process_tag(started.report["pid"])

    def weighed() -> bool:
        progress = read(here.site, NAME)
        parts = progress["parts"] if progress and progress["candidate"] == version else []
        return any(part["under_way"] and part["share"] for part in parts)

    eventually(weighed, 120, "a step is under way")
    killed = run_of(here, tags={"all_": [tag]})
    os.kill(started.report["pid"], signal.SIGKILL)
    eventually(lambda: here.site.history(NAME).open is None, 240, "the rollout is closed")
    eventually(lambda: here.site.lock.holder(NAME, "local") is None, 60, "the lock is free")

    def of(run: dict[str, Any]) -> dict[str, Any]:
        return run_of(here, id={"any_": [run["id"]]})

    eventually(lambda: of(killed)["state_type"] == "CRASHED", 90, "the dead run is marked")
    return of(killed)


def test_the_form_rolls_the_services_out_and_the_run_says_how_it_ended(told: Told) -> None:
    """The run is named after the version, and its state after the ending."""
    assert told.formed["name"] == "deploy v2.0.0, local"
    assert told.formed["state"]["name"] == "Promoted", told.formed["state"]
    second = told.history.rollouts[1]
    assert (second.candidate.version, second.closed) == ("v2.0.0", Ending.PROMOTED)


def test_each_step_is_a_task_that_names_its_component(told: Told) -> None:
    """One can read off what was done to what."""
    wanted = {f"{done} market-data" for done in ("start", "weigh", "judge", "take")}
    assert wanted <= told.steps
    assert not any(step.startswith("wait") for step in told.steps)


def test_the_page_the_bar_and_the_table_are_those_of_the_end(told: Told) -> None:
    """Every component with the version that all its requests go to."""
    assert "sample-exchange: deploy v2.0.0, before it v1.0.0" in told.page
    assert told.page.count("| v2.0.0 100 % |") == len(told.components) == 3
    assert {row["state"] for row in told.components} == {"done"}
    assert told.bar == 100


def test_a_killed_run_is_crashed_and_says_which_rollout_goes_on(told: Told) -> None:
    """The keeper's resume waits for no Prefect, and is no run there."""
    third = told.history.rollouts[2]
    assert third.closed is Ending.PROMOTED
    assert f"rollout {third.id} (deploy {NAME} {THIRD})" in told.killed["state"]["message"]
    assert told.failed == 0


def test_what_the_form_is_told_wrong_fails_with_the_words_of_the_command(
    here: SmallSite, told: Told
) -> None:
    """Nothing is opened, and the run says why."""
    refused = formed(here, "deploy", version=THIRD, policy=QUICK, site_name="local")
    assert refused["state_type"] == "FAILED"
    assert f"{THIRD} of sample-exchange serves already" in refused["state"]["message"]
    assert len(here.site.history(NAME).rollouts) == len(told.history.rollouts)


def test_the_form_returns_to_what_served_before(here: SmallSite, told: Told) -> None:
    """One component alone; the command is the same, and so is its record."""
    done = formed(here, "rollback", component="market-data", reason="seen", site_name="local")
    assert done["state_type"] == "COMPLETED", done["state"]
    assert routes(here)["market-data"] == ("v2.0.0", 100)
    assert here.site.history(NAME).rollouts[-1].override == "seen"


def test_a_backup_by_the_form_holds_the_services_and_a_restore_returns_to_an_earlier_one(
    here: SmallSite, told: Told
) -> None:
    """As a rollback does; what was rolled back since is not brought back by a file."""
    before = set((here.home.path / "backups").glob("*.json"))
    done = formed(here, "backup_config", site_name="local")
    assert done["state_type"] == "COMPLETED", done["state"]
    (mixed,) = set((here.home.path / "backups").glob("*.json")) - before
    described = here.home.path / "application.toml"
    described.write_text("edited since")

    shown = here.pincex("restore-config", told.backup)
    restored = here.pincex("restore-config", told.backup, "--yes")

    changed = f"change  version {NAME} order-entry"
    for line in (changed, f"{THIRD} -> v2.0.0", "remove  application"):
        assert line in shown.said
    assert (shown.code, restored.code) == (4, 0), restored
    assert set(routes(here).values()) == {("v2.0.0", 100)}
    assert not described.exists()
    last = here.site.history(NAME).rollouts[-1]
    assert (last.closed, last.override) == (Ending.ROLLED_BACK, "restore-config")
    assert here.pincex("restore-config", told.backup).code == 0
    refused = here.pincex("restore-config", str(mixed), "--yes")
    assert "rolled back since the backup, and only evidence" in refused.report["error"]
    assert set(routes(here).values()) == {("v2.0.0", 100)}


def test_a_rollout_that_a_rollback_takes_over_says_so_on_its_page(
    here: SmallSite, told: Told
) -> None:
    """It would stay under way there for ever."""
    policy = str(here.home.path / "quick.toml")
    started = here.pincex("deploy", "v3.1.0", "--policy", policy, "--no-follow")
    assert started.code == 0, started
    tag = process_tag(started.report["pid"])

    def page() -> str:
        run = run_of(here, tags={"all_": [tag]})
        return str(artifacts(here, run).get("markdown", "")) if run else ""

    eventually(lambda: "under way" in page(), 60, "its page is there")
    assert here.pincex("rollback", "--reason", "enough").code == 0
    eventually(lambda: "**LEFT**" in page(), 60, "its page says who goes on")
    assert "taken over" in page()


def test_an_undo_waits_for_no_prefect(
    here: SmallSite, told: Told, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """While its server is stopped, a slow version is judged and gone all the same."""
    slow = {"v4.0.0": {"order-entry": {"latency_ms": 3000}}}
    (here.home.path / "exchange" / "knobs.json").write_text(json.dumps(slow))
    stats = tmp_path_factory.mktemp("slow") / "stats.json"
    with trading(here.home.site().endpoint, RATE, stats, here.home.path):
        policy = str(here.home.path / "quick.toml")
        assert here.pincex("deploy", "v4.0.0", "--policy", policy, "--no-follow").code == 0

        def harmful() -> bool:
            progress = read(here.site, NAME)
            parts = progress["parts"] if progress and progress["candidate"] == "v4.0.0" else []
            return any(part["name"] == "order-entry" and part["share"] for part in parts)

        eventually(harmful, 240, "a step of order entry is under way")
        server = running(here.home, "prefect")
        assert server is not None
        os.kill(server.pid, signal.SIGSTOP)
        try:
            eventually(lambda: here.site.history(NAME).open is None, 50, "it is undone")
        finally:
            os.kill(server.pid, signal.SIGCONT)
    last = here.site.history(NAME).rollouts[-1]
    assert last.closed is Ending.ROLLED_BACK
    assert "order-entry: slower than" in last.reason
