"""The commands that roll the services of an application out, and back."""

import argparse
import json
from collections.abc import Mapping
from functools import partial
from time import monotonic
from typing import Any

from cluster.lock import kept
from flows.applications import application, read, runnable
from flows.command import start
from flows.in_cluster import chosen
from flows.keeping import keeping
from flows.platform import applications, parts_of
from flows.policies import policy_text
from flows.recorder import Aside, Unrecorded
from flows.refusal import Exit, Refused, bad_input
from flows.release import run
from flows.release_openers import (
    ReleaseRequest,
    check_release,
    open_release,
    release_open,
    require_way,
)
from flows.release_sight import release_sight
from flows.room import with_reserve
from flows.site import LEASE_SECONDS, Site
from rollout import release_plan_text
from rollout.application import Application
from rollout.history import History
from rollout.policy import parse
from rollout.release import Parts
from rollout.state import Revision, Rollout, Verb
from rollout.words import duration

DEADLINE = 120.0

Answer = tuple[int, dict[str, Any], str]


def deploy(options: argparse.Namespace) -> Answer:
    """Check what can be checked at once, then start the rollout and follow it to its end."""
    here, request = asked(options)
    described = read(request.application, "application.toml")
    if options.plan:
        return _planned(here, described, request, options.rate)
    here.require_place()
    here.begin()
    check_release(here, request, described)
    given = json.dumps({name: getattr(request, name) for name in ReleaseRequest.__slots__})
    options.name = described.name
    return start(here, options, ["deploy", here.name, given])


def asked(options: argparse.Namespace) -> tuple[Site, ReleaseRequest]:
    """The site that is meant, and what to deploy there; bad input names what does not fit."""
    here = chosen(options, "deploying", ["gateway", "metrics"])
    described = runnable(here.services, application(here, options.application))
    if options.rate is not None and not options.rate > 0:
        raise bad_input(f"--rate {options.rate:g} is no rate", "--rate 100, requests a second")
    text = policy_text(here, options.policy)
    return here, ReleaseRequest(
        options.version, described.text, text, options.retry, options.accept_downtime
    )


def _planned(
    here: Site, described: Application, request: ReleaseRequest, rate: float | None
) -> Answer:
    # Numpy, for which no other verb of services waits.
    from rollout.step_evidence import least_requests

    services, policy = here.services, parse(request.policy_text)

    def needed(share: int, steps: int) -> int:
        return least_requests(share, steps, policy)

    shown = release_plan_text.plan(
        described, request.version, policy, rate, services.how, needed,
        by_instances=services.by_instances,
    )  # fmt: skip
    names = [part.name for part in described.services]
    report = {"application": described.name, "version": request.version, "order": names}
    return Exit.DONE, {**report, "plan": shown}, "\n".join(shown)


def rollback(options: argparse.Namespace) -> Answer:
    """Return to what served before, in the command itself: traffic first, then servers."""
    here = chosen(options)
    here.require()
    name = _known(here)
    begun = monotonic()
    _, wanted = _targets(here, here.history(name), parts_of(here, name), options.component)
    lease = with_reserve(
        here, lambda: here.lock.preempt(name, here.region, "rollback", LEASE_SECONDS)
    )
    with kept(lease), keeping(here):
        here.revive()
        held = here.holding(lease)
        opening = partial(_open, held, name, options.component, options.reason, wanted)
        rollout = with_reserve(here, opening)
        ended = run(release_sight(held, rollout), lease, Aside(Unrecorded()), begun + DEADLINE)
    if ended is None:
        raise Refused(
            f"{name} is not back after {DEADLINE:.0f} s",
            hint=f"pincex status{here.told}; logs in {here.home.logs}",
            changed=f"The rollback stays open: pincex resume{here.told} goes on with it.",
        )
    seconds = monotonic() - begun
    back = {part: revision.version for part, revision in wanted.items()}
    report = {"application": name, "back": back, "seconds": round(seconds, 3)}
    told = [f"{name}: rolled back after {duration(seconds)}"]
    told += [f"  {part}: {version} takes all requests" for part, version in back.items()]
    return Exit.DONE, report, "\n".join(told)


def _known(here: Site) -> str:
    known = applications(here)
    if not known:
        raise bad_input("no release was deployed on this site", "pincex deploy VERSION")
    if len(known) == 1:
        return known[0]
    return application(here, None).name


def _open(
    here: Site, name: str, component: str | None, reason: str, wanted: Mapping[str, Revision]
) -> Rollout:
    """Open the rollback, unless it is open already; what else is open ends with it.

    The targets are those of when the command began: of two rollbacks at once, the later one must
    not go a release further back.
    """
    history, parts = here.history(name), parts_of(here, name)
    opened = history.open
    if opened is not None and opened.verb is Verb.RETURN:
        return opened
    release, targets = _targets(here, history, parts, component)
    if targets != wanted:
        raise Refused(
            f"{name} was rolled back, or forward, while this command began",
            hint="pincex status; pincex history",
        )
    champion = history.champion
    stable = opened.candidate if opened else champion.revision if champion else None
    policy = history.rollouts[-1].policy_text
    text = parts.texts[release.digest]
    return open_release(here, name, Verb.RETURN, stable, release, targets, text, policy, reason)


def _targets(
    here: Site, history: History, parts: Parts, component: str | None
) -> tuple[Revision, Mapping[str, Revision]]:
    """The release and the versions that a rollback leads to; Refused where there is no way back."""
    release, targets = _asked_for(here, history, parts, component)
    require_way(parts, targets)
    return release, targets


def _asked_for(
    here: Site, history: History, parts: Parts, component: str | None
) -> tuple[Revision, Mapping[str, Revision]]:
    opened = history.open
    if component is not None:
        return _one(here, history, parts, component)
    if opened is not None and opened.verb is Verb.RETURN:
        return opened.candidate, parts.targets
    if opened is not None and opened.stable != opened.candidate:
        began = {one: part.before for one, part in parts.of.items() if part.before}
        return _release(opened.stable), began
    previous = history.previous
    return _release(previous.revision if previous else None), parts.below


def _one(
    here: Site, history: History, parts: Parts, component: str
) -> tuple[Revision, Mapping[str, Revision]]:
    if history.open is not None:
        raise release_open(here, history.open)
    known = [one for one, part in parts.of.items() if part.stack]
    if component not in known:
        raise bad_input(f"no {component} serves. Known: {', '.join(known)}", "pincex status")
    stack = parts.part(component).stack
    if len(stack) < 2:
        raise _nothing_before(f"{component} {stack[-1].version}")
    assert history.champion is not None
    return history.champion.revision, {component: stack[-2]}


def _release(found: Revision | None) -> Revision:
    if found is None:
        raise _nothing_before("this release")
    return found


def _nothing_before(what: str) -> Refused:
    return Refused(f"nothing served before {what}", hint="pincex history")
