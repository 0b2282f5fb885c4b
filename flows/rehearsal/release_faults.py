"""The faults that a release is rehearsed with: what is done, when, and what is right then."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

from cluster.local.processes import running, wanted
from cluster.local.readiness import is_ready
from flows.rehearsal.disk import full_disk
from flows.rehearsal.small_exchange import NAME, Exchange, Trader
from flows.rehearsal.small_site import eventually
from flows.status import envoy
from rollout.state import Ending
from rollout.words import duration

RESTART = 60.0
"""Seconds in which something that was killed must work again; it takes one where cores are free."""
ASKED = "market-data"
"""The component whose server is killed: what was asked of it may be asked again."""
SOON = 1.0
"""Seconds in which a request that was sent into an outage may still come back as failed."""

Knobs = Mapping[str, Mapping[str, float]]


class Moment(StrEnum):
    """When a fault comes."""

    STEP = "while a step is judged"
    WATCH = "during the watch"
    UNDO = "during rollback"


@dataclass
class ReleaseScene:
    """One release while it is rehearsed; `notes` is what people are told about the fault.

    `excused` is how many requests had failed when what was planted no longer could harm.
    """

    here: Exchange
    trader: Trader
    version: str
    notes: list[str] = field(default_factory=list)
    excused: int = 0

    def turn(self, knobs: Knobs) -> None:
        """From now on components of this version are slow, or fail."""
        path = self.here.home.path / "exchange" / "knobs.json"
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps({self.version: knobs}))
        draft.replace(path)

    def healed(self) -> None:
        """What fails from now on, a moment later, is no fault's."""
        time.sleep(SOON)
        self.excused = self.trader.failed


Injected = Callable[[ReleaseScene], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class ReleaseFault:
    """A fault by its name: `what` is done, in words, and how the release must end."""

    name: str
    what: str
    moment: Moment | None = None
    injected: Injected | None = None
    ends: Ending = Ending.PROMOTED
    mounts: bool = False

    @property
    def is_one(self) -> bool:
        """Whether anything is wrong at all."""
        return self.injected is not None


@contextmanager
def flow_killed(scene: ReleaseScene) -> Iterator[None]:
    """SIGKILL of whoever holds the lock; another one must take it."""
    site = scene.here.site
    holder = site.lock.holder(NAME, site.region)
    assert holder is not None
    os.kill(holder.pid, signal.SIGKILL)

    def taken_over() -> bool:
        now = site.lock.holder(NAME, site.region)
        return now is not None and now.pid != holder.pid

    seconds = eventually(taken_over, RESTART, "another process goes on")
    scene.notes.append(f"another process went on after {duration(seconds)}")
    yield


def killed(role: str, *, outage: bool = False) -> Injected:
    """SIGKILL of a process of the site, `{version}` filled in; it must work again."""

    @contextmanager
    def over(scene: ReleaseScene) -> Iterator[None]:
        home, name = scene.here.home, role.replace("{version}", scene.version)
        eventually(lambda: running(home, name), RESTART, f"{name} runs")
        before = running(home, name)
        assert before is not None
        assert before.pid is not None
        os.kill(before.pid, signal.SIGKILL)

        def back() -> bool:
            now, spec = running(home, name), wanted(home, name)
            if now is None or now.pid == before.pid:
                return False
            return envoy(scene.here.site) == "ok" and (spec is None or is_ready(spec, now))

        seconds = eventually(back, RESTART, f"{name} works again")
        scene.notes.append(f"{name} back after {duration(seconds)}")
        if outage:
            scene.healed()
        yield

    return over


def harmful(knobs: Knobs) -> Injected:
    """From its moment on the version is harmful; what it answers until it is undone is excused."""

    @contextmanager
    def over(scene: ReleaseScene) -> Iterator[None]:
        scene.turn(knobs)
        yield

    return over


@contextmanager
def disk_full(scene: ReleaseScene) -> Iterator[None]:
    """Not a byte more can be written in the site's directory."""
    with full_disk(scene.here.home.path):
        yield


RELEASE_FAULTS = {
    fault.name: fault
    for fault in (
        ReleaseFault("services", "a release of services, nothing is wrong"),
        ReleaseFault(
            "services-flow-killed",
            "kill -9 of the flow process while a step of services is judged",
            Moment.STEP,
            flow_killed,
        ),
        ReleaseFault(
            "services-keeper-killed",
            "kill -9 of the keeper while a step of services is judged",
            Moment.STEP,
            killed("keeper"),
        ),
        ReleaseFault(
            "services-server-killed",
            f"kill -9 of one of the new servers of {ASKED} while the release is watched",
            Moment.WATCH,
            killed(f"{ASKED}@{{version}}#1"),
        ),
        ReleaseFault(
            "services-envoy-killed",
            "kill -9 of Envoy while the release is watched",
            Moment.WATCH,
            killed("envoy", outage=True),
        ),
        ReleaseFault(
            "services-disk-full",
            "the disk is full during the rollback of services",
            Moment.UNDO,
            disk_full,
            mounts=True,
        ),
        ReleaseFault(
            "services-failing",
            "half of the orders fail from the first step on",
            injected=harmful({"order-entry": {"errors": 0.5}}),
            ends=Ending.ROLLED_BACK,
        ),
        ReleaseFault(
            "services-slow",
            "prices come 3 s late from the first step on",
            injected=harmful({"market-data": {"latency_ms": 3000}}),
            ends=Ending.ROLLED_BACK,
        ),
        ReleaseFault(
            "services-late",
            "half of the orders fail once the release is watched",
            Moment.WATCH,
            harmful({"order-entry": {"errors": 0.5}}),
            ends=Ending.ROLLED_BACK,
        ),
    )
}
"""In the order in which they are rehearsed."""
