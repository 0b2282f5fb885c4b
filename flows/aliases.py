"""The registry's aliases follow what the ledger knows; a foreign move is named, never obeyed."""

from dataclasses import dataclass
from datetime import UTC, datetime

from cluster.outbox import Errand
from flows.site import Site
from models.errors import RegistryError
from rollout.history import ALIASES, History, expected_aliases

OWED = "aliases"
ROLES = ("champion", "challenger", "previous")


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
    """Aliases that hold neither what they should nor what we last wrote there."""
    expected = expected_aliases(history)
    settled = history.settled_aliases or {}
    return [
        Foreign(alias, found.get(alias), expected.get(alias))
        for alias in ROLES
        if found.get(alias) not in (expected.get(alias), settled.get(alias))
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


def settle(site: Site, component: str, *, actor: str, overrule: bool = False) -> list[Foreign]:
    """Write the aliases the ledger expects and read them back; foreign ones stop it.

    `overrule` sets foreign aliases back, too. Returns the foreign moves found; raises
    `Unavailable` where the registry does not answer, and the outbox still owes the move.
    """
    history = site.history(component)
    found = site.registry.aliases(component)
    strangers = foreign(history, found)
    if strangers and not overrule:
        return strangers
    expected = expected_aliases(history)
    for alias in ROLES:
        if alias in expected and found.get(alias) != expected[alias]:
            site.registry.set_alias(component, alias, expected[alias])
        elif alias not in expected and alias in found:
            site.registry.delete_alias(component, alias)
    if dict(history.settled_aliases or {}) != expected:
        site.ledger.append(
            ALIASES,
            component=component,
            region=site.region,
            actor=actor,
            data={"aliases": expected, "overruled": [str(stranger) for stranger in strangers]},
        )
    for errand in owed(site, component):
        site.outbox.done(errand.key)
    return strangers


def settle_or_owe(site: Site, component: str, *, actor: str) -> str:
    """Settle now where the registry answers; else leave it to `resume`. Says which, in a word."""
    owe(site, component)
    try:
        strangers = settle(site, component, actor=actor)
    except RegistryError as error:
        return f"pending ({error})"
    return "; ".join(str(stranger) for stranger in strangers) or "done"
