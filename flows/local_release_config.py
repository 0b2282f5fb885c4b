"""What the local site is told of the services of an application, and how that is put back.

Put back as a rollback is: the ledger, the routes and the servers agree afterwards.
"""

from collections.abc import Mapping
from time import monotonic
from typing import Any

from cluster.backup import Items, changes
from cluster.errors import NotFound, Refused
from cluster.local.instances import servers
from cluster.lock import Lease
from flows.applications import description_of
from flows.keeping import keeping
from flows.platform import parts_of
from flows.recorder import Aside, Unrecorded
from flows.release import run
from flows.release_openers import open_release, release_open, require_way
from flows.release_sight import release_sight
from flows.restoring import DEADLINE, HOLDER, begun, turn
from flows.site import Site
from rollout.history import as_data
from rollout.policy import parse
from rollout.release import Parts
from rollout.state import Revision, Rollout, Verb


def items_of(here: Site, name: str) -> dict[str, Any]:
    """The release, and of each component its version, servers and route."""
    history, parts = here.history(name), parts_of(here, name)
    if history.champion is None:
        return {}
    items: dict[str, Any] = {f"release {name}": as_data(history.champion.revision)}
    for component, part in sorted(parts.of.items()):
        if part.serving is None:
            continue
        items[f"version {name} {component}"] = as_data(part.serving)
        items[f"servers {name} {component}"] = servers(here.home, component, part.serving.version)
        items[f"route {name} {component}"] = _weights(here, component)
    return items


def require_returnable(here: Site, name: str, wanted: Items) -> None:
    """Refused amid a rollout, and where there is no way back to what the backup says."""
    release = release_in(name, wanted)
    if not begun(here.history(name), release):
        require_rest(here, name)
    parts, targets = parts_of(here, name), _targets(name, wanted)
    added = [one for one, part in parts.of.items() if part.serving and one not in targets]
    if added:
        raise Refused(
            f"{name} got {', '.join(added)} since the backup, which no rollback takes away",
            hint="pincex backup-config, for a backup with them",
        )
    require_way(parts, targets)
    gone = [f"{one} {to.version}" for one, to in targets.items() if to not in parts.part(one).stack]
    if release not in [served.revision for served in here.history(name).champions]:
        gone.append(f"release {release.version}")
    if gone:
        raise Refused(
            f"{', '.join(gone)}: rolled back since the backup, and only evidence brings it back",
            hint=f"pincex deploy {release.version}",
        )


def put(here: Site, name: str, wanted: Items) -> None:
    """Open a rollback to what the backup says and go through with it; then its servers.

    One that was opened before, and not ended, comes to its end first.
    """
    with turn(here, name) as lease, keeping(here):
        site = here.holding(lease)
        if opened := begun(site.history(name), release_in(name, wanted)):
            _through(site, opened, lease)
        if not changes(items_of(site, name), _of(name, wanted)):
            return
        require_returnable(site, name, wanted)
        parts, targets = parts_of(site, name), _targets(name, wanted)
        rollout = _opened(site, name, parts, wanted, targets)
        _through(site, rollout, lease)
        within = parse(rollout.policy_text).ready_within
        for component, target in targets.items():
            described = description_of(parts, component, target)
            site.services.start(described, target.version, within, lease, forced=True)


def release_in(name: str, wanted: Items) -> Revision:
    """The release of a backup."""
    return Revision(**wanted[f"release {name}"])


def require_rest(here: Site, name: str) -> None:
    """Refused amid a rollout."""
    opened = here.history(name).open
    if opened is not None:
        raise release_open(here, opened)


def _through(site: Site, rollout: Rollout, lease: Lease) -> None:
    sight, record = release_sight(site, rollout), Aside(Unrecorded())
    if run(sight, lease, record, monotonic() + DEADLINE) is None:
        name = rollout.component
        raise Refused(f"{name} is not back after {DEADLINE:g} s", hint=f"pincex resume {name}")


def _opened(
    site: Site, name: str, parts: Parts, wanted: Items, targets: Mapping[str, Revision]
) -> Rollout:
    history, release = site.history(name), release_in(name, wanted)
    stable = history.champion.revision if history.champion else None
    policy, text = history.rollouts[-1].policy_text, parts.texts[release.digest]
    return open_release(site, name, Verb.RETURN, stable, release, targets, text, policy, HOLDER)


def _of(name: str, wanted: Items) -> Items:
    """The items of one application."""
    return {item: told for item, told in wanted.items() if item.split()[1:2] == [name]}


def _targets(name: str, wanted: Items) -> dict[str, Revision]:
    ahead = f"version {name} "
    return {
        item.removeprefix(ahead): Revision(**told)
        for item, told in wanted.items()
        if item.startswith(ahead)
    }


def _weights(here: Site, component: str) -> dict[str, int]:
    try:
        shares = here.services.route(component).weights
    except NotFound:
        return {}
    return {version: share for version, share in shares.items() if share}
