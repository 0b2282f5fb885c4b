"""What a namespace is told: its objects, the files of its site, and the aliases of its models.

Which version serves is the ledger's to say: the verbs that move traffic keep both at one, so a
backup that gives the requests to another version is refused, with the verb that returns to it.
"""

import argparse
from collections.abc import Collection, Sequence
from typing import Any

from cluster.backup import Backup, Change, Comparison, Items
from cluster.errors import Refused
from cluster.kubernetes.config import KINDS, Config
from cluster.kubernetes.kept_objects import unfinished
from cluster.kubernetes.kept_route import weights_in
from cluster.kubernetes.names import RESTORING
from cluster.local.home import Home
from flows import kept_files
from flows.aliases import SERVING_ROLES, serving_aliases, settle
from flows.cluster_site import ClusterSite, deployed_from_here, kept_sites
from flows.in_cluster import api_of
from flows.openers import actor
from flows.platform import applications, models, parts_of
from flows.release_openers import release_open
from models.errors import Unavailable
from rollout.history import expected_aliases
from rollout.state import Phase

ALIASES = "aliases"


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
        """Objects, and where it is deployed from its files and aliases; Refused amid a rollout."""
        items: dict[str, Any] = {**self._objects.items(components)}
        if half := unfinished(items):
            raise Refused(
                f"a restore was ended at {', '.join(half)}: that is no configuration to keep",
                hint="repeat it; to leave the first of them as it is: kubectl annotate"
                f" {half[0].replace(' ', '/')} {RESTORING}-",
            )
        if self._site is None:
            return items
        _require_rest(self._site)
        if _has_own_files(self._site):
            items |= kept_files.files_of(self._site.settings)
        for name in _named(self._site, components):
            items[f"{ALIASES} {name}"] = serving_aliases(self._site, name)
        return items

    def compared(self, backup: Backup) -> Comparison:
        """All objects, files that the backup has, and aliases as the ledger expects them."""
        self._admit(backup)
        present: dict[str, Any] = {**self._objects.items(backup.components)}
        wanted = {item: told for item, told in backup.items.items() if item.split()[0] in KINDS}
        if self._site is None:
            others = ", ".join(sorted(backup.items.keys() - wanted.keys()))
            why = f"{others}: nothing was deployed to this namespace from here"
            return Comparison(present, wanted, [why] if others else [])
        left_out = []
        files = sorted(kept_files.FILES.keys() & backup.items.keys())
        if files and not _has_own_files(self._site):
            left_out = [f"{', '.join(files)}: {self._site.settings} is not of this namespace alone"]
        elif files:
            here = kept_files.files_of(self._site.settings)
            present |= {item: here[item] for item in files if item in here}
            wanted |= {item: backup.items[item] for item in files}
        for name in _named(self._site, backup.components):
            expected = expected_aliases(self._site.history(name))
            try:
                present[f"{ALIASES} {name}"] = serving_aliases(self._site, name)
            except Unavailable as error:
                left_out.append(f"{ALIASES} {name}: {error}")
                continue
            wanted[f"{ALIASES} {name}"] = {
                role: expected[role] for role in SERVING_ROLES if role in expected
            }
        return Comparison(present, wanted, left_out)

    def restore(self, backup: Backup, changes: Sequence[Change]) -> None:
        """The objects, then aliases, and at last the files."""
        changed = [change.item for change in changes]
        files = kept_files.sound(backup.items, changed)
        objects = [change for change in changes if change.item.split()[0] in KINDS]
        if objects:
            self._objects.restore(backup, objects, lambda: self._admit(backup))
        if self._site is None:
            return
        for item in changed:
            kind, _, name = item.partition(" ")
            if kind == ALIASES:
                settle(self._site, name, actor=actor(), overrule=True)
        kept_files.put(self._site, files)

    def _admit(self, backup: Backup) -> None:
        """Refused amid a rollout, and where the backup gives requests to what does not serve."""
        if self._site is None:
            return
        _require_rest(self._site)
        for name, serving in _serving(self._site).items():
            for component, version in serving.items():
                shares = weights_in(backup.items, component)
                if component in backup.components and shares != (
                    {version: 100} if version else None
                ):
                    raise _contradiction(self._site, name, component, version, shares)


def _require_rest(site: ClusterSite) -> None:
    """Refused while a release is open, or a model is between two versions."""
    for name in applications(site):
        if (opened := site.history(name).open) is not None:
            raise release_open(site, opened)
    for name in models(site):
        opened = site.history(name).open
        if opened is not None and opened.phase is not Phase.SHADOW:
            raise Refused(
                f"{opened.verb} {opened.candidate.version} of {name} is open ({opened.phase})",
                hint=f"pincex resume {name}{site.told}",
            )


def _serving(site: ClusterSite) -> dict[str, dict[str, str | None]]:
    """By application or model, the version of each of its components that serves by the ledger."""
    found: dict[str, dict[str, str | None]] = {}
    for name in applications(site):
        parts = parts_of(site, name).of
        found[name] = {
            one: part.serving.version if part.serving else None for one, part in parts.items()
        }
    for name in models(site):
        champion = site.history(name).champion
        found[name] = {name: champion.revision.version if champion else None}
    return found


def _has_own_files(site: ClusterSite) -> bool:
    """Whether no other namespace, and no local site, is rolled out by the same files."""
    return len(kept_sites()) == 1 and not Home(site.settings).site_file.exists()


def _named(site: ClusterSite, components: Collection[str]) -> list[str]:
    """The models there that a registry knows."""
    if site.way.registry is None:
        return []
    return [name for name in models(site) if name in components and site.history(name).champion]


def _contradiction(
    site: ClusterSite,
    name: str,
    component: str,
    version: str | None,
    shares: dict[str, int] | None,
) -> Refused:
    now = f"{component} {version} serves" if version else f"{component} does not serve"
    then = ", ".join(f"{one} {share} %" for one, share in (shares or {}).items()) or "no version"
    said = f"{now} by the ledger, and the backup gives the requests to {then}"
    previous = site.history(name).previous
    if shares is None or len(shares) > 1:
        return Refused(
            said, hint=f"another backup; or pincex backup-config{site.told} for a new one"
        )
    (before,) = shares
    is_model = name in models(site)
    if previous is not None and previous.revision.version == before:
        verb = f"rollback-model {name}" if is_model else "rollback"
    else:
        verb = f"deploy-model {name} {before}" if is_model else f"deploy {before} --retry"
    return Refused(said, hint=f"pincex {verb}{site.told}, then the same command")
