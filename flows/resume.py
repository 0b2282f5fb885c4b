"""`resume`: go on with whatever is open, and make the moves that are still owed."""

from collections.abc import Sequence
from typing import Any

from cluster.lock import kept
from flows import aliases, reports
from flows.deploy import NothingToDo, go_on
from flows.keeping import keeping
from flows.openers import actor, open_already, refuse_foreign
from flows.platform import applications, recorded
from flows.recorder import Recorder
from flows.refusal import Exit, Refused
from flows.rollback import undo
from flows.site import LEASE_SECONDS, Site
from rollout.state import Rollout, Verb


def resume(here: Site, name: str | None, recorder: Recorder) -> tuple[Exit, dict[str, Any]]:
    """The open rollout of `name`, or of every model; then the alias moves that are owed."""
    known = {row.component for row in here.ledger.rows(region=here.region)}
    components = sorted(component for component in known if name in (None, component))
    opened = [rollout for component in components if (rollout := here.history(component).open)]
    busy = {} if name else _busy(here, opened)
    ended = [_continue(here, rollout, recorder) for rollout in opened if rollout.id not in busy]
    held = {rollout.component for rollout in opened if rollout.id in busy}
    services = applications(here)
    models = [one for one in components if one not in held and one not in services]
    settled = settle_owed(here, models, asked=name)
    owed = reports.owed(here)
    missing = reports.hand_over(here)
    if not ended:
        refuse_foreign_of(here, settled)
    if not ended and not settled and not owed:
        raise NothingToDo(name, [*busy.values()])
    code, report = ended[-1] if ended else (Exit.DONE, {})
    return code, report | {"aliases": settled, "reports": {"owed": owed, "missing": missing}}


def _busy(here: Site, opened: Sequence[Rollout]) -> dict[str, str]:
    """By rollout, who is at it: asked for all, that is left to them."""
    holders = {one.id: here.lock.holder(one.component, one.region) for one in opened}
    return {
        one.id: f"{one.component} is held by {holder.holder} (process {holder.pid})"
        for one in opened
        if (holder := holders[one.id]) is not None
    }


def settle_owed(here: Site, components: list[str], asked: str | None) -> dict[str, str]:
    """The alias moves that nobody lived to make or to owe, or that a person took back.

    The registry is looked at for the model that was asked for alone.
    """
    return {
        component: aliases.settle_or_owe(here, component, actor=actor())
        for component in components
        if aliases.owed(here, component)
        or aliases.unsettled(here, component)
        or (component == asked and here.history(asked).champion and aliases.behind(here, asked))
    }


def refuse_foreign_of(here: Site, settled: dict[str, str]) -> None:
    """What a person has to settle is no success of a command that could not."""
    for component in settled:
        refuse_foreign(here, component, here.history(component))


def keep_serving(here: Site, name: str) -> dict[str, Any]:
    """Foreign aliases are set back to what serves."""
    overruled = aliases.settle(here, name, actor=actor(), overrule=True)
    return {"model": name, "overruled": [str(stranger) for stranger in overruled]}


def foreign_champion(here: Site, name: str) -> str:
    """The version that a foreign champion alias names, if it may be promoted now."""
    history = here.history(name)
    found = {one.alias: one for one in aliases.foreign(history, here.registry.aliases(name))}
    moved = found.get("champion")
    if moved is None or moved.found is None:
        said = str(moved) if moved else f"nobody moved the champion alias of {name}"
        raise Refused(
            f"{said}: there is nothing to follow", hint=f"pincex resume {name} --keep-serving"
        )
    whole = {one.release for one in here.registry.versions(name) if one.manifest_sha256}
    if moved.found not in whole:
        raise Refused(
            f"{moved}: {moved.found} has no manifest, so it cannot be followed",
            hint=f"pincex resume {name} --keep-serving",
        )
    if history.open is not None:
        raise open_already(history.open)
    return moved.found


def _continue(here: Site, rollout: Rollout, recorder: Recorder) -> tuple[Exit, dict[str, Any]]:
    if rollout.verb.of_release:
        from flows import release

        return release.go_on(here, rollout, recorder)
    if rollout.verb is not Verb.ROLLBACK:
        return go_on(here, rollout, recorder)
    from time import monotonic

    holder = f"resume rollback-model {rollout.component}"
    lease = here.lock.acquire(rollout.component, here.region, holder, LEASE_SECONDS)
    with kept(lease), keeping(here):
        here = here.holding(lease)
        done = "done by another process"
        if recorded(here, rollout.component, rollout.id).closed is None:
            _, done = undo(here, rollout, lease, monotonic())
    return Exit.DONE, {"model": rollout.component, "to": rollout.candidate.version, "done": done}
