"""`python -m benchmarks.kill_table FOLDER > docs/kill-matrix.md`: the kill matrix as a page.

With `services` behind the folder that of services, docs/kill-matrix-services.md, with `config` that
of backups, docs/kill-matrix-config.md.
"""

import json
import os
import platform
import re
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.kill_config import MODELS, RELEASES
from benchmarks.kill_matrix import RATE, code_digest
from benchmarks.kill_results import Results, Row, distinct
from benchmarks.kill_services import RATE as ORDERS
from benchmarks.kill_services import SERVICES
from benchmarks.kill_verbs import VERBS, Verb
from benchmarks.step_plan import Killing, Point

HEAD = """# Kill matrix

Every step (each effect and each write) of a verb's own processes, and what came of a `kill -9`
right before it and right after it. The steps are not listed by hand: the processes report them,
through the interpreter's audit events of the file system and of signals, SQLite's commits, HTTP
that changes something, and starts of processes (`benchmarks/step_probe.py`). A step is what is
done, to what, and by which of our functions (the innermost first); one that is repeated is killed
the first time. After one step is before the next: where no other effect lies between them, one kill
stands in both cells. After each kill `resume` or the same command followed, in turn, and a row
counts as settled once nothing is open, nobody holds the lock, traffic, ledger and aliases name
one healthy version, the ledger's chain holds and v5.0.0, which fails 2 % of its requests, never
passed. *Not reached*: the step depends on the time that passes, and this run ended without it.

A client from outside asked {rate:g} times a second all the while.
"""

SERVICES_HEAD = """# Kill matrix of services

The steps of `deploy` and `rollback` of the sample exchange on the local site, found and killed as
those of models are in [the kill matrix](kill-matrix.md), `resume` or the same command following in
turn, where the keeper did not go on before them. A row counts as settled once nothing is open,
nobody holds the lock, every component has one version that the route and the ledger agree upon, its
servers answer, no other is up but the one before, and the ledger's chain holds.

A trader from outside sent {rate:g} requests a second all the while, most of them orders; doubled
orders were looked for in the exchange's own book.

*Not run*: the step was found late, and this kill is still to be made.
"""

CONFIG_HEAD = """# Kill matrix of backups

The steps of `backup-config` and `restore-config`, found and killed as those of rollouts are in
[the kill matrix](kill-matrix.md), each time followed by the same command. On the local site, of a
model: since the backup another version was promoted, one of two servers was ended and the policy
edited. Of services: another release was promoted and the policy edited. In a namespace (a real API
server, fake nodes): objects were scaled, edited, deleted and added by hand, and the policy edited.

A row counts as settled once all that the backup holds is there, as the site itself reads it,
nothing is open, nobody holds the lock, and what serves agrees with the ledger as it has to after a
rollout; in a namespace no field that a rollout writes is managed by somebody else. A killed backup
counts as settled once each file beside the backups is whole, or is refused.

On the local site a client asked all the while, a model {rate:g} times a second, the exchange
{orders:g} times; doubled orders were looked for in its book. Fake pods answer nobody.

*Not run*: this kill is still to be made. *Not reached*: this run ended without the step.
"""

FAULTS_HEAD = """# Faults around a rollout

Each fault over each verb, under the same load: the fault lasts until the command has ended, at
least ten and at most fifteen seconds where it can be waited for. *Again*: the same command was
needed once more after the fault had ended.
"""


def page(results: Results, verbs: Sequence[Verb], head: str) -> str:
    """The whole page."""
    rows = _newest(results.rows())
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    on = f"{datetime.now(UTC):%Y-%m-%d}, {machine}, rooms {code_digest()}"
    kept = [head, f"{on}.\n"]
    steps = distinct(results, verbs)
    kept += [*_summary(steps, rows), ""]
    for verb in verbs:
        kept += _section(verb, steps[verb.name], rows)
    return "\n".join(kept).rstrip() + "\n"


