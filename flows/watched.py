"""Commands and a watch that still runs: a short one is waited for, a long one is named."""

import sys
import time
from datetime import UTC, datetime, timedelta

from flows.openers import Request, actor, check_deploy
from flows.refusal import Refused
from flows.site import Site
from rollout.history import LEFT
from rollout.state import Phase, Rollout, Verb
from rollout.words import duration

SHORT = timedelta(seconds=15)
"""A watch that ends so soon is waited for."""

LEAVING = 120.0
"""Seconds that a control may take to end; its process may have to be started anew."""
CLOSING = timedelta(seconds=15)
"""How long after its end a watch may take to be closed."""


def after_watch(here: Site, name: str) -> None:
    """Return once no promotion of `name` is watched; Refused where that takes long."""
    told = False
    while (opened := here.history(name).open) is not None:
        if opened.phase is not Phase.WATCHING or opened.watch is None:
            return
        left = opened.watch.until - datetime.now(UTC)
        if left > SHORT or left < -CLOSING:
            raise _watched(opened, left)
        if not told:
            seconds = duration(max(left.total_seconds(), 1.0))
            said = f"waiting for the watch of {opened.candidate.version} to end, in about {seconds}"
            print(said, file=sys.stderr, flush=True)  # noqa: T201
            told = True
        time.sleep(0.1)
    if told:
        _let_go(here, name)


def make_room(here: Site, request: Request) -> Rollout | None:
    """Refuse what may not start, then end the control whose place it takes.

    The rollout that a deploy goes on with, None where it opens one.
    """
    after_watch(here, request.name)
    _, _, opened = check_deploy(here, request)
    if not request.control:
        after_control(here, request.name, f"deploy-model {request.version}")
    return opened


def after_control(here: Site, name: str, what: str) -> None:
    """Return once no copy of the champion is shadowed: `what` needs its place, and ends it."""
    deadline = time.monotonic() + LEAVING
    left = False
    while (opened := here.history(name).open) is not None and opened.verb is Verb.CONTROL:
        if opened.leaving is None:
            here.ledger.append(
                LEFT,
                component=name,
                region=here.region,
                actor=actor(),
                data={"rollout": opened.id, "reason": f"ended for {what}"},
            )
            print(f"ending the control of {name}", file=sys.stderr, flush=True)  # noqa: T201
        if time.monotonic() > deadline:
            raise Refused(
                f"the control of {name} was told to end {LEAVING:.0f} s ago and is still open",
                hint=f"pincex resume {name} follows it",
            )
        left = True
        time.sleep(0.1)
    if left:
        _let_go(here, name)


def _let_go(here: Site, name: str) -> None:
    """Whoever ended a rollout lets its lock go soon; who holds it for longer began another."""
    deadline = time.monotonic() + CLOSING.total_seconds()
    while here.lock.holder(name, here.region) is not None and time.monotonic() < deadline:
        time.sleep(0.1)


def _watched(opened: Rollout, left: timedelta) -> Refused:
    assert opened.watch is not None
    ends = f"for another {duration(left.total_seconds())}"
    if left < timedelta(0):
        ends = "and should have ended; the process that watches it does not go on"
    return Refused(
        f"the promotion of {opened.component} {opened.candidate.version} is being watched {ends}",
        hint=f"pincex resume {opened.component} follows the watch to its end; pincex "
        f"rollback-model {opened.component} ends it and undoes the promotion",
    )
