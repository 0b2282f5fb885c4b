"""A verdict as text for a terminal, from the object that ``--json`` prints."""

from collections.abc import Mapping, Sequence
from typing import Any

from rollout.words import count

WIDTH = 80


def text_of(verdict: Mapping[str, Any]) -> str:
    """What is so, why, then every gate with its reason."""
    # Only a verdict on split traffic says of what it is.
    of = verdict.get("of", "pairs")
    lines = [
        f"{verdict['verdict']} ({verdict['decision']}): {verdict['reason']}",
        f"{count(verdict['pairs'])} {of}, {_coverage(verdict['coverage'])}, {verdict['looks']}",
        "",
    ]
    pooled = [gate for gate in verdict["gates"] if gate["segment"] is None]
    segments = [gate for gate in verdict["gates"] if gate["segment"] is not None]
    for gate in (*pooled, *(gate for gate in segments if gate["outcome"] == "FAIL")):
        kind = "" if gate["blocking"] else " (advisory)"
        lines.append(f"{gate['outcome']:<13} {gate['name']}{kind}: {gate['reason']}")
    if segments:
        lines.append(_segments(segments))
    lines += ["", _revisions(verdict["revisions"])]
    return "\n".join(lines)


def _segments(gates: Sequence[Mapping[str, Any]]) -> str:
    """How many segments stand certified, gate by gate; the report and --json name them."""
    told = []
    for name in dict.fromkeys(gate["name"] for gate in gates):
        own = [gate for gate in gates if gate["name"] == name]
        passed = sum(gate["outcome"] == "PASS" for gate in own)
        told.append(f"{name} {passed} of {len(own)}")
    return f"segments certified: {', '.join(told)}"


def _coverage(fraction: float | None) -> str:
    return "coverage unknown" if fraction is None else f"{100 * fraction:.1f} % answered"


def _revisions(revisions: Any) -> str:
    if not isinstance(revisions, Mapping):
        return f"revisions: {revisions or 'unknown'}"
    named = ", ".join(f"{key} {value}" for key, value in revisions.items() if value)
    return f"revisions: {named or 'unknown'}"
