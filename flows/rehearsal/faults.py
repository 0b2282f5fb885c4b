"""The faults that a rollout is rehearsed with: what is done, when, and what is right then."""

import os
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from cluster.local.processes import running
from flows.rehearsal import victims
from flows.rehearsal.disk import full_disk
from flows.rehearsal.small_client import Client
from flows.rehearsal.small_site import MODEL, SmallSite, eventually, require
from flows.rehearsal.victims import Victim
from rollout.words import duration

GOOD, FAILING, SLOW = "v2.0.0", "v3.0.0", "v4.0.0"
RESTART = 60.0
"""Seconds in which something that was killed must work again; it takes one where cores are free."""
PASSED, TAKEN_OUT, REFUSED = "PROMOTE", "ROLLBACK", "refused"


class Moment(StrEnum):
    """When a fault begins; it lasts until that step of the rollout has ended."""

    START = "before deploy-model"
    SHADOW = "while copies are judged"
    PROMOTE = "from promote-model on"
    WATCH = "during the watch"
    UNDO = "during rollback-model"


@dataclass
class Scene:
    """One rollout while it is rehearsed; `notes` is what people are told about the fault.

    `candidate` is what is deployed; a fault may put another version in its place. While nobody
    could answer at all, `outage` says since when and until when, in epoch seconds.
    """

    here: SmallSite
    client: Client
    candidate: str
    notes: list[str] = field(default_factory=list)
    outage: tuple[float, float] | None = None


Injected = Callable[[Scene], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault by its name: `what` is done, in words, and which `ends` of the shadow are right.

    `said` must stand in the words of the command that refuses. `mounts`: only where the user may.
    """

    name: str
    what: str
    moment: Moment | None = None
    injected: Injected | None = None
    candidate: str = GOOD
    ends: tuple[str, ...] = (PASSED,)
    said: str = ""
    mounts: bool = False

    @property
    def is_one(self) -> bool:
        """Whether anything is wrong at all."""
        return self.injected is not None or self.candidate != GOOD


def killed(victim: Victim) -> Injected:
    """SIGKILL, and its work is waited for."""

    @contextmanager
    def over(scene: Scene) -> Iterator[None]:
        rollout = scene.here.history().rollouts[-1]
        at = time.time()
        taken = victims.kill(scene.here, rollout, victim)
        seconds = victims.returned(scene.here, rollout.id, taken, RESTART)
        if victim is Victim.ENVOY:
            scene.outage = (at, _answered_since(scene, time.time()))
        scene.notes.append(f"{victim} back after {duration(seconds)}")
        yield

    return over


def _answered_since(scene: Scene, moment: float) -> float:
    """Wait until a request that was sent later has its answer; when it had, in epoch seconds."""
    latest = scene.client.latest
    eventually(lambda: max([*latest.values(), 0.0]) > moment, RESTART, "clients are answered")
    return time.time()


def stopped(role: str) -> Injected:
    """SIGSTOP: it takes calls and answers none, until the step has ended."""

    @contextmanager
    def over(scene: Scene) -> Iterator[None]:
        process = running(scene.here.home, role)
        require(process is not None and process.pid is not None, f"{role} does not run")
        assert process is not None
        assert process.pid is not None
        os.kill(process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(process.pid, signal.SIGCONT)

    return over


@contextmanager
def disk_full(scene: Scene) -> Iterator[None]:
    """Not a byte more can be written in the site's directory."""
    with full_disk(scene.here.home.path):
        yield


@contextmanager
def damaged(scene: Scene) -> Iterator[None]:
    """A version of the good one's files, one byte of which is changed in the registry's store."""
    here = scene.here
    before = _stored(here)
    scene.candidate = f"v9.{uuid.uuid4().int % 10**9}.0"
    source = str(here.directory / "models" / GOOD)
    made = here.pincex("register-model", MODEL, scene.candidate, source)
    require(made.code == 0, f"register-model ended with {made.code}: {made.report}")
    (file,) = _stored(here) - before
    content = file.read_bytes()
    file.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    yield


def _stored(here: SmallSite) -> set[Path]:
    return set(here.home.mlflow.rglob("model.pkl"))


FAULTS = {
    fault.name: fault
    for fault in (
        Fault("none", "nothing is wrong"),
        Fault(
            "flow-killed",
            "kill -9 of the flow process while copies are judged",
            Moment.SHADOW,
            killed(Victim.FLOW),
        ),
        Fault(
            "keeper-killed",
            "kill -9 of the keeper while copies are judged",
            Moment.SHADOW,
            killed(Victim.KEEPER),
        ),
        Fault(
            "envoy-killed",
            "kill -9 of Envoy during the watch",
            Moment.WATCH,
            killed(Victim.ENVOY),
        ),
        Fault(
            "champion-killed",
            "kill -9 of one of the champion's servers while copies are judged",
            Moment.SHADOW,
            killed(Victim.CHAMPION),
        ),
        Fault(
            "challenger-killed",
            "kill -9 of one of the challenger's servers while copies are judged",
            Moment.SHADOW,
            killed(Victim.CHALLENGER),
            ends=(PASSED, TAKEN_OUT),
        ),
        Fault(
            "mlflow-stopped",
            "MLflow answers nothing during the rollback",
            Moment.UNDO,
            stopped("mlflow"),
        ),
        Fault(
            "prefect-stopped",
            "Prefect answers nothing from the promotion to the rollback",
            Moment.PROMOTE,
            stopped("prefect"),
        ),
        Fault(
            "disk-full",
            "the disk is full during the rollback",
            Moment.UNDO,
            disk_full,
            mounts=True,
        ),
        Fault(
            "failing-candidate",
            "5 % of the candidate's answers are errors",
            candidate=FAILING,
            ends=(TAKEN_OUT,),
        ),
        Fault(
            "slow-candidate",
            "1 in 5 of the candidate's answers is 600 ms late",
            candidate=SLOW,
            ends=(TAKEN_OUT,),
        ),
        Fault(
            "damaged-model",
            "a byte of the candidate's files was changed in the registry",
            Moment.START,
            damaged,
            ends=(REFUSED,),
            said="model.pkl",
        ),
    )
}
"""In the order in which they are rehearsed."""
