"""The kill matrix as a page: per verb each step, and what came of a kill before and after it."""

import os
import platform
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from benchmarks.kill_matrix import Results, Row
from benchmarks.kill_verbs import VERBS, Verb
from benchmarks.step_plan import Killing, Point, killings

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


def page(results: Results) -> str:
    """The whole page."""
    rows = _newest(results.rows())
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    kept = [HEAD.format(rate=120), f"{datetime.now(UTC):%Y-%m-%d}, {machine}.\n"]
    kept += [*_summary(results, rows), ""]
    for verb in VERBS:
        kept += _section(verb, _own(results, verb), rows)
    return "\n".join(kept).rstrip() + "\n"


def _newest(rows: Sequence[Row]) -> dict[tuple[str, Point], Row]:
    return {(row.verb, Point(row.process, row.step, row.side)): row for row in rows}


def _own(results: Results, verb: Verb) -> list[Killing]:
    """The steps of a verb that no way before it in the list has shown already."""
    if verb.verb in ("up", "down"):
        return killings(results.trace(verb) or [])
    before = {
        (kill.seen.process, kill.seen.step)
        for other in VERBS[: VERBS.index(verb)]
        if other.verb == verb.verb
        for kill in killings(results.trace(other) or [])
    }
    found = killings(results.trace(verb) or [])
    return [kill for kill in found if (kill.seen.process, kill.seen.step) not in before]


def _summary(results: Results, rows: dict[tuple[str, Point], Row]) -> Iterator[str]:
    yield "| verb | distinct steps | kills | settled | not reached | longest, s | sent | failed |"
    yield "|---|---|---|---|---|---|---|---|"
    for verb in VERBS:
        own = [row for (name, _), row in rows.items() if name == verb.name]
        settled = sum(not row.error for row in own)
        missed = sum(not row.killed for row in own)
        longest = max((row.seconds for row in own if row.killed), default=0.0)
        sent, failed = sum(row.sent for row in own), sum(row.failed for row in own)
        steps = len(_own(results, verb))
        yield (
            f"| {verb.name} | {steps} | {len(own)} | {settled} | {missed} | {longest:.0f} |"
            f" {sent:,} | {failed} |"
        )
    every = rows.values()
    yield (
        f"| together | {sum(len(_own(results, verb)) for verb in VERBS)} | {len(rows)} |"
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
    return f"{row.then}: {row.state}; {row.seconds:.0f} s, {row.failed} of {row.sent:,} failed"
