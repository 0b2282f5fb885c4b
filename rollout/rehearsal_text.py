"""A rehearsal as text for a terminal, from the object that ``--json`` prints."""

import textwrap
from collections.abc import Mapping
from typing import Any

from rollout.words import count, duration

WIDTH = 80
SAID = {True: "yes", False: "NO", None: "unknown"}


def text_of(report: Mapping[str, Any]) -> str:
    """A table of faults, each with what was done and what came of it, and one sentence."""
    rows = report["rehearsed"]
    sent, failed = (sum(row[key] for row in rows) for key in ("sent", "failed"))
    lines = [
        f"rehearsed on a throw-away site in {duration(report['seconds'])}",
        f"{count(sent)} requests from an outside client, {count(failed)} failed",
        "",
        _line("fault", "survived", "took", "requests failed"),
    ]
    lines += [line for row in rows for line in _row(row)]
    kept = [f"kept; look at it: PINCEX_HOME={home} pincex history" for home in report["kept"]]
    return "\n".join([*lines, "", *kept, *_wrapped(sentence(report), "")])


def sentence(report: Mapping[str, Any]) -> str:
    """What this installation survives, and what it does not."""
    rows = report["rehearsed"]
    unknown = [row["fault"] for row in rows if row["survived"] is None]
    lost = [row["fault"] for row in rows if row["is_fault"] and row["survived"] is False]
    said = f"This installation survives {report['survived']} of {report['faults']} faults"
    for row in rows:
        if not row["is_fault"]:
            kind = "release" if row["fault"] == "services" else "rollout"
            said += f", and a {kind} without any" if row["survived"] else f", and no {kind} at all"
    said += f"; not {', '.join(lost)}" if lost else ""
    return said + (f"; not rehearsed: {', '.join(unknown)}." if unknown else ".")


def _row(row: Mapping[str, Any]) -> list[str]:
    failed = f"{count(row['failed'])} of {count(row['sent'])}"
    took = duration(row["seconds"]) if row["survived"] is not None else "-"
    told = row["happened"]
    if row["excused"]:
        told += f"; {count(row['excused'])} requests failed by the fault itself"
    lines = [_line(row["fault"], SAID[row["survived"]], took, failed)]
    return [*lines, *_wrapped(f"{row['what']}: {told}", "  ")]


def _line(fault: str, survived: str, took: str, failed: str) -> str:
    return f"{fault:<24}{survived:<10}{took:>8}{failed:>20}"


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )
