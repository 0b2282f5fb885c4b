"""One rollout as text and as a page, from the object that ``--json`` prints."""

from collections.abc import Mapping
from datetime import datetime
from textwrap import TextWrapper
from typing import Any

from analysis.report_html import document, joined, paragraph, table, tag
from rollout.status_text import told
from rollout.words import clock, date_and_clock, duration

Report = Mapping[str, Any]
WIDTH = 80
LEFT = 17
"""Columns of the time of a step and its offset."""


def first(report: Report) -> str:
    """What was done, and what it came to."""
    against = f" against {report['before']}" if report["before"] else ""
    what = f"{report['component']} {report['version']}{against}, by {report['verb']}"
    lasted = duration(report["seconds"])
    if report["ending"] is None:
        return f"{what}: open in {report['phase']} for {lasted}"
    return f"{what}: {report['ending']} after {lasted}"


def steps(report: Report) -> list[tuple[str, str]]:
    """When, and what happened then; whoever did it, where it was somebody else than before."""
    shown, actor = [], report["opened_by"]
    for row in report["rows"]:
        by = f" ({row['actor']})" if row["actor"] != actor else ""
        shown.append((clock(datetime.fromisoformat(row["at"])), told(row) + by))
        actor = row["actor"]
    return shown


def facts(report: Report) -> list[str]:
    """Who opened it and when, why it ended, and where what it rests on lies."""
    opened = date_and_clock(datetime.fromisoformat(report["opened_at"]))
    found = [f"opened by {report['opened_by']}, {opened}, rollout {report['rollout']}"]
    if report["reason"]:
        found.append(f"because {report['reason']}")
    if report["evidence"]:
        found.append(f"evidence {report['evidence']}")
    return [*found, f"{len(report['rows'])} rows, chain intact"]


def text_of(report: Report) -> str:
    """In at most 80 columns, but for what is pasted whole: places of files, ids, versions."""
    shown = _wrapped(first(report))
    for at, what in steps(report):
        shown += _wrapped(what, f"{at:<{LEFT}} ", (LEFT + 1) * " ")
    for fact in facts(report):
        shown += _wrapped(fact, "", "  ")
    return "\n".join(shown)


def _wrapped(text: str, ahead: str = "", below: str = "") -> list[str]:
    return TextWrapper(WIDTH, ahead, below, break_long_words=False, break_on_hyphens=False).wrap(
        text
    )


def page(report: Report) -> str:
    """One HTML file without assets."""
    rows = table(("when", "what"), steps(report), "facts")
    body = [tag("h1", first(report)), *map(paragraph, facts(report)), rows]
    return document(f"{report['component']} {report['version']}", joined(body))
