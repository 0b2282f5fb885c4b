"""A copy of what a site is told: its items by name, each with a digest, in one file.

An item is whatever the site reads back as one thing: an object of a cluster, a route, a policy.
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from cluster.errors import Invalid, NotFound, StateDamaged
from cluster.files import make_directory, read_object, write_whole

FORMAT = "pincex-config-1"
REMEDY = "restore from another backup; this one was not used"

Items = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Backup:
    """The items of a site's components, as they were at a time (UTC)."""

    site: str
    made_at: datetime
    components: tuple[str, ...]
    items: Items


@dataclass(frozen=True, slots=True)
class Field:
    """One value in which an item differs; None stands for what is not there."""

    path: str
    present: Any
    wanted: Any


@dataclass(frozen=True, slots=True)
class Change:
    """What a restore does to one item: `make`, `change` or `remove`."""

    verb: str
    item: str
    fields: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is there of a backup's items, what would be, and in words what cannot be put back."""

    present: Items
    wanted: Items
    left_out: Sequence[str] = ()


class Configured(Protocol):
    """A site whose configuration can be read, and put back under its own lock."""

    @property
    def name(self) -> str:
        """What a backup of it is called: only one of the same name is put back."""

    def components(self) -> list[str]:
        """The components that it knows, sorted."""

    def items(self, components: Collection[str]) -> Items:
        """What it is told about components, without what it says itself; Refused amid a rollout."""

    def compared(self, backup: Backup) -> Comparison:
        """Present and wanted; Refused for a backup that contradicts what is rolled out here."""

    def restore(self, backup: Backup, changes: Sequence[Change]) -> None:
        """Make the changes, what others depend on first; nothing when it cannot make them all."""


def write(backup: Backup, path: Path) -> str:
    """Write a backup; the digest of the whole."""
    body = {
        "format": FORMAT,
        "site": backup.site,
        "made_at": backup.made_at.isoformat(),
        "components": list(backup.components),
        "digests": {name: _digest(item) for name, item in backup.items.items()},
        "items": dict(backup.items),
    }
    digest = _digest(body)
    make_directory(path.parent)
    write_whole(path, json.dumps({**body, "digest": digest}, indent=1) + "\n", stage=path.parent)
    return digest


def read(path: Path) -> Backup:
    """A backup as it was written; NotFound without the file, Invalid where a byte of it differs."""
    try:
        told = read_object(path, remedy=REMEDY)
    except NotFound:
        raise NotFound(f"there is no backup {path}", hint="pincex backup-config") from None
    except StateDamaged as error:
        raise Invalid(f"{path} is no backup: {error}", hint=REMEDY) from error
    if told.get("format") != FORMAT:
        raise Invalid(f"{path} is no backup: its format is {told.get('format')!r}", hint=REMEDY)
    digest = told.pop("digest", None)
    items, digests = told.get("items"), told.get("digests")
    if not isinstance(items, dict) or not isinstance(digests, dict) or set(items) != set(digests):
        raise Invalid(f"{path} is damaged: items and digests do not agree", hint=REMEDY)
    wrong = sorted(name for name, item in items.items() if _digest(item) != digests[name])
    if wrong or digest != _digest(told):
        said = f"{', '.join(wrong)} changed" if wrong else "its head was changed"
        raise Invalid(f"{path} is damaged: {said} since it was written", hint=REMEDY)
    return _backup(told, items)


def require_of(backup: Backup, site: Configured) -> None:
    """Invalid for the backup of another site."""
    if backup.site != site.name:
        raise Invalid(
            f"the backup is of {backup.site}, this is {site.name}",
            hint="name the site that it is of",
        )


def changes(present: Items, wanted: Items) -> list[Change]:
    """What would make `present` equal to `wanted`, by the names of the items."""
    found = []
    for item in sorted({*present, *wanted}):
        if item not in present:
            found.append(Change("make", item))
        elif item not in wanted:
            found.append(Change("remove", item))
        elif fields := tuple(_fields("", present[item], wanted[item])):
            found.append(Change("change", item, fields))
    return found


def as_data(change: Change) -> dict[str, Any]:
    """A change as JSON holds it."""
    return asdict(change)


def _backup(told: Mapping[str, Any], items: Items) -> Backup:
    made_at = datetime.fromisoformat(told["made_at"])
    return Backup(told["site"], made_at, tuple(told["components"]), items)


def _fields(path: str, present: Any, wanted: Any) -> list[Field]:
    if isinstance(present, dict) and isinstance(wanted, dict):
        pairs = {key: (present.get(key), wanted.get(key)) for key in sorted({*present, *wanted})}
        return [
            field
            for key, (now, then) in pairs.items()
            for field in _fields(f"{path}.{key}".lstrip("."), now, then)
        ]
    if isinstance(present, list) and isinstance(wanted, list) and len(present) == len(wanted):
        return [
            field
            for index, (now, then) in enumerate(zip(present, wanted, strict=True))
            for field in _fields(f"{path}[{index}]", now, then)
        ]
    return [] if present == wanted else [Field(path, present, wanted)]


def _digest(content: Any) -> str:
    told = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(told.encode()).hexdigest()
