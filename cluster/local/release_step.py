"""A release step as a process of the site: run to its end, and never beside another of its part."""

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from cluster.errors import NotFound, NotReady
from cluster.local.home import Home
from cluster.local.processes import ProcessSpec
from cluster.local.scan import Member, kill, members
from cluster.local.spawn import spawn
from rollout.credentials import redacted
from rollout.words import duration

RUN = "PINCEX_STEP_RUN"


def role_of(component: str, version: str, step: str) -> str:
    """The role of a step; those of servers end in their number."""
    return f"{component}@{version}+{step}"


def run_to_its_end(
    home: Home, spec: ProcessSpec, what: str, within: float, *, lease_check: Callable[[], None]
) -> None:
    """NotReady about `what`, with its last words, where it fails or takes over `within` seconds.

    Any step of the same component that a killed command left behind is waited for first. What it
    leaves running is ended, and so is the step itself once `lease_check` raises.
    """
    # Whoever took over may run the same step by now: only what was started here is ended here.
    own = replace(spec, env={**spec.env, RUN: uuid.uuid4().hex})
    log = home.log_file(spec.role)
    try:
        _wait(lambda: not _left_behind(home, spec.role), 0.2, what, within, lease_check)
        before = log.stat().st_size if log.exists() else 0
        child = spawn(home, own, kept=False)
        _wait(lambda: child.poll() is not None, 0.02, what, within, lease_check)
    except NotFound as error:
        raise NotReady(f"{what} failed: {error}", lasting=True) from error
    finally:
        kill([one for one in members(home, spec.role) if one.spec == own.digest])
    if child.returncode:
        said = [f"exit code {child.returncode}", *_last_line(log, before)]
        raise NotReady(f"{what} failed: {'; '.join(said)}", hint=str(log), lasting=True)


def _wait(
    over: Callable[[], bool],
    pause: float,
    what: str,
    within: float,
    lease_check: Callable[[], None],
) -> None:
    deadline = time.monotonic() + within
    while not over():
        lease_check()
        if time.monotonic() > deadline:
            raise NotReady(f"{what} failed: not over after {duration(within)}", lasting=True)
        time.sleep(pause)


def _left_behind(home: Home, role: str) -> Sequence[Member]:
    """The steps of the component that still run."""
    component = role.partition("@")[0] + "@"
    return [
        one
        for one in members(home)
        if one.role.startswith(component) and "+" in one.role and "#" not in one.role
    ]


def _last_line(log: Path, before: int) -> list[str]:
    """What it printed last, in a log that held so many bytes before."""
    told = log.read_bytes()
    # A log that was full began anew.
    own = told[before:] if len(told) >= before else told
    return redacted(own.decode(errors="replace")).strip().splitlines()[-1:]
