"""A verdict as text for a terminal, from the object that ``--json`` prints."""

from collections.abc import Mapping
from typing import Any

from rollout.words import count

WIDTH = 80


def text_of(verdict: Mapping[str, Any]) -> str:
    """What is so, why, then every gate with its reason."""
    lines = [
        f"{verdict['verdict']} ({verdict['decision']}): {verdict['reason']}",
        f"{count(verdict['pairs'])} pairs, {_coverage(verdict['coverage'])}, {verdict['looks']}",
        "",
    ]
    for gate in verdict["gates"]:
        kind = "" if gate["blocking"] else " (advisory)"
        lines.append(f"{gate['outcome']:<13} {gate['name']}{kind}: {gate['reason']}")
    lines += ["", _revisions(verdict["revisions"])]
    return "\n".join(lines)


def _coverage(fraction: float | None) -> str:
    return "coverage unknown" if fraction is None else f"{100 * fraction:.1f} % answered"


def _revisions(revisions: Any) -> str:
    if not isinstance(revisions, Mapping):
        return f"revisions: {revisions or 'unknown'}"
    named = ", ".join(f"{key} {value}" for key, value in revisions.items() if value)
    return f"revisions: {named or 'unknown'}"
