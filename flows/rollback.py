"""`rollback-model`: traffic back to the previous version, in the command itself.

Imports no Prefect and waits for neither Prefect nor MLflow: traffic first, then workloads, then
bookkeeping; what cannot be written now, `resume` does later, and `status` names the difference.
"""

import argparse
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import Any

from cluster.errors import ClusterError, NotWritable
from cluster.lock import Lease, kept
from cluster.route import Route
from flows.effects import close, perform
from flows.in_cluster import chosen
from flows.keeping import keeping
from flows.openers import actor, open_rollout, refuse_application
from flows.platform import look_at, traffic
from flows.refusal import Exit, Refused, bad_input
from flows.room import with_reserve
from flows.servers import bring_up
from flows.site import LEASE_SECONDS, Site
from rollout.decide import decide
from rollout.facts import BringUp, Promote, RollBack, Shift
from rollout.history import History
from rollout.policy import default_policy_text, parse
from rollout.state import Ending, Phase, Revision, Rollout, Verb
from rollout.words import milliseconds

DEADLINE = 60.0


def rollback_model(options: argparse.Namespace) -> tuple[int, dict[str, Any], str]:
    """The verb: preflight the target, move traffic, then tidy up."""
    here = chosen(options)
    here.require()
    started = monotonic()
    history = here.history(options.name)
    if history.return_target is None and _shadow(history) is not None:
        ended = _end_shadow(here, options.name, options.reason)
        # It may have begun to be promoted before the lock was had: then there is something to undo.
        return ended or rollback_model(options)
    target = _target(history, options.name)
    lease = _preempt(here, options.name)
    with kept(lease), keeping(here):
        here.revive()
        here = here.holding(lease)
        try:
            rollout = with_reserve(here, partial(_open, here, options.name, target, options.reason))
        except NotWritable as error:
            return _unrecorded(here, options.name, target, error, lease)
        moved, bookkeeping = undo(here, rollout, lease, started)
    report = {
        "model": options.name,
        "from": rollout.stable.version if rollout.stable else None,
        "to": target.version,
        "moved_in_ms": round(1000 * moved, 1) if moved is not None else None,
        "bookkeeping": bookkeeping,
    }
    how_fast = f" {milliseconds(moved)} after the command" if moved is not None else ""
    text = f"{options.name}: {target.version} takes all traffic{how_fast}\n{bookkeeping}"
    return Exit.DONE, report, text


def _end_shadow(here: Site, name: str, reason: str) -> tuple[int, dict[str, Any], str] | None:
    """Nothing served before the champion: it stays, and only the copies of its requests end.

    None where no shadow is open any more once the lock is had.
    """
    lease = _preempt(here, name)
    with kept(lease), keeping(here):
        here.revive()
        here = here.holding(lease)
        rollout = _shadow(here.history(name))
        if rollout is None:
            return None
        rollout = replace(rollout, actor=actor())
        action = RollBack(rollout.stable, f"rollback-model: {reason}", Ending.ABANDONED)
        policy = parse(rollout.policy_text)
        said = with_reserve(here, partial(perform, here, rollout, policy, action, lease))
    assert rollout.stable is not None
    champion, ended = rollout.stable.version, rollout.candidate.version
    report = {"model": name, "from": champion, "to": champion, "ended": ended, "bookkeeping": said}
    return (
        Exit.DONE,
        report,
        f"{name}: {champion} keeps all traffic, as nothing served before\n{said}",
    )


def _shadow(history: History) -> Rollout | None:
    """The shadow beside a champion that is open."""
    opened = history.open
    shadowing = opened is not None and opened.phase is Phase.SHADOW and opened.stable is not None
    return opened if shadowing else None


def _preempt(here: Site, name: str) -> Lease:
    holder = f"rollback-model {name}"
    return with_reserve(here, lambda: here.lock.preempt(name, here.region, holder, LEASE_SECONDS))


def undo(here: Site, rollout: Rollout, lease: Lease, started: float) -> tuple[float | None, str]:
    """Bring an open rollback to its end; seconds until traffic moved, and what was tidied up."""
    policy = parse(rollout.policy_text)
    moved: float | None = None
    while monotonic() - started < DEADLINE:
        facts = look_at(here, rollout)
        action = decide(facts, policy)
        assert isinstance(action, BringUp | Shift | Promote)
        done = with_reserve(here, partial(perform, here, rollout, policy, action, lease))
        if isinstance(action, Shift):
            moved = monotonic() - started
        if isinstance(action, Promote):
            return moved, done
    raise Refused(
        f"{rollout.candidate.version} did not become ready within {DEADLINE:.0f} s; "
        "traffic was not moved",
        hint=f"pincex status{here.told}; logs in {here.home.logs}",
        changed="The rollback stays open: pincex resume goes on with it.",
    )


def _target(history: History, name: str) -> Revision:
    refuse_application(history, name)
    target = history.return_target
    if target is not None:
        return target
    if history.champion is None:
        raise bad_input(f"{name} serves nothing on this site", "pincex status")
    raise Refused(
        f"{name} has no previous version: nothing served before "
        f"{history.champion.revision.version}",
        hint=f"pincex model-status {name}",
    )


def _open(here: Site, name: str, target: Revision, reason: str) -> Rollout:
    """Close what is open and open the rollback, unless it is open already.

    The target is the one of when the command began: of two rollbacks at once, the later one must
    not go a version further back.
    """
    history = here.history(name)
    _refuse_overtaken(here, history, name, target)
    if history.open is not None:
        if history.open.verb is Verb.ROLLBACK:
            return history.open
        close(here, history.open, Ending.ABANDONED, f"rollback-model: {reason}")
    stable = history.champion.revision if history.champion else None
    policy = history.rollouts[-1].policy_text if history.rollouts else default_policy_text()
    return open_rollout(
        here, name, Verb.ROLLBACK, stable, target, policy, 1.0, 1.0, override=reason
    )


def _refuse_overtaken(here: Site, history: History, name: str, target: Revision) -> None:
    """Somebody else returned to the target, or past it, between the two looks at the ledger."""
    champion = history.champion
    promoted = [served.revision for served in history.champions]
    at_rest = history.open is None and traffic(here, name).serving == target.version
    if champion is None or (target in promoted and not (at_rest and champion.revision == target)):
        return
    raise Refused(
        f"{name} returned to {champion.revision.version} while this command began, "
        f"by {champion.verb} at {champion.since:%H:%M:%S} UTC",
        hint=f"pincex status; pincex rollback-model {name} goes further back",
    )


def _unrecorded(
    here: Site, name: str, target: Revision, error: ClusterError, lease: Lease
) -> tuple[int, dict[str, Any], str]:
    """The ledger cannot be written: traffic moves all the same, and the command says so loudly."""
    bring_up(here, name, target, parse(default_policy_text()), lease, forced=True)
    here.serving.set_route(name, Route({target.version: 100}), lease, forced=True)
    serving = traffic(here, name).serving
    raise Refused(
        f"{name}: {serving} takes all traffic, but the ledger cannot be written: {error}",
        hint=f"make room, then: pincex rollback-model {name}",
        changed="Traffic was moved; ledger and aliases were not.",
    )
