"""A release step as a process of the site: run to its end, and never beside itself."""

import time
from collections.abc import Callable
from pathlib import Path

from cluster.errors import NotFound, NotReady
from cluster.local.home import Home
from cluster.local.processes import ProcessSpec
from cluster.local.scan import kill, members
from cluster.local.spawn import spawn
from rollout.words import duration


def run_to_its_end(
    home: Home, spec: ProcessSpec, what: str, within: float, *, lease_check: Callable[[], None]
) -> None:
    """NotReady about `what`, with its last words, where it fails or takes over `within` seconds.

    One that a killed command left behind is waited for first. What it leaves running is ended, and
    so is the step itself once `lease_check` raises.
    """
    log, deadline = home.log_file(spec.role), time.monotonic() + within

    def wait(seconds: float) -> None:
        lease_check()
        if time.monotonic() > deadline:
            raise NotReady(
                f"{what} failed: it had not ended after {duration(within)}", lasting=True
            )
        time.sleep(seconds)

    try:
        while members(home, spec.role):
            wait(0.2)
        before = log.stat().st_size if log.exists() else 0
        child = spawn(home, spec, kept=False)
        while child.poll() is None:
            wait(0.02)
    except NotFound as error:
        raise NotReady(f"{what} failed: {error}", lasting=True) from error
    finally:
        kill(members(home, spec.role))
    if child.returncode:
        said = [f"exit code {child.returncode}", *_last_line(log, before)]
        raise NotReady(f"{what} failed: {'; '.join(said)}", hint=str(log), lasting=True)


def _last_line(log: Path, before: int) -> list[str]:
    """What it printed last, in a log that held so many bytes before."""
    told = log.read_bytes()
    # A log that was full began anew.
    own = told[before:] if len(told) >= before else told
    return own.decode(errors="replace").strip().splitlines()[-1:]
