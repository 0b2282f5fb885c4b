"""What a rollout of services needs before its first action: its checks, and its opening row."""

from collections.abc import Mapping
from dataclasses import dataclass

from cluster.errors import NotFound
from flows.openers import append_opening
from flows.platform import parts_of, recorded
from flows.refusal import Exit, Refused, bad_input
from flows.site import Site
from rollout.application import Application, Component
from rollout.history import History, as_data
from rollout.release import Parts
from rollout.state import Ending, Revision, Rollout, Verb


@dataclass(frozen=True, slots=True)
class ReleaseRequest:
    """What `deploy` was asked; `retry` allows a release that was undone, or that a step outdated.

    `accept_downtime` allows components whose rollout loses requests.
    """

    version: str
    application: str
    policy_text: str
    retry: bool
    accept_downtime: bool = False


def check_release(site: Site, request: ReleaseRequest, described: Application) -> Rollout | None:
    """Whether a deploy may start; the open rollout where it is the same one."""
    history = site.history(described.name)
    candidate = Revision(request.version, described.digest)
    opened = history.open
    if opened is not None:
        if (opened.verb, opened.candidate) == (Verb.RELEASE, candidate):
            return opened
        raise release_open(site, opened)
    champion = history.champion
    parts = parts_of(site, described.name)
    left = any(_last_left(parts, part, request.version) for part in described.services)
    if champion is not None and champion.revision == candidate:
        if not left:
            raise bad_input(
                f"{request.version} of {described.name} serves already", f"pincex status{site.told}"
            )
    elif champion is not None and champion.revision.version == request.version:
        raise bad_input(
            f"{request.version} serves already, from another description of {described.name}",
            "a version of its own for what has changed",
        )
    _require_known(site, described, history)
    _require_eyes(site, described, parts)
    site.services.require_rights()
    undone = _undone(history, candidate)
    if undone is not None and not request.retry:
        raise Refused(
            f"{request.version} was undone at {undone.opened_at:%Y-%m-%d %H:%M} UTC: "
            f"{undone.reason}",
            hint=f"pincex deploy {request.version} --retry{site.told}, once that is mended",
            code=Exit.HARM,
        )
    if not request.retry:
        require_way(parts, targets_of(request, described))
    if not request.accept_downtime:
        _require_no_loss(site, request, described)
    return None


def targets_of(request: ReleaseRequest, described: Application) -> Mapping[str, Revision]:
    """What a deploy leads each component to."""
    return {part.name: Revision(request.version, part.digest) for part in described.services}


def require_way(parts: Parts, targets: Mapping[str, Revision]) -> None:
    """A version from before a step that cannot be taken back is one, whichever verb asks for it."""
    barred = parts.barred(targets)
    if barred is not None:
        raise Refused(
            barred, hint="pincex deploy VERSION, one that mends what is wrong", code=Exit.HELD
        )


def _last_left(parts: Parts, part: Component, version: str) -> bool:
    """Whether a release step that runs last was begun and is not done; its version serves."""
    known, revision = parts.part(part.name), Revision(version, part.digest)
    last = {step.name for step in part.release_steps if not step.reversible}
    begun = known.serving == revision and revision in known.crossed
    return begun and bool(last - known.steps_of(revision))


def _require_known(site: Site, described: Application, history: History) -> None:
    """What gets requests and is not in the ledger would be replaced at once, as if it were new."""
    for part in () if history.rollouts else described.services:
        try:
            route = site.services.route(part.name)
        except NotFound:
            continue
        raise Refused(
            f"{part.name} gets requests ({', '.join(sorted(route.versions))}), and the ledger"
            f" {site.home.ledger} knows of no release",
            hint="deploy from the $PINCEX_HOME that it was deployed from",
        )


def _require_eyes(site: Site, described: Application, parts: Parts) -> None:
    """Absence of evidence never passes: where nobody counts, no step could be passed."""
    replaced = [part.name for part in described.services if parts.part(part.name).serving]
    if replaced and not site.sees:
        raise Refused(
            f"nobody counts what {', '.join(replaced)} answer, so no step could be passed",
            hint="--metrics FILE says which Prometheus does (RUNBOOK.md, pincex deploy)",
            code=Exit.HELD,
        )


def _require_no_loss(site: Site, request: ReleaseRequest, described: Application) -> None:
    lost = [said for part in described.services for said in site.services.losses(part)]
    if lost:
        raise Refused(
            f"a rollout would lose requests: {'; '.join(lost)}",
            hint=f"put it right, or: pincex deploy {request.version} --accept-downtime{site.told}",
        )


def release_open(site: Site, opened: Rollout) -> Refused:
    """One rollout of an application at a time."""
    state = f"open (since {opened.opened_at:%Y-%m-%d %H:%M:%S} UTC)"
    if opened.watch is not None:
        state = f"watched (until {opened.watch.until:%Y-%m-%d %H:%M:%S} UTC)"
    return Refused(
        f"{opened.verb} {opened.candidate.version} of {opened.component} is {state}",
        hint=f"pincex resume {opened.component}{site.told} follows it;"
        f" pincex rollback{site.told} ends and undoes it",
    )


def _undone(history: History, candidate: Revision) -> Rollout | None:
    """The last deploy of this very release, if evidence undid it."""
    for rollout in reversed(history.rollouts):
        if rollout.candidate == candidate and rollout.verb is Verb.RELEASE:
            return rollout if rollout.closed is Ending.ROLLED_BACK else None
    return None


def opened_release(site: Site, request: ReleaseRequest, described: Application) -> Rollout:
    """The rollout to this release, every component of it, as it was opened now."""
    champion = site.history(described.name).champion
    return open_release(
        site,
        described.name,
        Verb.RELEASE,
        champion.revision if champion else None,
        Revision(request.version, described.digest),
        targets_of(request, described),
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
    told = {
        "targets": {part: as_data(revision) for part, revision in targets.items()},
        "application": application,
        "policy": policy_text,
        "sample": 1.0,
        "cap": 1.0,
        "override": override,
    }
    return recorded(site, name, append_opening(site, name, verb, stable, candidate, told))
