"""What a `kill -9` costs: every process of a rollout, in every phase that a rollout can be in."""

import os
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from benchmarks.kill_stages import (
    BAD,
    PROMOTE_STEPS,
    ROLL_BACK_STEPS,
    SHADOW_STEPS,
    STAGES,
    Stage,
    UnderWay,
    prove,
)
from benchmarks.small_client import Client
from benchmarks.small_site import MODEL, POLICY, SmallSite, eventually, small_site
from cluster.local.processes import running, wanted
from cluster.local.readiness import is_ready
from flows.asked import healthy
from flows.platform import traffic
from flows.status import envoy
from rollout.state import Decision, Ending, Phase, Rollout

WATCHED = f"{POLICY}\n[rollout.watch]\nseconds = 5\n"
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
AT_REST = {Victim.KEEPER, Victim.ENVOY, Victim.CHAMPION, Victim.PREFECT}
HAS = {
    Phase.SHADOW: set(Victim),
    # A rollback runs in its command.
    Phase.SHIFTING: set(Victim) - {Victim.FLOW},
    Phase.PROMOTING: set(Victim),
    # The command of a promotion ends where its watch begins.
    Phase.WATCHING: set(Victim) - {Victim.COMMAND},
    Phase.DONE: AT_REST,
    Phase.ROLLED_BACK: AT_REST,
}
PHASES = [(STAGES[phase], victim) for victim in Victim for phase in Phase if victim in HAS[phase]]
STEPS = [
    *((stage, Victim.FLOW) for stage in (*SHADOW_STEPS, *PROMOTE_STEPS)),
    *((stage, Victim.COMMAND) for stage in ROLL_BACK_STEPS),
]
SHORT = [
    (STAGES[Phase.SHADOW], Victim.FLOW),
    (STAGES[Phase.SHADOW], Victim.KEEPER),
    (STAGES[Phase.PROMOTING], Victim.FLOW),
    (STAGES[Phase.SHIFTING], Victim.COMMAND),
    (STAGES[Phase.DONE], Victim.ENVOY),
    (STAGES[Phase.DONE], Victim.CHAMPION),
]


@dataclass(frozen=True, slots=True)
class Killed:
    """A victim: its process id, and its role where the keeper knows it by one."""

    victim: Victim
    role: str | None
    pid: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the rollout ended, what serves, and what the kill cost in seconds and failed requests.

    `seconds` is from the kill until the victim's work was done again, by whomever.
    """

    ending: str
    serving: str
    seconds: float
    failed: int
    sent: int
    code: int | None


def rows(full: bool) -> list[dict[str, Any]]:
    """One site, one client from outside, one kill after the other."""
    with (
        tempfile.TemporaryDirectory(prefix="pincex-kills-") as directory,
        small_site(Path(directory), WATCHED) as here,
        here.load() as client,
    ):
        prove(here)
        assert here.pincex("promote-model", MODEL).code == 0
        return [_row(here, client, *cell) for cell in ([*PHASES, *STEPS] if full else SHORT)]


def _row(here: SmallSite, client: Client, stage: Stage, victim: Victim) -> dict[str, Any]:
    outcome = kill(here, client, stage, victim)
    row = {
        "phase": stage.name,
        "killed": str(victim),
        "ended": f"{outcome.ending}, {outcome.serving} serves",
        "back after": f"{outcome.seconds:.1f} s",
        "failed requests": f"{outcome.failed} of {outcome.sent:,}",
    }
    print(row, file=sys.stderr, flush=True)
    return row


def kill(here: SmallSite, client: Client, stage: Stage, victim: Victim) -> Outcome:
    """Bring the site into a phase, kill, and require that all of it comes to a good end."""
    stage.prepare(here)
    sent, failed = client.sent, len(client.failures)
    under_way = stage.begin(here)
    eventually(lambda: stage.reached(under_way), PATIENCE, f"{stage.name} is reached")
    killed = _find(here, under_way, victim)
    os.kill(killed.pid, signal.SIGKILL)
    begun = time.monotonic()
    if victim is Victim.KEEPER and under_way.command is None:
        # At rest nobody notices; the next command is what brings it back.
        here.pincex("up", "--no-wait")
    eventually(lambda: _back(here, under_way, killed), PATIENCE, f"the {victim} is back")
    seconds = time.monotonic() - begun
    code = under_way.ended()
    eventually(
        lambda: _settled(here, under_way), PATIENCE, f"{stage.name} without its {victim} ends"
    )
    agree(here)
    rollout = under_way.rollout
    return Outcome(
        ending=str(rollout.closed or "waiting"),
        serving=str(here.status()["champion"]),
        seconds=seconds,
        failed=len(client.failures) - failed,
        sent=client.sent - sent,
        code=code,
    )


def _find(here: SmallSite, under_way: UnderWay, victim: Victim) -> Killed:
    """The victim's process, waited for where it is only being started."""
    if victim is Victim.COMMAND and under_way.command is not None:
        return Killed(victim, None, under_way.command.pid)
    role = None if victim is Victim.FLOW else _role(here, under_way, victim)
    found: list[int] = []

    def runs() -> bool:
        holder = here.site.lock.holder(MODEL, here.site.region)
        process = running(here.home, role) if role else holder
        if process is not None and process.pid is not None:
            found.append(process.pid)
        return bool(found)

    eventually(runs, PATIENCE, f"the {victim} runs")
    return Killed(victim, role, found[0])


