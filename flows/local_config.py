"""What the local site is told: its files, what serves of each application and of each model.

A shadow is no configuration: its challenger and its copies are left out. What served before is
put back as an undo is, so that ledger, traffic and aliases agree afterwards.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from time import monotonic
from typing import Any

from cluster.backup import Backup, Change, Comparison, Items
from cluster.errors import Refused
from cluster.local.instances import servers
from cluster.local.upkeep import ensure_keeper
from cluster.lock import Lease
from cluster.route import Route
from flows import local_release_config
from flows.aliases import SERVING_ROLES, serving_aliases, settle
from flows.keeping import keeping
from flows.kept_files import FILES, files_of, put, sound
from flows.local_site import require_up
from flows.openers import actor, open_rollout
from flows.platform import applications, traffic
from flows.restoring import HOLDER, begun, turn
from flows.rollback import undo
from flows.servers import bring_up
from flows.site import Site, resume_argv
from rollout.history import as_data, expected_aliases
from rollout.policy import default_policy_text, parse
from rollout.state import Phase, Revision, Verb


class LocalConfig:
    """The configuration of the local site."""

    def __init__(self, site: Site) -> None:
        require_up(site)
        self._site = site

    @property
    def name(self) -> str:
        return f"local site {self._site.home.site().node_id}"

    def components(self) -> list[str]:
        """The models and applications that serve here, sorted."""
        known = sorted({row.component for row in self._site.ledger.rows()})
        return [name for name in known if self._site.history(name).champion is not None]

    def items(self, components: Collection[str]) -> Items:
        """What is told; Refused while something is between two versions."""
        found = self._read(components)
        services = applications(self._site)
        for name in sorted(components):
            if name in services:
                local_release_config.require_rest(self._site, name)
            else:
                self._require_whole(name, found)
        counts = {item: told for item, told in found.items() if item.startswith("servers ")}
        if uneven := [f"{item}: {told}" for item, told in counts.items() if isinstance(told, str)]:
            raise Refused(
                f"{'; '.join(uneven)}: that is no configuration to keep",
                hint="repeat the command that was ended; or pincex diagnose",
            )
        return found

    def compared(self, backup: Backup) -> Comparison:
        """All that is told now and all of the backup: an undo goes back to what served.

        The rollback of a restore that was killed is a difference, whatever else it has reached.
        """
        present, wanted = {**self._read(backup.components)}, {**backup.items}
        services = applications(self._site)
        for name in backup.components:
            opened = begun(self._site.history(name), self._target(name, backup.items))
            if opened is not None:
                back = {"back to": opened.candidate.version}
                present[f"rollout {name}"] = {**back, "phase": str(opened.phase)}
                wanted[f"rollout {name}"] = {**back, "phase": str(Phase.ROLLED_BACK)}
            elif name in services:
                local_release_config.require_rest(self._site, name)
        return Comparison(present, wanted)

    def restore(self, backup: Backup, changes: Sequence[Change]) -> None:
        """Each application, model by model what serves and aliases, and at last the files."""
        changed = {change.item for change in changes}
        touched = sorted({item.split()[1] for item in changed - FILES.keys()})
        known = applications(self._site)
        services = [name for name in touched if name in known]
        models = [name for name in touched if name not in known]
        targets = {name: Revision(**backup.items[f"version {name}"]) for name in models}
        for name in services:
            local_release_config.require_returnable(self._site, name, backup.items)
        for name, target in targets.items():
            self._require_returnable(name, target)
        files = sound(backup.items, changed)
        ensure_keeper(self._site.home, resume_argv(self._site))
        for name in services:
            local_release_config.put(self._site, name, backup.items)
        for name, target in targets.items():
            with turn(self._site, name) as lease, keeping(self._site):
                self._require_returnable(name, target)
                self._put(name, target, backup.items, lease)
        put(self._site, files)

    def _read(self, components: Collection[str]) -> Items:
        """What is told now."""
        items: dict[str, Any] = {**files_of(self._site.settings)}
        services = applications(self._site)
        for name in sorted(components):
            of_services = name in services
            items |= (
                local_release_config.items_of(self._site, name) if of_services else self._of(name)
            )
        return items

    def _target(self, name: str, wanted: Items) -> Revision:
        """What a backup says that serves."""
        kind = "release" if f"release {name}" in wanted else "version"
        return Revision(**wanted[f"{kind} {name}"])

    def _of(self, name: str) -> dict[str, Any]:
        champion = self._site.history(name).champion
        if champion is None:
            return {}
        revision, shares = champion.revision, dict(traffic(self._site, name).weights)
        serving = {version: share for version, share in shares.items() if share}
        if len(serving) > 1:
            raise Refused(
                f"{name} is between two versions ({serving}): that is no configuration to keep",
                hint=f"pincex resume {name}",
            )
        return {
            f"version {name}": as_data(revision),
            f"servers {name}": servers(self._site.home, name, revision.version),
            f"route {name}": serving,
            f"aliases {name}": serving_aliases(self._site, name),
        }

    def _require_whole(self, name: str, found: Items) -> None:
        """Refused where route or aliases are not yet, or not any more, those of what serves."""
        expected, version = expected_aliases(self._site.history(name)), found[f"version {name}"]
        whole = {
            f"route {name}": {version["version"]: 100},
            f"aliases {name}": {role: expected[role] for role in SERVING_ROLES if role in expected},
        }
        if wrong := [f"{item} {found[item]}" for item in whole if found[item] != whole[item]]:
            raise Refused(
                f"{version['version']} of {name} serves by the ledger, and there is"
                f" {', '.join(wrong)}: that is no configuration to keep",
                hint=f"pincex resume {name}, then the same command",
            )

    def _require_returnable(self, name: str, target: Revision) -> None:
        """Refused during a rollout, and for what no undo would return to."""
        history = self._site.history(name)
        if history.open is not None and not begun(history, target):
            raise Refused(
                f"{history.open.verb} {name} {history.open.candidate.version} is open"
                f" ({history.open.phase}); nothing was changed",
                hint=f"pincex resume {name}, or end it: pincex rollback-model {name}",
            )
        if target not in [served.revision for served in history.champions]:
            raise Refused(
                f"{name} {target.version} was rolled back since the backup, and only evidence"
                " brings it back; nothing was changed",
                hint=f"pincex deploy-model {name} {target.version}",
            )

    def _put(self, name: str, target: Revision, wanted: Items, lease: Lease) -> None:
        here = self._site.holding(lease)
        history = here.history(name)
        text = history.rollouts[-1].policy_text if history.rollouts else default_policy_text()
        stable = history.champion.revision if history.champion else None
        told = begun(history, target)
        if told is None and stable != target:
            told = open_rollout(
                here, name, Verb.ROLLBACK, stable, target, text, 1.0, 1.0, override=HOLDER
            )
        if told is not None:
            undo(here, told, lease, monotonic())
        count = wanted[f"servers {name}"]
        ready = here.serving.is_ready(name, target.version)
        if not ready or servers(here.home, name, target.version) != count:
            policy = replace(parse(text), replicas=count)
            bring_up(here, name, target, policy, lease, forced=True)
        if traffic(here, name).serving != target.version:
            here.serving.set_route(name, Route({target.version: 100}), lease, forced=True)
        settle(here, name, actor=actor(), overrule=True)
