"""The loop of every rollout of services, and of the way back: component by component."""

from functools import partial
from time import monotonic
from typing import Any

from cluster.errors import (
    ClusterError,
    Invalid,
    LostLock,
    NotFound,
    NotReady,
    Owned,
    Unavailable,
)
from cluster.errors import Refused as NotAllowed
from cluster.lock import Lease, held
from flows.applications import read, runnable
from flows.keeping import keeping
from flows.platform import recorded
from flows.progress_file import publish
from flows.recorder import Aside, Recorder, Steps
from flows.refusal import Exit
from flows.release_effects import perform
from flows.release_openers import ReleaseRequest, check_release, opened_release
from flows.release_sight import ReleaseSight, release_sight
from flows.report import exit_code, release_report
from flows.room import with_reserve
from flows.site import LEASE_SECONDS, Site
from flows.waiting import AGAIN, tell, wait_for
from flows.watchful import Fired, watchful
from rollout import release_text
from rollout.deploying import decide_release
from rollout.release_facts import (
    Fault,
    Judge,
    ReleaseAction,
    ReleaseFacts,
    Run,
    Start,
    Wait,
    Weigh,
)
from rollout.state import Decision, Rollout

Progress = dict[str, Any]


def deploy(here: Site, request: ReleaseRequest, recorder: Recorder) -> tuple[Exit, dict[str, Any]]:
    """Open the rollout, or go on with the one that is open, and stay until it has ended."""
    described = runnable(here.services, read(request.application, "application.toml"))
    holder, record = f"deploy {request.version}", Aside(recorder)
    with held(here.lock, described.name, here.region, holder, LEASE_SECONDS) as lease:
        site = here.holding(lease)
        opened = check_release(site, request, described)
        rollout = opened or opened_release(site, request, described)
        last = _kept_up(site, rollout, lease, record)
    return _ended(here, rollout, record, last)


def go_on(here: Site, rollout: Rollout, recorder: Recorder) -> tuple[Exit, dict[str, Any]]:
    """`resume`: take the lock of an open rollout and go on from what was recorded."""
    holder, record = f"resume {rollout.verb} {rollout.candidate.version}", Aside(recorder)
    with held(here.lock, rollout.component, here.region, holder, LEASE_SECONDS) as lease:
        last = _kept_up(here.holding(lease), rollout, lease, record)
    return _ended(here, rollout, record, last)


def _kept_up(site: Site, rollout: Rollout, lease: Lease, record: Aside) -> Progress | None:
    try:
        with keeping(site):
            return run(release_sight(site, rollout), lease, record)
    except LostLock as lost:
        record.left(f"taken over: {lost}")
        raise


def _ended(
    here: Site, rollout: Rollout, record: Aside, last: Progress | None
) -> tuple[Exit, dict[str, Any]]:
    """The last page waits for Prefect, and so is written after the lock was given back."""
    assert last is not None
    record.finish(last)
    ended = recorded(here, rollout.component, rollout.id)
    return exit_code(ended), release_report(here, ended)


def run(
    sight: ReleaseSight, lease: Lease, record: Aside, until: float = float("inf")
) -> Progress | None:
    """Look, decide, perform until it has ended; the last progress, None where `until` comes first.

    Neither pages nor the steps of an undo, its decision among them, wait for Prefect.
    """
    while monotonic() < until:
        facts = look(sight, lease)
        if facts.rollout.closed is not None:
            progress = release_text.progress_of(facts, None, sight.policy, sight.site.told)
            publish(sight.site, progress)
            return progress
        action = decide_release(facts, sight.policy)
        progress = release_text.progress_of(facts, action, sight.policy, sight.site.told)
        publish(sight.site, progress)
        record.show(progress)
        _taken(sight, facts, action, lease, record if _urgent(facts, action) else record.recorder)
    return None


def _urgent(facts: ReleaseFacts, action: ReleaseAction) -> bool:
    """Whether it undoes, decides so, or only waits for the next look."""
    harmful = isinstance(action, Judge) and action.decision is not Decision.PROMOTE
    undoing = facts.harm is not None or facts.rollout.verb.undoes
    return undoing or harmful or isinstance(action, Wait)


def _taken(
    sight: ReleaseSight, facts: ReleaseFacts, action: ReleaseAction, lease: Lease, record: Steps
) -> None:
    # Prefect walks through all that a step is given, so that it is given nothing.
    def taken() -> str:
        return attempt(sight, facts, action, lease)

    record.step(release_text.step(action), taken)


def look(sight: ReleaseSight, lease: Lease) -> ReleaseFacts:
    """The facts; while the platform does not answer, a moment later."""
    while True:
        try:
            lease.check()
            return sight.look()
        except Unavailable as error:
            wait_for(sight, error, AGAIN)


def attempt(sight: ReleaseSight, facts: ReleaseFacts, action: ReleaseAction, lease: Lease) -> str:
    """Perform it; what the version or somebody else makes impossible is a fact of the next look."""
    undoing = facts.harm is not None or facts.rollout.verb.undoes
    rollout, policy = facts.rollout, sight.policy
    if isinstance(action, Run | Start) and any(here.is_watched for here in facts.standings):
        # Either may take minutes, and what serves already is harmed meanwhile as well.
        lease = watchful(lease, sight.harmed)
    act = partial(perform, sight.site, rollout, policy, action, lease, undoing=undoing)
    try:
        said = with_reserve(sight.site, act) if undoing else act()
        sight.lost_at = sight.failure = None
    except Fired as fired:
        # The next look decides on it.
        said = f"left for {fired}"
    except (Unavailable, NotReady, NotFound, Owned, NotAllowed, Invalid) as error:
        fault = None if undoing else fault_of(action, error)
        if fault is None:
            wait_for(sight, error, AGAIN)
            return str(error)
        sight.failure, said = fault, fault.reason
    tell(sight, said)
    return said


def fault_of(action: ReleaseAction, error: ClusterError) -> Fault | None:
    """Why an action cannot be performed, for the ledger; None where a moment later it can."""
    if isinstance(error, Unavailable) or not isinstance(action, Start | Run | Weigh):
        return None
    if isinstance(action, Weigh) and isinstance(error, NotAllowed | NotFound):
        # Its servers went since they were looked at: the next look finds that.
        return None
    lasting = isinstance(error, NotReady) and error.lasting
    if isinstance(action, Start) and not lasting:
        return Fault(f"{action.revision.version} cannot be started: {error}", of_version=False)
    return Fault(str(error), of_version=lasting)
