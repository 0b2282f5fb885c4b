"""The serving process: every deployment of prefect.yaml, run where this process runs."""

import importlib
import os
import sys
import time
from pathlib import Path
from typing import Any

import yaml
from prefect import serve
from prefect.deployments.runner import RunnerDeployment

from cluster.local.spawn import ROLE_VARIABLE
from flows.asked import prefect_answers
from flows.site import site

YAML = Path(__file__).resolve().parent.parent / "prefect.yaml"


def serve_deployments(site_name: str) -> None:
    """Register the deployments with the server and run what is asked for, until stopped."""
    # A flow run's process must not be taken for this one by the keeper.
    os.environ[ROLE_VARIABLE] = "flow run"
    here = site(site_name)
    while os.environ.get("PREFECT_API_URL", "").startswith(
        here.prefect_url
    ) and not prefect_answers(here):
        time.sleep(0.5)
    # Pausing asks the server, for ten seconds where `down` ended it first; there are no schedules.
    made = [_deployment(entry) for entry in entries()]
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
    )
    return deployment


if __name__ == "__main__":
    serve_deployments(sys.argv[1])
