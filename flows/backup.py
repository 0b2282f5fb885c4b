"""`backup-config` and `restore-config`: the configuration of a site into a file, and back again."""

import argparse
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cluster.backup import (
    Backup,
    Change,
    Comparison,
    Configured,
    as_data,
    changes,
    read,
    require_of,
    write,
)
from flows.given import where as where_given
from flows.in_cluster import is_meant
from flows.refusal import Exit, Refused, bad_input
from flows.site import site
from rollout.words import duration, shell_word

READY_SECONDS = 120.0
SHOWN_FIELDS, SHOWN_VALUE = 8, 50
Answer = tuple[int, dict[str, Any], str]


def backup_config(options: argparse.Namespace) -> Answer:
    """Write what the site is told into a new file; nothing of the site changes."""
    where = _configured(options)
    known = where.components()
    if not known:
        raise bad_input(f"{where.name} has no component to back up", "pincex status")
    now = datetime.now(UTC)
    backup = Backup(where.name, now, tuple(known), where.items(known))
    home = Path(os.environ.get("PINCEX_HOME") or ".pincex").resolve()
    path = home / "backups" / f"config-{now:%Y%m%dT%H%M%S%f}Z.json"
    digest = write(backup, path)
    read(path)
    report = {"site": where.name, "file": str(path), "digest": digest, "items": [*backup.items]}
    text = (
        f"{where.name}: {len(backup.items)} items of {', '.join(known)}\n"
        f"kept  {path}, digest {digest[:12]}\n"
        f"back  pincex restore-config {shell_word(path)}{where_given(options)}"
    )
    return Exit.DONE, report, text


def restore_config(options: argparse.Namespace) -> Answer:
    """Say what differs from the backup; with ``--yes`` put it back and read all of it again."""
    backup = read(Path(options.backup))
    where = _configured(options)
    require_of(backup, where)
    found = where.compared(backup)
    planned = changes(found.present, found.wanted)
    plan = plan_text(backup, found, planned)
    report = {
        "site": where.name,
        "planned": [as_data(change) for change in planned],
        "not_compared": [*found.left_out],
    }
    if not planned:
        return Exit.DONE, report, f"{plan}\nnothing to do"
    _say(plan)
    if not options.yes:
        again = f"pincex restore-config {shell_word(options.backup)}{where_given(options)} --yes"
        raise Refused("this is what would be done; --yes does it", hint=again, code=Exit.HELD)
    began = time.monotonic()
    where.restore(backup, planned)
    found = where.compared(backup)
    left = changes(found.present, found.wanted)
    if left:
        shows = f"pincex restore-config {shell_word(options.backup)}"
        raise Refused(
            f"{len(left)} items are not as in the backup: {'; '.join(map(_line, left))}",
            hint=f"somebody else writes them; {shows} shows more",
            changed=f"{len(planned)} items were written.",
        )
    took = duration(time.monotonic() - began)
    count = len(found.wanted)
    return Exit.DONE, report, f"restored in {took}: all {count} items read back as in the backup"


def plan_text(backup: Backup, found: Comparison, planned: list[Change]) -> str:
    """The counts first, then each item with what is there and what would be."""
    counts = {verb: sum(told.verb == verb for told in planned) for verb in VERBS}
    changed = ", ".join(f"{count} to {verb}" for verb, count in counts.items() if count)
    equal = len(found.wanted) - counts["make"] - counts["change"]
    shown = [f"{backup.site}, backup of {backup.made_at:%Y-%m-%d %H:%M:%S} UTC"]
    shown.append(f"{changed or 'no difference'}, {equal} equal")
    for change in planned:
        shown.append(_line(change))
        for field in change.fields[:SHOWN_FIELDS]:
            shown.append(f"  {field.path}: {_value(field.present)} -> {_value(field.wanted)}")
        if more := len(change.fields) - SHOWN_FIELDS:
            shown += [f"  and {more} more"] if more > 0 else []
    shown += [f"not compared: {why}" for why in found.left_out]
    return "\n".join(shown)


VERBS = ("make", "change", "remove")


def _line(change: Change) -> str:
    return f"{change.verb:<7} {change.item}"


def _value(value: object) -> str:
    told = "(nothing)" if value is None else str(value)
    return told if len(told) <= SHOWN_VALUE else f"{told[: SHOWN_VALUE - 3]}..."


def _configured(options: argparse.Namespace) -> Configured:
    if is_meant(options):
        from flows.namespace_config import NamespaceConfig

        return NamespaceConfig(options, READY_SECONDS)
    from flows.local_config import LocalConfig

    return LocalConfig(site(options.site))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201
