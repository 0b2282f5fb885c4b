"""How every rollout of the small site has to end, whatever happened to it."""

from collections.abc import Collection, Iterable

from flows.platform import traffic
from flows.rehearsal.small_site import MODEL, SmallSite, eventually, require
from flows.status import comparison
from rollout.state import Decision, Ending, Rollout

PATIENCE = 120.0


def at_rest(here: SmallSite) -> bool:
    """Nothing open that needs a process, nobody holds the lock, nothing differs or is owed."""
    opened = here.history().open
    if (opened and not opened.waiting) or here.site.lock.holder(MODEL, here.site.region):
        return False
    return not any(comparison(here.site, MODEL).values())


def agree(here: SmallSite, bad: Collection[str]) -> None:
    """Traffic, ledger and alias name one healthy version; NotSo says which does not.

    Copies are made only for a shadow that waits for its promotion.
    """
    champion = here.history().champion
    require(champion is not None, "the ledger knows no champion")
    assert champion is not None
    version = champion.revision.version
    route = traffic(here.site, MODEL)
    waiting = here.history().open
    mirrored = route.mirrored.version if route.mirrored else None
    copied = waiting.candidate.version if waiting else None
    alias = here.alias("champion")
    require(route.weights == {version: 100}, f"traffic goes to {route.weights}, not to {version}")
    require(mirrored == copied, f"copies go to {mirrored or 'nobody'}, not to {copied or 'nobody'}")
    require(alias == version, f"the alias champion names {alias}, not {version}")
    eventually(lambda: _healthy(here, version), PATIENCE, f"all servers of {version} are ready")
    here.site.ledger.verify()
    require_none_passed(here.history().rollouts, bad)


def require_none_passed(rollouts: Iterable[Rollout], bad: Collection[str]) -> None:
    """NotSo where one of the bad versions got a PASS, or was promoted."""
    for rollout in rollouts:
        judged = rollout.judged is not None and rollout.judged.decision is Decision.PROMOTE
        passed = judged or rollout.closed is Ending.PROMOTED
        version = rollout.candidate.version
        require(not (version in bad and passed), f"{version}, which is bad, passed")


def _healthy(here: SmallSite, version: str) -> bool:
    """Whether Envoy would ask every server that this version has."""
    ports = sorted(here.site.traffic.endpoints(MODEL, version))
    return bool(ports) and here.site.traffic.ready_hosts(MODEL, version) == ports
