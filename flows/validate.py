"""`validate`: the checklist before a rollout; it looks, and changes nothing."""

import argparse
import textwrap
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from flows import release_checklist
from flows.in_cluster import api_of, is_meant
from flows.refusal import Exit
from flows.release_checklist import Release
from flows.site import site
from rollout.checklist_line import Line

WIDTH, INDENT = 80, 13
SHOWN = ("FAIL", "NOT CHECKED", "WARN", "OK")

Answer = tuple[int, dict[str, Any], str]
Looked = tuple[dict[str, str], Iterable[Line]]


def validate(options: argparse.Namespace) -> Answer:
    """Exit code 3 where a line is FAIL, 4 where something was not checked, else 0."""
    release = release_checklist.asked(options)
    where, looked = _in_cluster(options, release) if is_meant(options) else _here(options, release)
    found = [*looked]
    lines = [
        {
            "name": line.name,
            "outcome": str(line.outcome),
            "evidence": line.evidence,
            "remedy": line.remedy,
        }
        for line in found
    ]
    counts = {word: sum(line["outcome"] == word for line in lines) for word in SHOWN}
    told = {"release": release.version} if release else {}
    report = {"component": options.name, **where, **told, "counts": counts, "lines": lines}
    return _code(counts), report, text(report)


def _in_cluster(options: argparse.Namespace, release: Release | None) -> Looked:
    """The lines of a namespace, which is asked while they are read."""
    from cluster.kubernetes.preflight import checklist

    api = api_of(options)
    where = {"context": api.access.context, "namespace": api.access.namespace}
    if release is None:
        return where, checklist(api, options.name)
    return where, release_checklist.lines(api, release, datetime.now(UTC))


def _here(options: argparse.Namespace, release: Release | None) -> Looked:
    """The lines of the local site."""
    from flows.local_checklist import local_lines

    here = site(options.site)
    return {"site": here.name}, local_lines(here, options.name, release, datetime.now(UTC))


def text(report: dict[str, Any]) -> str:
    """The counts first, then what is wrong with its remedy, the worst first, then what is OK."""
    told = ", ".join(f"{count} {word}" for word, count in report["counts"].items() if count)
    what = " ".join(report[key] for key in ("component", "release") if key in report)
    local = "namespace" not in report
    where = report["site"] if local else f"{report['namespace']} ({report['context']})"
    first = f"{what} in {where}: {told}"
    shown = [first]
    for word in SHOWN:
        for line in report["lines"]:
            if line["outcome"] == word:
                shown.append(_wrapped(f"{word:<{INDENT - 1}} {line['name']}: {line['evidence']}"))
                if line["remedy"] and word != "OK":
                    right = "" if word == "NOT CHECKED" else "right: "
                    shown.append(_wrapped(f"{'':<{INDENT}}{right}{line['remedy']}"))
    return "\n".join(shown)


def _wrapped(line: str) -> str:
    folded = textwrap.wrap(
        line, WIDTH, subsequent_indent=" " * INDENT, break_long_words=False, break_on_hyphens=False
    )
    return "\n".join(folded)


def _code(counts: dict[str, int]) -> int:
    if counts["FAIL"]:
        return Exit.HARM
    return Exit.HELD if counts["NOT CHECKED"] else Exit.DONE
