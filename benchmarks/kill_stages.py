"""Bringing the small site into each phase of a rollout, and what is under way there."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from cluster.ledger import OPENED, Row
from flows.rehearsal.small_site import MODEL, PATIENCE, SmallSite, copied, eventually
from rollout.state import Phase, Rollout

STABLE, GOOD, BAD = "v1.0.0", "v2.0.0", "v5.0.0"
PAIRS = 60


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A command that was started, None at rest, and the ledger's last row before it."""

    here: SmallSite
    command: subprocess.Popen[str] | None
    head: int

    @property
    def rows(self) -> list[Row]:
        """What was written since."""
        return self.here.site.ledger.rows(component=MODEL, after=self.head)

    @property
    def begun(self) -> bool:
        """Whether its rollout is in the ledger."""
        return self.command is None or _written(OPENED)(self)

    @property
    def rollout(self) -> Rollout:
        """The newest rollout."""
        return self.here.history().rollouts[-1]

    def ended(self) -> int | None:
        """Wait for the command; its exit code."""
        if self.command is None:
            return None
        self.command.communicate(timeout=PATIENCE)
        return self.command.returncode


@dataclass(frozen=True, slots=True)
class Stage:
    """How to get into a phase: what must be so before, the command, and when it is reached."""

    name: str
    prepare: Callable[[SmallSite], None]
    words: tuple[str, ...]
    reached: Callable[[UnderWay], bool]

    def begin(self, here: SmallSite) -> UnderWay:
        """Start the command; nothing is started where the phase is one of rest."""
        head = here.site.ledger.head()
        command = here.command(*self.words) if self.words else None
        return UnderWay(here, command, head.seq if head else 0)


def prove(here: SmallSite) -> None:
    """A PASS for v2.0.0 against v1.0.0, on which every promotion here rests."""
    rest(here)
    ran = here.pincex("deploy-model", MODEL, GOOD)
    assert ran.report.get("decision") == "PROMOTE", ran


def promoted(here: SmallSite) -> None:
    """v2.0.0 serves, and that was the last that happened."""
    rest(here)
    if here.history().rollouts[-1].phase is Phase.DONE and serves(here, GOOD):
        return
    returned(here)
    ran = here.pincex("promote-model", MODEL, GOOD)
    if ran.code == 4:
        # The watch took it back in between, so that its old PASS is void.
        prove(here)
        ran = here.pincex("promote-model", MODEL, GOOD)
    assert ran.code == 0, ran
    rest(here)


def returned(here: SmallSite) -> None:
    """v1.0.0 serves, and v2.0.0 does not run."""
    rest(here)
    if not serves(here, STABLE):
        ran = here.pincex("rollback-model", MODEL)
        assert ran.code == 0, ran


def undone(here: SmallSite) -> None:
    """The last that happened is a rollback."""
    returned(here)
    if here.history().rollouts[-1].phase is not Phase.ROLLED_BACK:
        promoted(here)
        returned(here)


def rest(here: SmallSite) -> None:
    """Nothing is open any more."""
    eventually(lambda: not here.history().open, PATIENCE, "the last rollout ends")


def serves(here: SmallSite, version: str) -> bool:
    """Whether the ledger says so."""
    champion = here.history().champion
    return champion is not None and champion.revision.version == version


def _copying(under_way: UnderWay) -> bool:
    return under_way.begun and copied(under_way.here, under_way.rollout.id) >= PAIRS


def _entered(phase: Phase) -> Callable[[UnderWay], bool]:
    return lambda under_way: under_way.begun and under_way.rollout.phase is phase


def _written(kind: str) -> Callable[[UnderWay], bool]:
    return lambda under_way: kind in [row.kind for row in under_way.rows]


PROMOTE, ROLL_BACK = ("promote-model", MODEL, GOOD), ("rollback-model", MODEL)
STAGES = {
    Phase.SHADOW: Stage("SHADOW", rest, ("deploy-model", MODEL, BAD), _copying),
    Phase.PROMOTING: Stage("PROMOTING", returned, PROMOTE, _entered(Phase.PROMOTING)),
    Phase.SHIFTING: Stage("SHIFTING", promoted, ROLL_BACK, _entered(Phase.SHIFTING)),
    Phase.WATCHING: Stage("WATCHING", returned, PROMOTE, _entered(Phase.WATCHING)),
    Phase.DONE: Stage("DONE", promoted, (), _entered(Phase.DONE)),
    Phase.ROLLED_BACK: Stage("ROLLED_BACK", undone, (), _entered(Phase.ROLLED_BACK)),
}
# The steps inside of a phase, each right after its row was written.
PROMOTE_STEPS = [
    Stage(f"PROMOTING, {what}", returned, PROMOTE, _written(kind))
    for kind, what in (("traffic", "traffic moved"), ("served", "its success recorded"))
]
ROLL_BACK_STEPS = [
    Stage(f"SHIFTING, {what}", promoted, ROLL_BACK, _written(kind))
    for kind, what in (("traffic", "traffic moved"), ("served", "its success recorded"))
]
SHADOW_STEPS = [
    Stage(f"SHADOW, {what}", rest, ("deploy-model", MODEL, BAD), _written(kind))
    for kind, what in (("rollout-opened", "just opened"), ("verdict", "just judged"))
]
