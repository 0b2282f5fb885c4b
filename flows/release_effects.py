"""Actions of a rollout of services, performed: each idempotent, read back before the next."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cluster.lock import Lease
from cluster.route import Route
from cluster.services import calls_of
from flows.applications import description_of
from flows.platform import parts_of
from flows.site import Site
from rollout import words
from rollout.application import Component, ReleaseStep
from rollout.facts import Enter
from rollout.history import CLOSED, PHASE, SERVED, TRAFFIC, as_data
from rollout.policy import Policy
from rollout.release import BEGUN, JUDGED, RAN, RETIRED, TAKEN, WATCHED, Parts
from rollout.release_facts import (
    End,
    EndWatch,
    Judge,
    ReleaseAction,
    Retire,
    Run,
    Start,
    Take,
    Unobserve,
    Wait,
    Weigh,
)
from rollout.state import Ending, Revision, Rollout


def perform(
    site: Site,
    rollout: Rollout,
    policy: Policy,
    action: ReleaseAction,
    lease: Lease,
    *,
    undoing: bool,
) -> str:
    """Do it; the answer is a line for people. What undoes takes back what others changed."""
    lease.check()
    match action:
        case Start(component, revision):
            part = description_of(parts_of(site, rollout.component), component, revision)
            within = policy.ready_within
            site.services.start(part, revision.version, within, lease, forced=undoing)
            return f"{component}: {revision.version} is ready"
        case Run(component, revision, step):
            return _run(site, rollout, lease, component, revision, step)
        case Weigh():
            return _weigh(site, rollout, policy, action, lease, undoing=undoing)
        case Unobserve(component):
            return _unobserve(site, rollout, policy, component, lease)
        case Judge(component, decision, reason):
            judged = {"component": component, "decision": str(decision), "reason": reason}
            _append(site, rollout, JUDGED, judged)
            return f"{component}: {decision}, {reason}"
        case Take(component, to, undo):
            taken = {"component": component, "to": as_data(to), "undo": undo}
            _append(site, rollout, TAKEN, taken)
            return f"{component}: {to.version} serves"
        case Retire(component, version):
            return _retire(site, rollout, policy, lease, component, version)
        case Enter(phase):
            entered = {"phase": str(phase), "override": None, "past_p95_ms": None}
            _append(site, rollout, PHASE, {**entered, "seconds": policy.watch.seconds})
            return f"{rollout.candidate.version} serves everywhere; watched"
        case EndWatch(component, reason):
            _append(site, rollout, WATCHED, {"component": component, "reason": reason})
            return f"{component}: {reason}"
        case Wait(component, seconds, reason):
            time.sleep(max(seconds, site.pace))
            return f"{component}: {reason}"
        case End(ending, reason):
            return _end(site, rollout, policy, lease, ending, reason)


def _run(
    site: Site, rollout: Rollout, lease: Lease, component: str, of: Revision, step: ReleaseStep
) -> str:
    """That it begins is written first: once it may have run there may be no way back."""
    part = description_of(parts_of(site, rollout.component), component, of)
    told = {"component": component, "of": as_data(of), "step": step.name}
    _append(site, rollout, BEGUN, {**told, "reversible": step.reversible})
    site.services.run_step(part, of.version, step, lease)
    _append(site, rollout, RAN, told)
    return f"{component}: release step {step.name} of {of.version} is done"


def _weigh(
    site: Site, rollout: Rollout, policy: Policy, action: Weigh, lease: Lease, *, undoing: bool
) -> str:
    """Set the route and see it live; only then is it written down, with the moment it began."""
    parts = parts_of(site, rollout.component)
    part = _routed(parts, action)
    observed = rollout.id if action.observe else None
    began_at = datetime.now(UTC)
    route = Route(action.weights, calls=calls_of(part), observed=observed)
    site.services.set_route(part, route, policy.ready_within, lease, forced=undoing)
    _append(
        site,
        rollout,
        TRAFFIC,
        {
            "component": part.name,
            "weights": action.weights,
            "share": action.weights.get(parts.targets[part.name].version, 0),
            "mirrored": None,
            "began_at": began_at.isoformat(),
            "past_p95_ms": action.past_p95_ms,
        },
    )
    shares = words.shares(action.weights)
    return f"{part.name}: {shares}"


def _unobserve(site: Site, rollout: Rollout, policy: Policy, component: str, lease: Lease) -> str:
    """Whoever divides the requests goes on as it does; nothing else is changed by that."""
    route = site.services.route(component)
    (version,) = route.weights
    part = _described(parts_of(site, rollout.component), component, version)
    plain = Route(route.weights, calls=calls_of(part), observed=None)
    site.services.set_route(part, plain, policy.ready_within, lease, forced=False)
    return f"{component}: its answers are noted no more"


def _retire(
    site: Site, rollout: Rollout, policy: Policy, lease: Lease, component: str, version: str
) -> str:
    """End the servers of a version, and write down whether it was seen that nobody asked it."""
    within, quiet = policy.drain_within, policy.quiet_within
    parts = parts_of(site, rollout.component)
    part = _described(parts, component, version)
    how = site.services.retire(part, version, within, quiet, lease)
    _append(site, rollout, RETIRED, {"component": component, "version": version, "how": how})
    return f"{component}: {version} ended, {how}"


def _routed(parts: Parts, action: Weigh) -> Component:
    """The component as the version with the most requests describes it: that one must answer."""
    largest = max(action.weights, key=lambda version: action.weights[version])
    return _described(parts, action.component, largest)


def _described(parts: Parts, component: str, version: str) -> Component:
    """A component as the description of one of its versions has it."""
    known = parts.part(component)
    revisions = [parts.targets[component], known.before, *known.stack, *known.served]
    found = (one for one in revisions if one is not None and one.version == version)
    # One that never served is of a rollout that was given up: by the description of this one.
    return description_of(parts, component, next(found, parts.targets[component]))


def _end(
    site: Site, rollout: Rollout, policy: Policy, lease: Lease, ending: Ending, reason: str
) -> str:
    """What serves stays up and, unless it is single, what served before; then the last rows."""
    parts = parts_of(site, rollout.component)
    for name in parts.targets:
        known = parts.part(name)
        single = description_of(parts, name, parts.targets[name]).single
        kept = {revision.version for revision in known.stack[-1 if single else -2 :]}
        for version in site.services.versions_up(name):
            if version not in kept:
                _retire(site, rollout, policy, lease, name, version)
    champion = site.history(rollout.component).champion
    new = champion is None or champion.revision != rollout.candidate
    everywhere = all(parts.part(name).serving == to for name, to in parts.targets.items())
    if new and (rollout.verb.undoes or everywhere):
        _append(
            site,
            rollout,
            SERVED,
            {
                "from": as_data(rollout.stable),
                "to": as_data(rollout.candidate),
                "verb": str(rollout.verb),
                "evidence_digest": None,
                "override": rollout.override,
            },
        )
    for other in site.history(rollout.component).rollouts:
        if other.closed is None and other.id != rollout.id:
            given_up = {"ending": str(Ending.ABANDONED), "reason": f"{rollout.verb}: {reason}"}
            _append(site, other, CLOSED, given_up)
    _append(site, rollout, CLOSED, {"ending": str(ending), "reason": reason})
    return f"closed {ending}: {reason}"


def _append(site: Site, rollout: Rollout, kind: str, data: Mapping[str, Any]) -> None:
    site.ledger.append(
        kind,
        component=rollout.component,
        region=rollout.region,
        actor=rollout.actor,
        data={"rollout": rollout.id, **data},
    )