def _newest(rows: Sequence[Row]) -> dict[tuple[str, Point], Row]:
    return {(row.verb, Point(row.process, row.step, row.side)): row for row in rows}


def _summary(steps: dict[str, list[Killing]], rows: dict[tuple[str, Point], Row]) -> Iterator[str]:
    yield "| verb | distinct steps | kills | settled | not reached | longest, s | sent | failed |"
    yield "|---|---|---|---|---|---|---|---|"
    for verb, found in steps.items():
        own = [row for (name, _), row in rows.items() if name == verb]
        settled = sum(not row.error for row in own)
        missed = sum(not row.killed for row in own)
        longest = max((row.seconds for row in own if row.killed), default=0.0)
        sent, failed = sum(row.sent for row in own), sum(row.failed for row in own)
        counts = f"{len(found)} | {len(own)} | {settled} | {missed}"
        yield f"| {verb} | {counts} | {longest:.0f} | {sent:,} | {failed} |"
    every = rows.values()
    yield (
        f"| together | {sum(map(len, steps.values()))} | {len(rows)} |"
        f" {sum(not row.error for row in every)} | {sum(not row.killed for row in every)} |"
        f" {max((row.seconds for row in every), default=0.0):.0f} |"
        f" {sum(row.sent for row in every):,} | {sum(row.failed for row in every)} |"
    )


def _section(
    verb: Verb, own: Sequence[Killing], rows: dict[tuple[str, Point], Row]
) -> Iterator[str]:
    if not own:
        return
    yield f"## {verb.name}\n"
    yield "| process | step | killed before it | killed after it |"
    yield "|---|---|---|---|"
    for kill in own:
        before, after = (_cell(rows.get((verb.name, p))) for p in (kill.before, kill.after))
        yield f"| {kill.seen.process} | {_words(kill.seen.step)} | {before} | {after} |"
    yield ""


def _words(step: str) -> str:
    what, *by = step.split(" < ")
    return f"**{what}**" + (f" by {', '.join(by)}" if by else "")


def _cell(row: Row | None) -> str:
    if row is None:
        return "not run"
    if row.error:
        return f"**not settled**: {row.error[:80]}"
    if not row.killed:
        return "not reached"
    cost = f", {row.failed} of {row.sent:,} failed" if row.sent else ""
    return f"{row.then}: {row.state}; {row.seconds:.0f} s{cost}"


def faults(file: Path) -> Iterator[str]:
    """What the faults around a rollout cost; nothing where they were not run."""
    if not file.exists():
        return
    yield FAULTS_HEAD
    yield "| fault | verb | exit code | its command said | again | state | seconds | failed |"
    yield "|---|---|---|---|---|---|---|---|"
    newest: dict[tuple[str, str], dict[str, Any]] = {}
    for line in file.read_text().splitlines():
        row = json.loads(line)
        newest[row["fault"], row["verb"]] = row
    for row in newest.values():
        said = re.sub(r"/\S*/", "", row["said"]).replace("|", "/")
        yield (
            f"| {row['fault']} | {row['verb']} | {row['code']} | {said} |"
            f" {'yes' if row['again'] else 'no'} | {row['state']} | {row['seconds']:.0f} |"
            f" {row['failed']} of {row['sent']:,} |"
        )


if __name__ == "__main__":
    folder, *only = sys.argv[1:]
    if only == ["config"]:
        from benchmarks.cluster_kills import RESTORE

        head = CONFIG_HEAD.format(rate=RATE, orders=ORDERS)
        print(page(Results(Path(folder)), [*MODELS, *RELEASES, RESTORE], head))
    elif only == ["services"]:
        print(page(Results(Path(folder)), SERVICES, SERVICES_HEAD.format(rate=ORDERS)))
    else:
        print(page(Results(Path(folder)), VERBS, HEAD.format(rate=RATE)))
        print("\n".join(faults(Path(folder, "faults.jsonl"))))
