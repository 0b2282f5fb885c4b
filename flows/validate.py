"""`validate`: the checklist before a rollout in a cluster; it looks, and changes nothing."""

import argparse
import textwrap
from datetime import UTC, datetime
from typing import Any

from flows import release_checklist
from flows.in_cluster import api_of
from flows.refusal import Exit

WIDTH, INDENT = 80, 13
SHOWN = ("FAIL", "NOT CHECKED", "WARN", "OK")

Answer = tuple[int, dict[str, Any], str]


def validate(options: argparse.Namespace) -> Answer:
    """Exit code 3 where a line is FAIL, 4 where something was not checked, else 0."""
    from cluster.kubernetes.preflight import checklist

    release = release_checklist.asked(options)
    api = api_of(options)
    if release is None:
        found = checklist(api, options.name)
    else:
        found = release_checklist.lines(api, release, datetime.now(UTC))
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
    context, namespace = api.access.context, api.access.namespace
    where = {"component": options.name, "context": context, "namespace": namespace}
    told = {"release": release.version} if release else {}
    report = {**where, **told, "counts": counts, "lines": lines}
    return _code(counts), report, text(report)


def text(report: dict[str, Any]) -> str:
    """The counts first, then what is wrong with its remedy, the worst first, then what is OK."""
    told = ", ".join(f"{count} {word}" for word, count in report["counts"].items() if count)
    what = " ".join(report[key] for key in ("component", "release") if key in report)
    first = f"{what} in {report['namespace']} ({report['context']}): {told}"
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
    folded = textwrap.wrap(line, WIDTH, subsequent_indent=" " * INDENT, break_long_words=False)
    return "\n".join(folded)


def _code(counts: dict[str, int]) -> int:
    if counts["FAIL"]:
        return Exit.HARM
    return Exit.HELD if counts["NOT CHECKED"] else Exit.DONE
