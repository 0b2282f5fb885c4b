"""The loop of every rollout: look, decide, perform, until it is finished.

Killed anywhere, the next flow process goes on from what the platform, the registry and the
ledger say.
"""

import sys
from collections.abc import Callable
from functools import partial
from time import monotonic, sleep
from typing import TypeVar

from cluster.errors import (
    Forbidden,
    Invalid,
    NotFound,
    NotReady,
    Owned,
    Unavailable,
)
from cluster.errors import Refused as NotAllowed
from cluster.files import writing
from cluster.local.readiness import in_one_line
from cluster.lock import Lease
from flows import evidence
from flows.approve import answer
from flows.effects import Effect, perform
from flows.progress import progress_of
from flows.progress_file import publish
from flows.recorder import Aside, Recorder, Steps
from flows.refusal import Refused
from flows.room import with_reserve
from flows.sight import Sight
from flows.site import Site
from flows.waiting import AGAIN, wait_for
from models.errors import Damaged
from models.shadow_log import append_shadow_line
from rollout.decide import decide
from rollout.facts import BringUp, Conclude, Facts, Finish, Hold, RollBack
from rollout.state import Phase, Rollout

T = TypeVar("T")


def run(sight: Sight, lease: Lease, recorder: Recorder) -> Finish:
    """Go on with a rollout until an action finishes it."""
    aside = Aside(recorder)
    record: Steps = recorder

    # Prefect walks through all that a step is given, and an eye holds every trace of a verdict.
    def looked() -> Facts:
        return look(sight, lease)

    def analysed(facts: Facts) -> Facts:
        return analyse(sight, facts)

    while True:
        facts = record.step("look", looked)
        looks = sight.looks
        facts = record.step("analyse", analysed, facts)
        record = _record(recorder, aside, facts.rollout)
        action = decide(facts, sight.policy)
        progress = progress_of(sight, facts, action)
        publish(sight.site, progress)
        record.show(progress)
        if sight.looks > looks and sight.verdict and facts.rollout.phase is Phase.SHADOW:
            note_look(sight)
        if isinstance(action, Finish):
            if facts.rollout.waiting:
                evidence.wait(sight.site, facts.rollout)
            return action
        if isinstance(action, Hold):
            _hold(sight.site, facts.rollout, recorder, action.seconds)
        elif isinstance(action, Conclude):
            recorder.step("conclude", sight.conclude, facts, action.undecided)
        else:
            name = type(action).__name__.lower()
            record.step(name, attempt, sight, facts, action, lease)


def _record(recorder: Recorder, aside: Aside, rollout: Rollout) -> Steps:
    """A paused flow run takes no steps, and a watch waits for none."""
    if rollout.pending or not recorder.go_on() or rollout.phase is Phase.WATCHING:
        return aside
    aside.end()
    return recorder


def _hold(site: Site, rollout: Rollout, recorder: Recorder, seconds: float) -> None:
    """Wait; meanwhile a person may answer where the flow is recorded."""
    given = recorder.ask(rollout) if rollout.pending else None
    if given is None:
        sleep(max(seconds, site.pace))
        return
    assert rollout.approval is not None
    try:
        answer(site, rollout.component, given, rollout.approval.at)
    except Refused as refused:
        print(f"an answer came too late: {refused.message}", file=sys.stderr)  # noqa: T201


def look(sight: Sight, lease: Lease) -> Facts:
    """The facts; while the platform does not answer, a moment later."""

    def seen() -> Facts:
        lease.check()
        return sight.look()

    return _answered(sight, seen)


def analyse(sight: Sight, facts: Facts) -> Facts:
    """The same with the evidence; a first version is asked by way of the platform."""
    return _answered(sight, partial(sight.analyse, facts))


def _answered(sight: Sight, see: Callable[[], T]) -> T:
    """What only looks, again until the platform answers or may not be waited for longer.

    Nobody can tell whether a version was ready meanwhile: that time does not count.
    """
    deadline = monotonic() + sight.site.patience
    while True:
        asked = monotonic()
        try:
            return see()
        except Unavailable:
            if monotonic() > deadline:
                raise
            sleep(AGAIN)
            sight.overlook(monotonic() - asked)


def attempt(sight: Sight, facts: Facts, action: Effect, lease: Lease) -> str:
    """Perform it; a revision that cannot be started becomes a fact of the next look.

    What the platform does not take now is decided anew: the facts may be others by then.
    """
    act = partial(perform, sight.site, facts.rollout, sight.policy, action, lease)
    try:
        said = with_reserve(sight.site, act) if isinstance(action, RollBack) else act()
    except (Unavailable, NotAllowed, NotFound, Owned) as error:
        if not isinstance(error, Unavailable) and _of_candidate(action, facts):
            return _failed(sight, action, str(error))
        # A watch goes on all the same: whoever ends it ends the undo, too.
        watching = facts.rollout.phase is Phase.WATCHING
        wait_for(sight, error, max(AGAIN, sight.site.pace), endless=watching)
        return str(error)
    except NotReady as error:
        if not isinstance(action, BringUp):
            raise
        return _failed(sight, action, str(error))
    except (Damaged, Forbidden, Invalid) as error:
        # Nothing else can be decided of a version that served: it stays open for a person.
        if not _of_candidate(action, facts):
            raise
        return _failed(sight, action, str(error))
    sight.lost_at, sight.said = None, ""
    return said


def _of_candidate(action: Effect, facts: Facts) -> bool:
    """Whether the candidate is being started, without which everything stays as it is."""
    starts = isinstance(action, BringUp) and action.revision == facts.rollout.candidate
    return starts and not facts.rollout.verb.undoes


def _failed(sight: Sight, action: Effect, said: str) -> str:
    assert isinstance(action, BringUp)
    sight.failure = f"{action.revision.version} cannot be started: {in_one_line(said)}"
    sleep(sight.site.pace)
    return sight.failure


def note_look(sight: Sight) -> None:
    """One line of the shadow-metrics log, the one that the runbook's people tail."""
    assert sight.verdict is not None
    assert sight.shadow is not None
    rollout = sight.rollout()
    path = sight.site.home.logs / (
        f"shadow-metrics-{rollout.component}-{rollout.candidate.version}.json"
    )
    with writing(path):
        append_shadow_line(path, sight.verdict, sight.shadow, sight.looks)
