"""What the local site is asked before a rollout, each in a line; it looks, and changes nothing."""

import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from cluster.errors import ClusterError, NotFound
from cluster.ledger import Ledger
from cluster.local.admin import Admin
from cluster.local.home import Home
from cluster.local.processes import running
from cluster.local.samples import samples
from cluster.local.upkeep import KEEPER
from rollout.alert_rules import AlertRules
from rollout.checklist_line import Line, Outcome
from rollout.words import percent

GIGABYTE = 10**9
ROOM, LEAST_ROOM = 1.0, 0.1
"""Gigabytes free below which records and evidence may not fit, and below which nothing does."""
RECENT = 60.0
UP = "pincex up"


def of_site(home: Home, rules: AlertRules) -> Iterator[Line]:
    """The processes that a rollout needs, the room that it writes into, and the machine's load."""
    yield _keeper(home)
    yield _proxy(home)
    yield room_line(shutil.disk_usage(home.path).free / GIGABYTE, home.path)
    yield from machine_lines(home, rules, time.time())
    yield _ledger(home)


def room_line(free: float, where: Path) -> Line:
    """Whether so many gigabytes are enough for records, evidence and logs."""
    said, right = f"{free:.1f} GB free in {where}", "make room: records and evidence grow"
    if free < LEAST_ROOM:
        return Line("disk", Outcome.FAIL, said, right)
    return Line("disk", Outcome.WARN if free < ROOM else Outcome.OK, said, right)


def machine_lines(home: Home, rules: AlertRules, now: float) -> Iterator[Line]:
    """CPU and memory over the last minute against the limits of the alerts, by the keeper."""
    recent = [one for one in samples(home) if one.at > now - RECENT]
    cpu = [one.cpu for one in recent if one.cpu is not None]
    yield use_line("CPU", cpu, rules.cpu.above_percent / 100)
    yield use_line("memory", [one.memory for one in recent], rules.memory.above_percent / 100)


def use_line(name: str, used: Sequence[float], limit: float) -> Line:
    """The mean of some samples (fractions) against the limit of the alert."""
    if not used:
        who = f"the keeper takes them every few seconds: {UP}"
        return Line(name, Outcome.NOT_CHECKED, "no sample of the last minute", who)
    use = sum(used) / len(used)
    said = f"{percent(use)} in use, the alert's limit is {percent(limit)}"
    if use <= limit:
        return Line(name, Outcome.OK, said)
    right = "end other work: what waits for a core is slow, whichever version answers"
    return Line(name, Outcome.WARN, said, right)


def servers_line(component: str, version: str, failed: Mapping[str, bool]) -> Line:
    """Whether every server of a version that gets requests answers its readiness path."""
    name = f"{component}: servers of {version}"
    sick = sorted(port for port, bad in failed.items() if bad)
    if not failed or sick:
        said = f"not ready: {', '.join(sick)}" if sick else "there is none"
        return Line(name, Outcome.FAIL, said, f"pincex diagnose {component}")
    return Line(name, Outcome.OK, f"{len(failed)} ready")


def program_line(name: str, program: str) -> Line:
    """Whether a command's program is there and may be run."""
    found = shutil.which(program)
    if found is None:
        right = "a path, or a name on PATH, of a file that may be run"
        return Line(f"{name}: program", Outcome.FAIL, f"there is no program {program}", right)
    return Line(f"{name}: program", Outcome.OK, found)


def _keeper(home: Home) -> Line:
    if running(home, KEEPER) is None:
        said = "no keeper runs: nothing would start again what dies"
        return Line("keeper", Outcome.FAIL, said, UP)
    return Line("keeper", Outcome.OK, "runs")


def _proxy(home: Home) -> Line:
    try:
        Admin(home.site()).require_own()
    except ClusterError as error:
        return Line("proxy", Outcome.FAIL, str(error), UP)
    return Line("proxy", Outcome.OK, f"answers at {home.site().endpoint}")


def _ledger(home: Home) -> Line:
    ledger = Ledger(home.ledger)
    try:
        ledger.verify()
    except NotFound:
        return Line("ledger", Outcome.OK, "none yet: the first rollout begins it")
    except ClusterError as error:
        return Line(
            "ledger", Outcome.FAIL, str(error), "pincex history; a backup of ledger.sqlite*"
        )
    return Line("ledger", Outcome.OK, "its chain is whole")
