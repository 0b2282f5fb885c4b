"""A release step as a process of the site: run to its end, and never beside itself."""

import time
from collections.abc import Callable

from cluster.errors import NotFound, NotReady
from cluster.local.home import Home
from cluster.local.processes import ProcessSpec
from cluster.local.readiness import in_one_line, last_words
from cluster.local.scan import kill, members
from cluster.local.spawn import spawn
from rollout.words import duration


def run_to_its_end(
    home: Home, spec: ProcessSpec, within: float, *, lease_check: Callable[[], None]
) -> None:
    """NotReady with its last words where it fails or takes longer than `within` seconds.

    One that a killed command left behind is waited for first. What it leaves running is ended, and
    so is the step itself once `lease_check` raises.
    """
    deadline = time.monotonic() + within
    try:
        while members(home, spec.role):
            _require_time(spec, within, deadline, lease_check)
            time.sleep(0.2)
        child = spawn(home, spec, kept=False)
        while child.poll() is None:
            _require_time(spec, within, deadline, lease_check)
            time.sleep(0.02)
    except NotFound as error:
        raise NotReady(str(error), lasting=True) from error
    finally:
        kill(members(home, spec.role))
    if child.returncode:
        said = f"{spec.role} failed with exit code {child.returncode}; its last words:\n"
        raise NotReady(in_one_line(said + last_words(home, spec.role)), lasting=True)


def _require_time(
    spec: ProcessSpec, within: float, deadline: float, lease_check: Callable[[], None]
) -> None:
    lease_check()
    if time.monotonic() > deadline:
        raise NotReady(f"{spec.role} has not ended after {duration(within)}", lasting=True)
