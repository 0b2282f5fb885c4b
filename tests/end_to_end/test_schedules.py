"""What Prefect's own server makes of the schedules, and of a flow process that was killed."""

import os
import signal
from typing import Any

import pytest

from benchmarks.kill_stages import BAD
from flows import prefect_api
from flows.prefect_api import call
from flows.rehearsal.small_site import MODEL, SmallSite, eventually
from flows.zombies import process_tag
from rollout.state import Ending

pytestmark = [pytest.mark.site, pytest.mark.timeout(300)]

CRONS = {
    "every-minute": ("* * * * *", {}),
    "daily": ("0 6 * * *", {"days": 1}),
    "weekly": ("0 6 * * 1", {"days": 7}),
}


def deployments(here: SmallSite) -> dict[str, Any]:
    """The flow deployments by the name of their flow's function."""
    found = call(here.site, "POST", "deployments/filter", {})
    return {one["entrypoint"].split(":")[1]: one for one in found}


def runs(here: SmallSite, **wanted: object) -> list[dict[str, Any]]:
    """The flow runs that fit a filter."""
    return prefect_api.runs(here.site, wanted)


def test_the_schedules_are_registered(here: SmallSite) -> None:
    """Resume every minute, the report daily and weekly, each active and one run at a time."""
    eventually(lambda: "model_report" in deployments(here), 60, "the deployments are served")
    found = deployments(here)
    schedules = {
        each["slug"]: (each["schedule"]["cron"], each["parameters"])
        for one in found.values()
        for each in one["schedules"]
        if each["active"]
    }
    assert schedules == CRONS
    assert found["resume"]["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"
    days = found["model_report"]["parameter_openapi_schema"]["properties"]["days"]
    assert days["enum"] == [1, 7]


@pytest.mark.long
def test_a_scheduled_resume_is_done_by_the_serving_process(here: SmallSite) -> None:
    """Prefect makes the run, and it ends within the second, in no process of its own."""
    resume = deployments(here)["resume"]["id"]

    def done() -> list[dict[str, Any]]:
        wanted = {"deployment_id": {"any_": [resume]}, "state": {"type": {"any_": ["COMPLETED"]}}}
        return [run for run in runs(here, **wanted) if "auto-scheduled" in run["tags"]]

    eventually(done, 75, "a scheduled run is completed")
    run = done()[0]
    assert run["name"] == "resume, local"
    assert run["state"]["message"]


@pytest.mark.long
def test_the_flow_run_of_a_killed_process_becomes_crashed(here: SmallSite) -> None:
    """The keeper's resume goes on with the rollout, and the run says where."""
    started = here.pincex("deploy-model", MODEL, BAD, "--no-follow")
    assert started.code == 0, started
    tag = process_tag(started.report["pid"])

    def run() -> dict[str, Any]:
        (found,) = runs(here, tags={"all_": ["pincex", "local", tag]}) or [{}]
        return found

    eventually(lambda: run().get("state_type") == "RUNNING", 60, "the flow run is running")
    eventually(lambda: here.history().open, 60, "the shadow is open")
    os.kill(started.report["pid"], signal.SIGKILL)
    eventually(lambda: run()["state_type"] == "CRASHED", 60, "the flow run is marked")
    crashed = run()
    resumed = here.site.lock.holder(MODEL, "local")
    with here.load():
        eventually(lambda: here.history().open is None, 120, "the rollout is closed")

    last = here.history().rollouts[-1]
    assert (last.candidate.version, last.closed) == (BAD, Ending.ROLLED_BACK)
    message = crashed["state"]["message"]
    assert f"process {started.report['pid']} ended without a word." in message
    assert f"rollout {last.id} (deploy-model {MODEL} {BAD})" in message
    assert resumed is None or f"process {resumed.pid}" in message or "keeper" in message
    eventually(lambda: not _running(here), 30, "no run is left running")


def _running(here: SmallSite) -> list[dict[str, Any]]:
    return runs(here, state={"type": {"any_": ["PENDING", "RUNNING"]}}, name={"like_": MODEL})
