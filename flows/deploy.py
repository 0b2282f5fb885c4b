"""`deploy-model`: shadow a version beside the champion until the evidence decides."""

from collections.abc import Sequence
from typing import Any

from cluster.lock import held
from flows.aliases import settle_or_owe
from flows.keeping import keeping
from flows.loop import run
from flows.openers import Request, actor, check_deploy, open_deploy
from flows.recorder import Recorder
from flows.refusal import Exit, Refused
from flows.report import exit_code, report
from flows.sight import sight
from flows.site import LEASE_SECONDS, Site
from flows.watched import make_room
from rollout.state import Rollout


def deploy_model(site: Site, request: Request, recorder: Recorder) -> tuple[Exit, dict[str, Any]]:
    """Open the rollout, or go on with the one that is open, and stay until its verdict."""
    make_room(site, request)
    what = "--control" if request.control else request.version
    holder = f"deploy-model {request.name} {what}"
    hold = held(site.lock, request.name, site.region, holder, LEASE_SECONDS)
    with hold as lease, keeping(site):
        here = site.holding(lease)
        history, candidate, opened = check_deploy(here, request)
        rollout = opened or open_deploy(here, request, history, candidate)
        settle_or_owe(here, request.name, actor=actor())
        eye = sight(here, rollout)
        run(eye, lease, recorder)
        ended = eye.rollout()
        return exit_code(ended), report(ended)


def go_on(site: Site, rollout: Rollout, recorder: Recorder) -> tuple[Exit, dict[str, Any]]:
    """`resume`: take the lock of an open rollout and go on from what was recorded."""
    holder = f"resume {rollout.verb} {rollout.component} {rollout.candidate.version}"
    hold = held(site.lock, rollout.component, site.region, holder, LEASE_SECONDS)
    with hold as lease, keeping(site):
        eye = sight(site.holding(lease), rollout)
        run(eye, lease, recorder)
        ended = eye.rollout()
        return exit_code(ended), report(ended)


class NothingToDo(Refused):
    """No rollout is open that nobody is at; `busy` says who is at the others."""

    def __init__(self, name: str | None, busy: Sequence[str] = ()) -> None:
        what = f"no rollout of {name or 'any model'} is open"
        super().__init__("; ".join(busy) or what, hint="pincex status")
