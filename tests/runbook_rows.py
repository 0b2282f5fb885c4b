"""The runbook's table of every command of the original: its rows, run as they stand there."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from test_docs import RUNBOOK, section, tables

TITLE = "Every command of the original"
UNBUILT = "not built: "
PATIENCE = 300.0
KEPT = re.compile(r"^kept +(\S+), digest", re.M)
UNITS = "ms|s|min|h|days"
VARIES = re.compile(
    r"(?P<literal>v\d+(?:\.\d+)+)|(?P<digest>\b[0-9a-f]{12}\b)"
    rf"|(?P<took>\d[\d,.]* (?:{UNITS})\b)|(?P<number>\d[\d,.:-]*)"
)
"""What differs from one run to the next; a version does not."""


@dataclass(frozen=True, slots=True)
class Row:
    """A command of the original, ours, where it runs, the line that counts, and its exit code."""

    original: str
    command: str
    where: str
    prints: str
    code: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What a row's command printed, on both streams, and how it ended."""

    code: int
    printed: str


def rows(where: str | None = None) -> Iterator[Row]:
    """Those of one kind of site, in the order of the table; all where none is named."""
    (table,) = tables(section(RUNBOOK, TITLE))
    for cells in table:
        row = Row(*list(cells.values())[:4], int(cells["exit"]))
        if where in (None, row.where):
            yield row


def shape(line: str) -> re.Pattern[str]:
    """A line of the table in which each number, time and digest may be another one."""
    pattern, end = "", 0
    for found in VARIES.finditer(line):
        pattern += re.escape(line[end : found.start()])
        if found["literal"]:
            pattern += re.escape(found[0])
        elif found["digest"]:
            pattern += "[0-9a-f]{12}"
        else:
            pattern += r"\d[\d,.:-]*" + (f" (?:{UNITS})" if found["took"] else "")
        end = found.end()
    return re.compile(pattern + re.escape(line[end:]))


def run(
    told: list[Row], home: Path, namespace: str = "", kubeconfig: Path | None = None
) -> dict[Row, Answer]:
    """Run rows one after the other; FILE is the backup that one of them kept.

    The table calls every namespace `exchange`; here it has a name of its own.
    """
    found: dict[Row, Answer] = {}
    environment = {**os.environ, "PINCEX_HOME": str(home)}
    if kubeconfig is not None:
        environment["KUBECONFIG"] = str(kubeconfig)
    named: Mapping[str, str] = {"exchange": namespace} if namespace else {}
    backup = "FILE"
    for row in told:
        words = row.command.removeprefix(UNBUILT).removeprefix("pincex ").split()
        words = [{**named, "FILE": backup}.get(word, word) for word in words]
        done = subprocess.run(
            [sys.executable, "-m", "flows.cli", *words],
            env=environment, cwd=home, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE,
        )  # fmt: skip
        kept = KEPT.search(done.stdout)
        backup = kept[1] if kept else backup
        printed = done.stdout.replace(namespace, "exchange") if namespace else done.stdout
        found[row] = Answer(done.returncode, printed)
    return found


def require(row: Row, answer: Answer) -> None:
    """Fail unless it ended so, and a whole line of what it printed has the shape of the table's."""
    assert answer.code == row.code, answer.printed
    wanted = shape(row.prints)
    assert any(wanted.fullmatch(line) for line in answer.printed.splitlines()), answer.printed
