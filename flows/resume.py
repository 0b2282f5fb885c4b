"""`resume`: go on with whatever is open, and make the moves that are still owed."""

from typing import Any

from cluster.lock import kept
from flows import aliases, reports
from flows.deploy import go_on, nothing_to_do
from flows.keeping import keeping
from flows.loop import Recorder
from flows.openers import actor
from flows.refusal import Exit, Refused
from flows.rollback import undo
from flows.site import LEASE_SECONDS, Site
from rollout.state import Rollout, Verb


def resume(here: Site, name: str | None, recorder: Recorder) -> tuple[Exit, dict[str, Any]]:
    """The open rollout of `name`, or of every model; then the alias moves that are owed."""
    components = {row.component for row in here.ledger.rows(region=here.region)}
    opened = [
        rollout
        for component in sorted(components)
        if name in (None, component) and (rollout := here.history(component).open)
    ]
    ended = [_continue(here, rollout, recorder) for rollout in opened]
    settled = settle_owed(here, name)
    owed = reports.owed(here)
    missing = reports.hand_over(here)
    if not ended and not settled and not owed:
        raise nothing_to_do(name)
    code, report = ended[-1] if ended else (Exit.DONE, {})
    return code, report | {"aliases": settled, "reports": {"owed": owed, "missing": missing}}


def settle_owed(here: Site, name: str | None) -> dict[str, str]:
    """The alias moves that could not be made when they were due."""
    components = {str(errand.payload["component"]) for errand in aliases.owed(here, name)}
    return {
        component: aliases.settle_or_owe(here, component, actor=actor())
        for component in sorted(components)
    }


def keep_serving(here: Site, name: str) -> dict[str, Any]:
    """Foreign aliases are set back to what serves."""
    overruled = aliases.settle(here, name, actor=actor(), overrule=True)
    return {"model": name, "overruled": [str(stranger) for stranger in overruled]}


def foreign_champion(here: Site, name: str) -> str:
    """The version that a foreign champion alias names."""
    history = here.history(name)
    for stranger in aliases.foreign(history, here.registry.aliases(name)):
        if stranger.alias == "champion" and stranger.found:
            return stranger.found
    raise Refused(f"nobody moved the champion alias of {name}", hint=f"pincex model-status {name}")


def _continue(here: Site, rollout: Rollout, recorder: Recorder) -> tuple[Exit, dict[str, Any]]:
    if rollout.verb is not Verb.ROLLBACK:
        return go_on(here, rollout, recorder)
    from time import monotonic

    holder = f"resume rollback-model {rollout.component}"
    lease = here.lock.acquire(rollout.component, here.region, holder, LEASE_SECONDS)
    with kept(lease), keeping(here):
        _, done = undo(here, rollout, lease, monotonic())
    return Exit.DONE, {"model": rollout.component, "to": rollout.candidate.version, "done": done}
