"""The serving process: every deployment of prefect.yaml, run where this process runs."""

import importlib
import os
import sys
import time
from pathlib import Path
from typing import Any

import yaml
from prefect import serve
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.objects import ConcurrencyLimitConfig
from prefect.client.schemas.schedules import CronSchedule
from prefect.deployments.runner import RunnerDeployment

from cluster.local.spawn import ROLE_VARIABLE
from flows import every_minute
from flows.asked import prefect_answers
from flows.site import site

YAML = Path(__file__).resolve().parent.parent / "prefect.yaml"


def serve_deployments(site_name: str) -> None:
    """Register the deployments with the server and run what is asked for, until stopped."""
    # A flow run's process must not be taken for this one by the keeper.
    os.environ[ROLE_VARIABLE] = "flow run"
    here = site(site_name)
    own = os.environ.get("PREFECT_API_URL", "").startswith(here.prefect_url)
    while own and not prefect_answers(here):
        time.sleep(0.5)
    made = [_deployment(entry) for entry in entries()]
    if own:
        (resume,) = (one for one in made if one.flow_name == "resume")
        made.remove(resume)
        every_minute.start(site_name, str(resume.apply()))
    # Pausing asks the server, for ten seconds where `down` ended it first. Nothing is lost by
    # schedules that go on without us: the last resume is done later, and the reports that are due.
    serve(*made, pause_on_shutdown=False, print_starting_message=False)


def entries() -> list[dict[str, Any]]:
    """The deployments as prefect.yaml declares them."""
    declared: list[dict[str, Any]] = yaml.safe_load(YAML.read_text())["deployments"]
    return declared


def _deployment(entry: dict[str, Any]) -> RunnerDeployment:
    file, name = entry["entrypoint"].split(":")
    module = importlib.import_module(file.removesuffix(".py").replace("/", "."))
    deployment: RunnerDeployment = getattr(module, name).to_deployment(
        name=entry["name"],
        description=entry["description"],
        tags=entry["tags"],
        parameters=entry["parameters"],
        version=entry["version"],
        schedules=[_schedule(declared) for declared in entry["schedules"]],
        concurrency_limit=_limit(entry.get("concurrency_limit")),
    )
    return deployment


def _schedule(declared: dict[str, Any]) -> DeploymentScheduleCreate:
    """The same fields that `prefect deploy` reads."""
    return DeploymentScheduleCreate(
        schedule=CronSchedule(cron=declared["cron"], timezone=declared["timezone"]),
        slug=declared["slug"],
        parameters=declared.get("parameters", {}),
    )


def _limit(declared: dict[str, Any] | None) -> ConcurrencyLimitConfig | None:
    return ConcurrencyLimitConfig(**declared) if declared else None


if __name__ == "__main__":
    serve_deployments(sys.argv[1])
