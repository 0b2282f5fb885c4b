"""`up`, `down`, `serve`: the processes of the local site, under one keeper."""

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from cluster.errors import NotFound
from cluster.local.down import down as end_all
from cluster.local.envoy import ensure_envoy
from cluster.local.processes import ProcessSpec, running, want
from cluster.local.readiness import wait_ready
from cluster.local.reserve import set_aside
from cluster.local.upkeep import ensure_keeper
from flows.prefect_env import client_env, server_env
from flows.refusal import Exit, Refused
from flows.site import Site, resume_argv, site
from models.tracking import mlflow_server_argv
from rollout import status_text
from rollout.words import duration

PATIENCE = {"envoy": 15.0, "mlflow": 90.0, "prefect": 120.0, "serving": 120.0}
TITLES = {
    "mlflow": "MLflow, registry and its pages",
    "prefect": "Prefect, flow runs and their pages",
    "serving": "the Prefect deployments",
}
CHECKOUT = Path(__file__).resolve().parent.parent
Answer = tuple[int, dict[str, Any], str]


def up(options: argparse.Namespace) -> Answer:
    """Start what is missing and wait until all of it answers, or not with ``--no-wait``."""
    here = site(options.site)
    started = time.monotonic()
    start_all(here)
    for role in () if options.no_wait else ("mlflow", "prefect", "serving"):
        begun = time.monotonic()
        wait_ready(here.home, role, PATIENCE[role])
        say(f"{TITLES[role]}: ready after {duration(time.monotonic() - begun)}")
    addresses = {
        "endpoint": here.endpoint,
        "mlflow": here.mlflow_url,
        "prefect": here.prefect_url,
    }
    lines = [
        f"local site up in {here.home.path}, after {duration(time.monotonic() - started)}",
        *status_text.addresses(here.endpoint, here.prefect_url, here.mlflow_url),
        "next: pincex register-model NAME VERSION PATH, or: pincex demo",
    ]
    told = {"site": here.name, **addresses, "processes": processes(here)}
    return Exit.DONE, told, "\n".join(lines)


def down(options: argparse.Namespace) -> Answer:
    """Stop every process of the site; state and evidence stay."""
    here = site(options.site)
    ended = end_all(here.home)
    text = f"stopped {len(ended)} processes of {here.home.path}; state and evidence stay there"
    return Exit.DONE, {"site": here.name, "stopped": ended}, text


def serve(options: argparse.Namespace) -> Answer:
    """Serve the Prefect deployments in the foreground until Ctrl-C."""
    import os

    here = site(options.site)
    configured = os.environ.get("PREFECT_API_URL")
    if configured is None:
        ensure_up(here, "prefect")
        os.environ.update(client_env(here))
    from flows.serving import serve_deployments

    serve_deployments(here.name)
    return Exit.DONE, {"site": here.name}, "stopped serving"


def start_all(here: Site) -> None:
    """Ask for every process of the site; the keeper starts what does not run."""
    here.home.create(here.name, here.region)
    set_aside(here.home)
    ensure_keeper(here.home, resume_argv(here))
    for spec in specs(here):
        want(here.home, spec)
    ensure_envoy(here.home, PATIENCE["envoy"])


def ensure_up(here: Site, *needed: str) -> None:
    """Start the site where it is down, and wait only for what the verb needs."""
    start_all(here)
    for role in needed:
        begun = time.monotonic()
        seen = running(here.home, role)
        if seen is None or time.time() - seen.since < PATIENCE[role]:
            wait_ready(here.home, role, PATIENCE[role])
        waited = time.monotonic() - begun
        if waited > 1.0:
            say(f"{TITLES[role]}: ready after {duration(waited)}")


def specs(here: Site) -> list[ProcessSpec]:
    """The site's own processes; the models' servers are added by rollouts."""
    python = sys.executable
    home = here.home
    mlflow_argv, mlflow_env = mlflow_server_argv(Path(python), home.path, home.site().ports.mlflow)
    prefect_port = home.site().ports.prefect
    prefect = [
        *(python, "-m", "uvicorn", "prefect.server.api.server:create_app", "--factory"),
        *("--host", "127.0.0.1", "--port", str(prefect_port), "--log-level", "warning"),
    ]
    cwd = str(home.path)
    return [
        ProcessSpec("mlflow", tuple(mlflow_argv), cwd, mlflow_env, f"{here.mlflow_url}/health"),
        ProcessSpec(
            "prefect", tuple(prefect), cwd, server_env(here), f"{here.prefect_url}/api/health"
        ),
        ProcessSpec(
            "serving", (python, "-m", "flows.serving", here.name), str(CHECKOUT), client_env(here)
        ),
    ]


def processes(here: Site) -> list[dict[str, Any]]:
    """Role and process id of everything of the site that runs."""
    alive = [(role, running(here.home, role)) for role in here.home.roles(here.home.run)]
    return [{"role": role, "pid": seen.pid} for role, seen in alive if seen is not None]


def say(text: str) -> None:
    """A line for people, on stderr."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201


def require_up(here: Site) -> None:
    """For verbs that only look: no site, or a damaged one, is an error, not a start."""
    try:
        here.home.site()
    except NotFound as error:
        raise Refused(str(error), hint=error.hint) from error
