"""The registry's aliases follow what the ledger knows; a foreign move is named, never obeyed."""

from dataclasses import dataclass
from datetime import UTC, datetime

from cluster.errors import Unavailable
from cluster.files import exclusive
from cluster.outbox import Errand
from flows.site import Site
from models.errors import RegistryError
from rollout.history import ALIASES, History, expected_aliases

OWED = "aliases"
ROLES = ("champion", "challenger", "previous")
SERVING_ROLES = ("champion", "previous")
PATIENCE = 5.0
"""Seconds for another process to settle; then the move is owed."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """An alias that somebody else moved: what it says, and what the ledger says."""

    alias: str
    found: str | None
    expected: str | None

    def __str__(self) -> str:
        found = f"points to {self.found}" if self.found else "is gone"
        expected = self.expected or "nothing"
        return f"alias {self.alias} {found}, the ledger says {expected}"


def foreign(history: History, found: dict[str, str]) -> list[Foreign]:
    """Aliases that hold neither what they should nor what we wrote, or may have written, there.

    A process that was killed between the alias and its row leaves what was meant at that time.
    """
    expected = expected_aliases(history)
    ours = (expected, history.settled_aliases or {}, *history.meant_aliases)
    return [
        Foreign(alias, found.get(alias), expected.get(alias))
        for alias in ROLES
        if found.get(alias) not in [aliases.get(alias) for aliases in ours]
    ]


def owe(site: Site, component: str) -> None:
    """Note in the outbox that the aliases have to follow what the ledger says by now."""
    head = site.ledger.head()
    key = f"aliases:{site.region}:{component}:{head.seq if head else 0}"
    site.outbox.enqueue(
        key, OWED, {"component": component, "region": site.region}, datetime.now(UTC)
    )


def owed(site: Site, component: str | None = None) -> list[Errand]:
    """The alias moves that still have to be made, of one component or of all."""
    return [
        errand
        for errand in site.outbox.due(datetime.now(UTC))
        if errand.kind == OWED and component in (None, errand.payload["component"])
    ]


def serving_aliases(site: Site, component: str) -> dict[str, str]:
    """Where the aliases of what serves, and served before, point; a challenger is of a shadow."""
    found = site.registry.aliases(component)
    return {role: found[role] for role in SERVING_ROLES if role in found}


def unsettled(site: Site, component: str) -> bool:
    """Whether the aliases were last written for another state of the ledger than this one."""
    history = site.history(component)
    return expected_aliases(history) != dict(history.settled_aliases or {})


def settle(site: Site, component: str, *, actor: str, overrule: bool = False) -> list[Foreign]:
    """Write the aliases the ledger expects and read them back; foreign ones stop it.

    `overrule` sets foreign aliases back, too. Returns the foreign moves found; raises
    `Unavailable` where the registry does not answer, and the outbox still owes the move.
    A foreign move that is left ends the debt: then `status` names it until somebody settles it.

    One process at a time, by what the ledger says in its turn: whoever lost the lock meanwhile
    writes the same as its new holder.
    """
    with exclusive(site.home.run / "aliases.lock", patience=PATIENCE):
        return _settle(site.holding(None), component, actor, overrule)


def _settle(site: Site, component: str, actor: str, overrule: bool) -> list[Foreign]:
    """Outside of the fence: an alias that was set, but not written down, would look foreign."""
    errands = owed(site, component)
    history = site.history(component)
    found = site.registry.aliases(component)
    strangers = foreign(history, found)
    if overrule or not strangers:
        _write(site, component, history, found, actor, strangers)
    # A foreign move waits for a person, whom `status` tells; trying again could change nothing.
    for errand in errands:
        site.outbox.done(errand.key)
    return strangers


def _write(
    site: Site,
    component: str,
    history: History,
    found: dict[str, str],
    actor: str,
    strangers: list[Foreign],
) -> None:
    expected = expected_aliases(history)
    for alias in ROLES:
        if alias in expected and found.get(alias) != expected[alias]:
            site.registry.set_alias(component, alias, expected[alias])
        elif alias not in expected and alias in found:
            site.registry.delete_alias(component, alias)
    if strangers or dict(history.settled_aliases or {}) != expected:
        site.ledger.append(
            ALIASES,
            component=component,
            region=site.region,
            actor=actor,
            data={"aliases": expected, "overruled": [str(stranger) for stranger in strangers]},
        )


def behind(site: Site, component: str) -> bool:
    """Whether the aliases do not say what the ledger says, whoever moved them."""
    found = site.registry.aliases(component)
    present = {alias: found[alias] for alias in ROLES if alias in found}
    return present != expected_aliases(site.history(component))


def settle_or_owe(site: Site, component: str, *, actor: str) -> str:
    """Settle now where the registry answers; else leave it to `resume`. Says which, in a word."""
    owe(site, component)
    try:
        strangers = settle(site, component, actor=actor)
    except (RegistryError, Unavailable) as error:
        return f"pending ({error})"
    return "; ".join(str(stranger) for stranger in strangers) or "done"
