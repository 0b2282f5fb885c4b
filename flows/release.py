"""`deploy` and `rollback`: the services of an application, component by component, or back."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from time import monotonic, sleep
from typing import Any

from cluster.errors import Unavailable
from cluster.lock import Lease, held
from flows.applications import read, runnable
from flows.keeping import keeping
from flows.openers import actor
from flows.platform import recorded
from flows.progress_file import publish
from flows.refusal import Exit, Refused, bad_input
from flows.release_effects import perform
from flows.release_sight import ReleaseSight, release_sight
from flows.report import exit_code, report
from flows.room import with_reserve
from flows.site import LEASE_SECONDS, Site
from rollout.application import Application
from rollout.deploying import End, ReleaseAction, ReleaseFacts, Start, decide_release
from rollout.history import OPENED, History, as_data
from rollout.release import Parts, fold_parts
from rollout.release_text import progress_of
from rollout.state import Ending, Revision, Rollout, Verb

PROXY_PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class ReleaseRequest:
    """What `deploy` was asked; `retry` allows a release that was undone before."""

    version: str
    application: str
    policy_text: str
    retry: bool


def deploy(here: Site, request: ReleaseRequest) -> tuple[Exit, dict[str, Any]]:
    """Open the rollout, or go on with the one that is open, and stay until it has ended."""
    described = runnable(read(request.application, "application.toml"))
    holder = f"deploy {request.version}"
    with held(here.lock, described.name, here.region, holder, LEASE_SECONDS) as lease:
        site = here.holding(lease)
        opened = check_release(site, request, described)
        return _run(site, opened or _opened(site, request, described), lease)


def go_on(here: Site, rollout: Rollout) -> tuple[Exit, dict[str, Any]]:
    """`resume`: take the lock of an open rollout and go on from what was recorded."""
    holder = f"resume {rollout.verb} {rollout.candidate.version}"
    with held(here.lock, rollout.component, here.region, holder, LEASE_SECONDS) as lease:
        return _run(here.holding(lease), rollout, lease)


def _run(site: Site, rollout: Rollout, lease: Lease) -> tuple[Exit, dict[str, Any]]:
    with keeping(site):
        run(release_sight(site, rollout), lease)
    ended = recorded(site, rollout.component, rollout.id)
    return exit_code(ended), report(ended)


def run(sight: ReleaseSight, lease: Lease, until: float = float("inf")) -> End | None:
    """Look, decide, perform until the rollout has ended; None where `until` comes first."""
    while monotonic() < until:
        lease.check()
        facts = look(sight)
        if facts.rollout.closed is not None:
            publish(sight.site, progress_of(facts, None))
            return End(facts.rollout.closed, facts.rollout.reason)
        action = decide_release(facts, sight.policy)
        publish(sight.site, progress_of(facts, action))
        attempt(sight, facts, action, lease)
    return None


def look(sight: ReleaseSight) -> ReleaseFacts:
    """The facts; while the proxy is being restarted, a moment later."""
    deadline = monotonic() + PROXY_PATIENCE
    while True:
        try:
            return sight.look()
        except Unavailable:
            if monotonic() > deadline:
                raise
            sleep(0.2)


def attempt(sight: ReleaseSight, facts: ReleaseFacts, action: ReleaseAction, lease: Lease) -> None:
    """Perform it; a version that cannot be started becomes a fact of the next look."""
    act = partial(perform, sight.site, facts.rollout, sight.policy, action, lease)
    undoing = facts.harm is not None or facts.rollout.verb.undoes
    try:
        said = with_reserve(sight.site, act) if undoing else act()
    except Unavailable as error:
        if not isinstance(action, Start):
            raise
        first, *words = str(error).splitlines()
        told = [first.removesuffix("; its last words:"), *words[-1:]]
        sight.failure = f"{action.revision.version} cannot be started: {': '.join(told)}"
        said = sight.failure
    if said != sight.said:
        print(said, file=sys.stderr, flush=True)  # noqa: T201
    sight.said = said


def check_release(site: Site, request: ReleaseRequest, described: Application) -> Rollout | None:
    """Whether a deploy may start; the open rollout where it is the same one."""
    history = site.history(described.name)
    candidate = Revision(request.version, described.digest)
    opened = history.open
    if opened is not None:
        if (opened.verb, opened.candidate) == (Verb.RELEASE, candidate):
            return opened
        raise release_open(opened)
    champion = history.champion
    if champion is not None and champion.revision == candidate:
        raise bad_input(f"{request.version} of {described.name} serves already", "pincex status")
    if champion is not None and champion.revision.version == request.version:
        raise bad_input(
            f"{request.version} serves already, from another description of {described.name}",
            "a version of its own for what has changed",
        )
    undone = _undone(history, candidate)
    if undone is not None and not request.retry:
        raise Refused(
            f"{request.version} was undone at {undone.opened_at:%Y-%m-%d %H:%M} UTC: "
            f"{undone.reason}",
            hint=f"pincex deploy {request.version} --retry, once that is mended",
            code=Exit.HARM,
        )
    return None


def release_open(opened: Rollout) -> Refused:
    """One rollout of an application at a time."""
    return Refused(
        f"{opened.verb} {opened.candidate.version} of {opened.component} is open "
        f"(since {opened.opened_at:%Y-%m-%d %H:%M:%S} UTC)",
        hint=f"pincex resume {opened.component} follows it; pincex rollback ends and undoes it",
    )


def _undone(history: History, candidate: Revision) -> Rollout | None:
    """The last deploy of this very release, if evidence undid it."""
    for rollout in reversed(history.rollouts):
        if rollout.candidate == candidate and rollout.verb is Verb.RELEASE:
            return rollout if rollout.closed is Ending.ROLLED_BACK else None
    return None


def _opened(site: Site, request: ReleaseRequest, described: Application) -> Rollout:
    champion = site.history(described.name).champion
    targets = {part.name: Revision(request.version, part.digest) for part in described.services}
    return open_release(
        site,
        described.name,
        Verb.RELEASE,
        champion.revision if champion else None,
        Revision(request.version, described.digest),
        targets,
        request.application,
        request.policy_text,
        None,
    )


def open_release(
    site: Site,
    name: str,
    verb: Verb,
    stable: Revision | None,
    candidate: Revision,
    targets: Mapping[str, Revision],
    application: str,
    policy_text: str,
    override: str | None,
) -> Rollout:
    """Append the opening row and return the rollout as the ledger has it now."""
    import uuid

    rollout_id = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:6]}"
    site.ledger.append(
        OPENED,
        component=name,
        region=site.region,
        actor=actor(),
        data={
            "rollout": rollout_id,
            "verb": str(verb),
            "stable": as_data(stable),
            "candidate": as_data(candidate),
            "targets": {part: as_data(revision) for part, revision in targets.items()},
            "application": application,
            "policy": policy_text,
            "sample": 1.0,
            "cap": 1.0,
            "override": override,
        },
    )
    return recorded(site, name, rollout_id)


def parts_of(site: Site, name: str) -> Parts:
    """What the ledger knows of an application's components."""
    return fold_parts(site.ledger.rows(component=name, region=site.region))
