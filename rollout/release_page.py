"""A rollout of services as a page, a bar and a table for the Prefect UI."""

from collections.abc import Mapping
from typing import Any

from rollout.watch_words import alarms_a_week
from rollout.words import count, duration, shares

Progress = Mapping[str, Any]


def markdown(progress: Progress) -> str:
    """What every component stands at, what is going on, and how to end it."""
    before = progress["stable"] or "nothing"
    undoing = f"undone because {progress['undoing']}" if progress["undoing"] else None
    rows = [
        f"| {part['name']} | {_shares(part)} | {_asked(part)} | {part['evidence'] or ''} "
        f"| {_word(progress, part)} |"
        for part in progress["parts"]
    ]
    told = progress["told"]
    state = progress["phase"] if progress["finished"] else "under way"
    return "\n".join(
        [
            f"## {progress['component']}: {progress['verb']} {progress['candidate']}, "
            f"before it {before}",
            "",
            f"**{state}** after {duration(progress['elapsed'])}: {undoing or progress['reason']}",
            "",
            "| component | requests go to | requests of the candidate | evidence | |",
            "|---|---|---|---|---|",
            *rows,
            "",
            *_triggers(progress),
            f"`pincex status{told}` · `pincex history{told}` · `pincex rollback{told}` undoes it",
        ]
    )


def _triggers(progress: Progress) -> list[str]:
    """The live rules over each component that is watched."""
    rows = [
        f"| {part['name']} | {each['label']} | {each['state']} | {each['now']} "
        f"| {alarms_a_week(each)} | {each['reason']} |"
        for part in progress["parts"]
        for each in part["triggers"]
    ]
    if not rows:
        return []
    head = "| component | trigger | state | now | expected false alarms | |"
    return [head, "|---|---|---|---|---|---|", *rows, ""]


def table(progress: Progress) -> list[dict[str, str]]:
    """The components as rows for a table artifact."""
    return [
        {
            "component": part["name"],
            "requests go to": _shares(part),
            "evidence": part["evidence"] or "",
            "state": _word(progress, part),
        }
        for part in progress["parts"]
    ]


def percent_done(progress: Progress) -> float:
    """Components that are done, and the share of the one at it."""
    parts = progress["parts"]
    done = [1.0 if part["settled"] or part["watched"] else part["share"] / 100 for part in parts]
    return 100.0 * sum(done) / len(done)


def _shares(part: Progress) -> str:
    return shares(part["weights"]) or "none"


def _asked(part: Progress) -> str:
    return f"{count(part['requests'])}, {count(part['errors'])} errors" if part["requests"] else ""


def _word(progress: Progress, part: Progress) -> str:
    if part["settled"]:
        return "done"
    if part["watched"] and not progress["finished"]:
        return "watched"
    if progress["finished"]:
        return ""
    return "now" if part["under_way"] else "to come"
