"""`validate`: the checklist before a rollout in a cluster; it looks, and changes nothing."""

import argparse
import textwrap
from typing import Any

from flows.in_cluster import api_of
from flows.refusal import Exit

WIDTH, INDENT = 80, 13
SHOWN = ("FAIL", "NOT CHECKED", "WARN", "OK")

Answer = tuple[int, dict[str, Any], str]


def validate(options: argparse.Namespace) -> Answer:
    """Exit code 3 where a line is FAIL, 4 where something was not checked, else 0."""
    from cluster.kubernetes.preflight import checklist

    api = api_of(options)
    lines = [
        {
            "name": line.name,
            "outcome": str(line.outcome),
            "evidence": line.evidence,
            "remedy": line.remedy,
        }
        for line in checklist(api, options.name)
    ]
    counts = {word: sum(line["outcome"] == word for line in lines) for word in SHOWN}
    context, namespace = api.access.context, api.access.namespace
    where = {"component": options.name, "context": context, "namespace": namespace}
    report = {**where, "counts": counts, "lines": lines}
    return _code(counts), report, text(report)


def text(report: dict[str, Any]) -> str:
    """The counts first, then what is wrong with its remedy, the worst first, then what is OK."""
    told = ", ".join(f"{count} {word}" for word, count in report["counts"].items() if count)
    first = f"{report['component']} in {report['namespace']} ({report['context']}): {told}"
    shown = [first]
    for word in SHOWN:
        for line in report["lines"]:
            if line["outcome"] == word:
                shown.append(_wrapped(f"{word:<{INDENT - 1}} {line['name']}: {line['evidence']}"))
                if line["remedy"] and word != "OK":
                    shown.append(_wrapped(f"{'':<{INDENT}}right: {line['remedy']}"))
    return "\n".join(shown)


def _wrapped(line: str) -> str:
    folded = textwrap.wrap(line, WIDTH, subsequent_indent=" " * INDENT, break_long_words=False)
    return "\n".join(folded)


def _code(counts: dict[str, int]) -> int:
    if counts["FAIL"]:
        return Exit.HARM
    return Exit.HELD if counts["NOT CHECKED"] else Exit.DONE
