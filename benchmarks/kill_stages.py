"""Bringing the small site into each phase of a rollout, and what is under way there."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.small_site import MODEL, PATIENCE, SmallSite, eventually
from flows.progress_file import read
from rollout.state import Phase, Rollout

STABLE, GOOD, BAD = "v1.0.0", "v2.0.0", "v5.0.0"
PAIRS = 60


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A command that was started, and the rollouts there were before it; None at rest."""

    here: SmallSite
    command: subprocess.Popen[str] | None
    before: int

    @property
    def begun(self) -> bool:
        """Whether its rollout is in the ledger."""
        return self.command is None or len(self.here.history().rollouts) > self.before

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

    prepare: Callable[[SmallSite], None]
    words: tuple[str, ...]
    reached: Callable[[UnderWay], bool]

    def begin(self, here: SmallSite) -> UnderWay:
        """Start the command; nothing is started where the phase is one of rest."""
        before = len(here.history().rollouts)
        command = here.command(*self.words) if self.words else None
        return UnderWay(here, command, before)


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
    progress = read(under_way.here.site, MODEL)
    return (
        under_way.begun
        and progress is not None
        and progress["rollout"] == under_way.rollout.id
        and progress["pairs"] >= PAIRS
    )


def _entered(phase: Phase) -> Callable[[UnderWay], bool]:
    return lambda under_way: under_way.begun and under_way.rollout.phase is phase


PROMOTE = ("promote-model", MODEL, GOOD)
STAGES = {
    Phase.SHADOW: Stage(rest, ("deploy-model", MODEL, BAD), _copying),
    Phase.PROMOTING: Stage(returned, PROMOTE, _entered(Phase.PROMOTING)),
    Phase.SHIFTING: Stage(promoted, ("rollback-model", MODEL), _entered(Phase.SHIFTING)),
    Phase.WATCHING: Stage(returned, PROMOTE, _entered(Phase.WATCHING)),
    Phase.DONE: Stage(promoted, (), _entered(Phase.DONE)),
    Phase.ROLLED_BACK: Stage(undone, (), _entered(Phase.ROLLED_BACK)),
}