def _role(here: SmallSite, under_way: UnderWay, victim: Victim) -> str:
    if victim in ROLES:
        return ROLES[victim]
    champion, rollout = here.history().champion, under_way.rollout
    assert champion is not None
    sides = [revision.version for revision in (rollout.candidate, rollout.stable) if revision]
    other = next(version for version in sides if version != champion.revision.version)
    version = champion.revision.version if victim is Victim.CHAMPION else other
    return f"{MODEL}@{version}#1"


def _back(here: SmallSite, under_way: UnderWay, killed: Killed) -> bool:
    """Whether the victim's work is done again."""
    if killed.role is None:
        rollout, holder = under_way.rollout, here.site.lock.holder(MODEL, here.site.region)
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


def _healthy(here: SmallSite, version: str) -> bool:
    """Whether Envoy would ask every server that this version has."""
    ports = sorted(here.site.traffic.endpoints(MODEL, version))
    return bool(ports) and here.site.traffic.ready_hosts(MODEL, version) == ports


def _settled(here: SmallSite, under_way: UnderWay) -> bool:
    """At rest: the rollout is closed, nobody holds the lock, nothing is owed, nothing differs."""
    if under_way.rollout.closed is None or here.site.lock.holder(MODEL, here.site.region):
        return False
    return not here.differing()


def agree(here: SmallSite) -> None:
    """Traffic, ledger and alias name one healthy version, and nothing bad ever passed.

    Copies are made only for a shadow that waits for its promotion.
    """
    champion = here.history().champion
    assert champion is not None
    version = champion.revision.version
    route = traffic(here.site, MODEL)
    waiting = here.history().open
    mirrored = route.mirrored.version if route.mirrored else None
    assert route.weights == {version: 100}, route
    assert mirrored == (waiting.candidate.version if waiting else None), route
    assert here.alias("champion") == version
    eventually(lambda: _healthy(here, version), PATIENCE, f"all servers of {version} are ready")
    here.site.ledger.verify()
    wrong = [rollout for rollout in here.history().rollouts if _passed_wrongly(rollout)]
    assert wrong == []


def _passed_wrongly(rollout: Rollout) -> bool:
    judged = rollout.judged is not None and rollout.judged.decision is Decision.PROMOTE
    return rollout.candidate.version == BAD and (judged or rollout.closed is Ending.PROMOTED)
