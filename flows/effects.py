"""Actions performed: each is idempotent, and read back before the next is decided."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cluster.lock import Lease
from cluster.route import Mirror, Route
from flows.aliases import owe, settle_or_owe
from flows.openers import actor
from flows.platform import traffic
from flows.servers import bring_up, retire_others
from flows.site import Site
from rollout import words
from rollout.facts import (
    Ask,
    BeginWatch,
    BringUp,
    Enter,
    Lapse,
    Mirrored,
    Promote,
    RollBack,
    Shift,
    Traffic,
)
from rollout.history import ASKED, CLOSED, LAPSED, PHASE, SERVED, TRAFFIC, as_data
from rollout.state import WATCH, Ending, Phase, Revision, Rollout, Verb
from rollout.words import clock

if TYPE_CHECKING:
    from rollout.policy import Policy

Effect = BringUp | Shift | Enter | Ask | Lapse | BeginWatch | Promote | RollBack


def perform(site: Site, rollout: Rollout, policy: "Policy", action: Effect, lease: Lease) -> str:
    """Do it; the answer is a line for people."""
    match action:
        case BringUp(revision):
            of_copy = rollout.verb is Verb.CONTROL and revision == rollout.candidate
            files = rollout.stable if of_copy else None
            watching = rollout.phase is Phase.WATCHING and revision == rollout.stable
            undoing, name = rollout.verb.undoes or watching, rollout.component
            return bring_up(site, name, revision, policy, lease, files, forced=undoing)
        case Shift(weights, mirrored):
            return _shift(site, rollout, weights, mirrored, lease, forced=rollout.verb.undoes)
        case Enter(phase):
            enter(site, rollout, str(phase), rollout.override)
            return f"entered {phase}"
        case Ask(until):
            ask(site, rollout, until, rollout.override)
            return f"waiting for approval until {clock(until)}"
        case Lapse(reason):
            _lapse(site, rollout, reason)
            return f"not promoted: {reason}"
        case BeginWatch(to):
            lease.check()
            return _begin_watch(site, rollout, policy, to, lease)
        case Promote(to, reason):
            lease.check()
            return _promote(site, rollout, policy, to, reason, lease)
        case RollBack():
            return _roll_back(site, rollout, policy, action, lease)


def _shift(
    site: Site,
    rollout: Rollout,
    weights: dict[str, int],
    mirrored: Mirrored | None,
    lease: Lease,
    *,
    forced: bool,
) -> str:
    """Set the route and see it live; only then is it written down, with the moment it began."""
    mirror = None
    if mirrored is not None:
        mirror = Mirror(mirrored.version, mirrored.fraction, mirrored.rollout_id)
    began_at = datetime.now(UTC)
    site.serving.set_route(rollout.component, Route(weights, mirror), lease, forced=forced)
    copies = mirrored.version if mirrored else None
    site.ledger.append(
        TRAFFIC,
        component=rollout.component,
        region=rollout.region,
        actor=rollout.actor,
        data={
            "rollout": rollout.id,
            "weights": weights,
            "mirrored": copies,
            "fraction": mirrored.fraction if mirrored else 0.0,
            "began_at": began_at.isoformat(),
        },
    )
    shares = words.shares(weights)
    return f"traffic: {shares}; copies to {copies or 'nobody'}"


def enter(site: Site, rollout: Rollout, phase: str, override: str | None) -> None:
    """Record a phase before anything of it is done."""
    site.ledger.append(
        PHASE,
        component=rollout.component,
        region=rollout.region,
        actor=rollout.actor,
        data={"rollout": rollout.id, "phase": phase, "override": override},
    )


def ask(site: Site, rollout: Rollout, until: datetime, override: str | None) -> None:
    """Record that the promotion asks a person, on the evidence there is by now."""
    site.ledger.append(
        ASKED,
        component=rollout.component,
        region=rollout.region,
        actor=actor(),
        data={
            "rollout": rollout.id,
            "until": until.isoformat(),
            "evidence_digest": _evidence(rollout),
            "override": override,
        },
    )


def _lapse(site: Site, rollout: Rollout, reason: str) -> None:
    site.ledger.append(
        LAPSED,
        component=rollout.component,
        region=rollout.region,
        actor=rollout.actor,
        data={"rollout": rollout.id, "reason": reason},
    )


def close(site: Site, rollout: Rollout, ending: Ending, reason: str) -> None:
    """The last row of a rollout; that the aliases follow is owed before nobody goes on with it."""
    owe(site, rollout.component)
    site.ledger.append(
        CLOSED,
        component=rollout.component,
        region=rollout.region,
        actor=rollout.actor,
        data={"rollout": rollout.id, "ending": str(ending), "reason": reason},
    )


def served(site: Site, rollout: Rollout, to: Revision, undone: str | None = None) -> None:
    """Record what serves, unless the ledger says so already; `undone` is why a watch undid it."""
    champion = site.history(rollout.component).champion
    if champion and champion.revision == to:
        return
    site.ledger.append(
        SERVED,
        component=rollout.component,
        region=rollout.region,
        actor=rollout.actor,
        data={
            "from": as_data(champion.revision if champion else None),
            "to": as_data(to),
            "verb": WATCH if undone else str(rollout.moved_by),
            "evidence_digest": None if undone else _evidence(rollout),
            "override": undone or rollout.override,
        },
    )


def _evidence(rollout: Rollout) -> str | None:
    return rollout.judged.evidence_digest if rollout.judged else None


def _begin_watch(site: Site, rollout: Rollout, policy: "Policy", to: Revision, lease: Lease) -> str:
    """What serves, then the watch with the past p95 it is held against, then workloads, aliases."""
    from models.past import past_p95

    assert rollout.stable is not None
    served(site, rollout, to)
    owe(site, rollout.component)
    records = site.home.records / rollout.component
    least = policy.judging.reference_pairs
    past = past_p95(records, rollout.stable.version, rollout.id, least)
    site.ledger.append(
        PHASE,
        component=rollout.component,
        region=rollout.region,
        actor=rollout.actor,
        data={
            "rollout": rollout.id,
            "phase": str(Phase.WATCHING),
            "override": rollout.override,
            "seconds": policy.watch.seconds,
            "past_p95_ms": past if past is not None else policy.judging.baseline_p95_ms,
        },
    )
    retire_others(site, rollout.component, policy.drain_within, lease)
    aliases = settle_or_owe(site, rollout.component, actor=rollout.actor)
    return f"{to.version} serves and is watched; aliases {aliases}"


def _promote(
    site: Site, rollout: Rollout, policy: "Policy", to: Revision, reason: str, lease: Lease
) -> str:
    served(site, rollout, to)
    retire_others(site, rollout.component, policy.drain_within, lease)
    ending = Ending.ROLLED_BACK if rollout.verb is Verb.ROLLBACK else Ending.PROMOTED
    close(site, rollout, ending, reason)
    aliases = settle_or_owe(site, rollout.component, actor=rollout.actor)
    return f"{to.version} serves; aliases {aliases}"


def _roll_back(
    site: Site, rollout: Rollout, policy: "Policy", action: RollBack, lease: Lease
) -> str:
    """Traffic, then workloads, then bookkeeping."""
    to, reason, ending = action.to, action.reason, action.ending
    if to is not None and traffic(site, rollout.component) != Traffic({to.version: 100}, None):
        _shift(site, rollout, {to.version: 100}, None, lease, forced=True)
    lease.check()
    if to is not None and rollout.phase is Phase.WATCHING:
        served(site, rollout, to, undone=reason)
    champion = site.history(rollout.component).champion
    if champion is None or champion.revision != rollout.candidate:
        version = rollout.candidate.version
        site.serving.stop(rollout.component, version, policy.drain_within, lease)
    close(site, rollout, ending, reason)
    aliases = settle_or_owe(site, rollout.component, actor=rollout.actor)
    if ending is Ending.ROLLED_BACK:
        aliases += f", {_mark_rejected(site, rollout)}"
    return f"{rollout.candidate.version} is out: {reason}; aliases {aliases}"


def _mark_rejected(site: Site, rollout: Rollout) -> str:
    """The mark in the registry is for readers; the ledger's verdict is the record."""
    from models.errors import RegistryError

    try:
        site.registry.tag(
            rollout.component, rollout.candidate.version, "validation_status", "rejected"
        )
    except RegistryError as error:
        return f"not marked as rejected in the registry: {error}"
    return "marked as rejected"
