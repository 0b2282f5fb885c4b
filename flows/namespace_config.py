"""What a namespace is told: its objects; and where it is deployed from, what is known of it there.

Which version serves is no object's to say: a restore that would contradict the ledger is refused,
because the verbs that move traffic keep both at one.
"""

import argparse
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from cluster.backup import Backup, Change, Items
from cluster.errors import Refused
from cluster.kubernetes.config import KINDS, Config
from flows import kept_files
from flows.aliases import serving_aliases, settle
from flows.cluster_site import ClusterSite, deployed_from_here
from flows.in_cluster import api_of
from flows.openers import actor
from flows.platform import applications, models, parts_of
from rollout.history import History, as_data

VERSION, ALIASES = "version", "aliases"


class NamespaceConfig:
    """The configuration of a namespace; `within` seconds are what restored pods may take."""

    def __init__(self, options: argparse.Namespace, within: float) -> None:
        self._objects = Config(api_of(options), within)
        self._site = deployed_from_here(options)

    @property
    def name(self) -> str:
        return self._objects.name

    def components(self) -> list[str]:
        """Every component that an object there carries the label of, sorted."""
        return self._objects.components()

    def items(self, components: Collection[str]) -> Items:
        """Objects, then the files of the site, what serves by the ledger, and the aliases."""
        items: dict[str, Any] = {**self._objects.items(components)}
        if self._site is None:
            return items
        items |= kept_files.files_of(self._site.settings)
        for name, history in _serving(self._site, components):
            assert history.champion is not None
            items[f"{VERSION} {name}"] = as_data(history.champion.revision)
        for name in self._named(components):
            items[f"{ALIASES} {name}"] = serving_aliases(self._site, name)
        return items

    def restore(self, backup: Backup, changes: Sequence[Change]) -> None:
        """The objects, then aliases, and at last the files; nothing where a version differs."""
        for change in changes:
            if change.item.split()[0] == VERSION:
                self._refuse(change, backup.items)
        site, changed = self._site, [change.item for change in changes]
        files = kept_files.sound(backup.items, changed)
        objects = [change for change in changes if change.item.split()[0] in KINDS]
        if objects:
            self._objects.restore(backup, objects)
        if site is None:
            return
        for item in changed:
            kind, *name = item.split()
            if kind == ALIASES:
                settle(site, *name, actor=actor(), overrule=True)
        kept_files.put(site, files)

    def _named(self, components: Collection[str]) -> list[str]:
        """The models there that a registry knows."""
        if self._site is None or self._site.way.registry is None:
            return []
        return [name for name in models(self._site) if name in components]

    def _refuse(self, change: Change, wanted: Items) -> None:
        name = change.item.split()[1]
        if self._site is None:
            raise Refused(
                f"the ledger of {name} is not here, so that nobody would know what serves",
                hint="PINCEX_HOME must name the folder that it was deployed from",
            )
        told = self._site.told
        champion = self._site.history(name).champion
        now = champion.revision.version if champion else "nothing"
        if change.item not in wanted:
            raise Refused(
                f"{name} {now} serves, and did not when the backup was made",
                hint=f"pincex backup-config{told}, then restore from that one",
            )
        before = wanted[change.item]["version"]
        back = f"rollback-model {name}" if name in models(self._site) else "rollback"
        raise Refused(
            f"{name} {now} serves by the ledger, and {before} in the backup",
            hint=f"pincex {back}{told}, until {before} serves; then the same command",
        )


def _serving(site: ClusterSite, components: Collection[str]) -> Iterator[tuple[str, History]]:
    """The applications and models with one of these components, as far as a version serves."""
    known = {name: set(parts_of(site, name).targets) for name in applications(site)}
    known |= {name: {name} for name in models(site)}
    for name, own in sorted(known.items()):
        history = site.history(name)
        if history.champion is not None and own & set(components):
            yield name, history
