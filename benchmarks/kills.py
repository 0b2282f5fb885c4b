"""What a `kill -9` costs: every process of a rollout, in every phase that a rollout can be in."""

import sys
import tempfile
import time
from dataclasses import dataclass
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
from flows.rehearsal import victims
from flows.rehearsal.end_state import agree, at_rest
from flows.rehearsal.small_client import Client
from flows.rehearsal.small_site import MODEL, POLICY, SmallSite, eventually, small_site
from flows.rehearsal.victims import Killed, Victim, returned
from rollout.state import Phase

WATCHED = f"{POLICY}\n[rollout.watch]\nseconds = 5\n"
PATIENCE = 120.0


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
    killed = _kill(here, under_way, victim)
    if victim is Victim.KEEPER and under_way.command is None:
        # At rest nobody notices; the next command is what brings it back.
        here.pincex("up", "--no-wait")
    seconds = returned(here, under_way.rollout.id, killed)
    code = under_way.ended()
    eventually(
        lambda: _settled(here, under_way), PATIENCE, f"{stage.name} without its {victim} ends"
    )
    agree(here, {BAD})
    rollout = under_way.rollout
    return Outcome(
        ending=str(rollout.closed or "waiting"),
        serving=str(here.status()["champion"]),
        seconds=seconds,
        failed=len(client.failures) - failed,
        sent=client.sent - sent,
        code=code,
    )


def _kill(here: SmallSite, under_way: UnderWay, victim: Victim) -> Killed:
    if victim is Victim.COMMAND and under_way.command is not None:
        under_way.command.kill()
        return Killed(victim, None, under_way.command.pid, time.monotonic())
    return victims.kill(here, under_way.rollout, victim)


def _settled(here: SmallSite, under_way: UnderWay) -> bool:
    """Its rollout is closed, and all is at rest."""
    return under_way.rollout.closed is not None and at_rest(here)
