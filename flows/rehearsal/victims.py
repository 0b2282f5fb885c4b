"""The processes of a rollout that may die, found while it is under way, and their return."""

import os
import signal
import time
from dataclasses import dataclass
from enum import StrEnum

from cluster.local.processes import running, wanted
from cluster.local.readiness import is_ready
from flows.asked import healthy
from flows.rehearsal.small_site import MODEL, SmallSite, eventually
from flows.status import envoy
from rollout.state import Rollout

PATIENCE = 120.0


class Victim(StrEnum):
    """Who is killed."""

    FLOW = "flow process"
    COMMAND = "command"
    KEEPER = "keeper"
    ENVOY = "Envoy"
    CHAMPION = "champion's server"
    CHALLENGER = "challenger's server"
    PREFECT = "Prefect server"


ROLES = {Victim.KEEPER: "keeper", Victim.ENVOY: "envoy", Victim.PREFECT: "prefect"}


@dataclass(frozen=True, slots=True)
class Killed:
    """A victim: process id, role where the keeper knows it by one, monotonic time of its death."""

    victim: Victim
    role: str | None
    pid: int
    at: float


def kill(here: SmallSite, rollout: Rollout, victim: Victim) -> Killed:
    """SIGKILL it; waited for where it is only being started."""
    role = None if victim is Victim.FLOW else _role(here, rollout, victim)
    found: list[int] = []

    def runs() -> bool:
        holder = here.site.lock.holder(MODEL, here.site.region)
        process = running(here.home, role) if role else holder
        if process is not None and process.pid is not None:
            found.append(process.pid)
        return bool(found)

    eventually(runs, PATIENCE, f"the {victim} runs")
    os.kill(found[0], signal.SIGKILL)
    return Killed(victim, role, found[0], time.monotonic())


def returned(here: SmallSite, rollout_id: str, killed: Killed, within: float = PATIENCE) -> float:
    """Wait until the victim's work is done again, by whomever; the seconds since it died."""
    eventually(lambda: _back(here, rollout_id, killed), within, f"the {killed.victim} is back")
    return time.monotonic() - killed.at


def _role(here: SmallSite, rollout: Rollout, victim: Victim) -> str:
    if victim in ROLES:
        return ROLES[victim]
    champion = here.history().champion
    assert champion is not None
    sides = [revision.version for revision in (rollout.candidate, rollout.stable) if revision]
    other = next(version for version in sides if version != champion.revision.version)
    version = champion.revision.version if victim is Victim.CHAMPION else other
    return f"{MODEL}@{version}#1"


def _back(here: SmallSite, rollout_id: str, killed: Killed) -> bool:
    if killed.role is None:
        rollout = next(one for one in here.history().rollouts if one.id == rollout_id)
        holder = here.site.lock.holder(MODEL, here.site.region)
        taken_over = holder is not None and holder.pid != killed.pid
        return taken_over or rollout.closed is not None or rollout.waiting
    process = running(here.home, killed.role)
    restarted = process is not None and process.pid not in (None, killed.pid)
    match killed.victim:
        case Victim.ENVOY:
            return restarted and envoy(here.site) == "ok"
        case Victim.PREFECT:
            return restarted and healthy(f"{here.site.prefect_url}/api/health") == "ok"
        case Victim.KEEPER:
            return restarted
        case _:
            spec = wanted(here.home, killed.role)
            # Not wanted any more: its version was taken out meanwhile.
            return spec is None or (process is not None and restarted and is_ready(spec, process))
