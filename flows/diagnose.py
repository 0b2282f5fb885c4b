"""`diagnose`: the likeliest causes of what is wrong with a component; it changes nothing."""

import argparse
import textwrap
from dataclasses import asdict
from typing import Any

from cluster.diagnosis import Diagnosis
from flows.in_cluster import api_of, is_meant
from flows.refusal import Exit
from flows.site import site

WIDTH, INDENT = 80, 4
Answer = tuple[int, dict[str, Any], str]


def diagnose(options: argparse.Namespace) -> Answer:
    """Exit code 3 where a cause is found, 4 where something is unwell and none is, else 0."""
    where, told = _looked_at(options)
    report = {
        "component": options.name,
        "where": where,
        "causes": [asdict(finding) for finding in told.found],
        "unwell": list(told.unwell),
        "looked_at": list(told.seen),
        "not_looked_at": list(told.not_seen),
    }
    return _code(told), report, text(options.name, where, told)


def text(name: str, where: str, told: Diagnosis) -> str:
    """What is unwell, then the likeliest cause first, each with its evidence and a command."""
    count = {0: "no cause found", 1: "1 cause found"}.get(
        len(told.found), f"{len(told.found)} causes found, the likeliest first"
    )
    shown = [f"{name} in {where}: {count}"]
    shown += [_wrapped(f"unwell: {line}", "") for line in told.unwell]
    for number, finding in enumerate(told.found, 1):
        doubt = "" if finding.certain else " (likely)"
        shown.append(f"{number:<{INDENT - 1}} {finding.case}: {finding.cause}{doubt}")
        shown += [_wrapped(finding.evidence), _wrapped(f"do: {finding.remedy}")]
    shown.append(_wrapped(f"looked at: {', '.join(told.seen)}", ""))
    shown.append(_wrapped(f"not looked at: {', '.join(told.not_seen)}", ""))
    return "\n".join(shown)


def _looked_at(options: argparse.Namespace) -> tuple[str, Diagnosis]:
    if not is_meant(options):
        from flows.local_diagnosis import diagnosed

        here = site(options.site)
        return here.name, diagnosed(here, options.name)
    from cluster.kubernetes.diagnosis import diagnose as diagnose_pods
    from cluster.kubernetes.traffic import Gateway, Traffic

    api = api_of(options)
    # The route is only read, so it does not matter which Gateway would serve it.
    traffic = Traffic(api, Gateway("", ""))
    where = f"{api.access.namespace} ({api.access.context})"
    return where, diagnose_pods(api, traffic, options.name)


def _wrapped(line: str, before: str = " " * INDENT) -> str:
    after = " " * INDENT
    return textwrap.fill(
        line, WIDTH, initial_indent=before, subsequent_indent=after,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def _code(told: Diagnosis) -> int:
    if told.found:
        return Exit.HARM
    return Exit.HELD if told.unwell else Exit.DONE
