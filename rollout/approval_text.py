"""A promotion that waits for a person, in words: for the terminal, status and the Prefect page."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rollout.state import Approval, Rollout
from rollout.words import clock, count

Report = Mapping[str, Any]
OUTCOMES = {"PASS": "proven", "FAIL": "HARM", "INCONCLUSIVE": "open"}


def as_data(rollout: Rollout) -> dict[str, Any] | None:
    """What was asked and what came of it, for ``--json``; None where nobody was asked."""
    approval = rollout.approval
    if approval is None:
        return None
    answer = approval.answer
    return {
        "state": _state(approval),
        "pending": rollout.pending,
        "asked_by": approval.by,
        "asked_at": approval.at.isoformat(),
        "until": approval.until.isoformat(),
        "evidence_digest": approval.evidence_digest,
        "answered_by": answer.by if answer else None,
        "answered_at": answer.at.isoformat() if answer else None,
        "how": answer.how if answer else None,
        "reason": approval.lapsed or (answer.reason if answer else None),
    }


def _state(approval: Approval) -> str:
    if approval.lapsed is not None:
        return "lapsed"
    if approval.answer is None:
        return "asked"
    return "approved" if approval.answer.approved else "refused"


def waiting(approval: Report) -> str:
    """Until when somebody is waited for."""
    until = clock(datetime.fromisoformat(approval["until"]))
    return f"waiting for approval until {until}, asked by {approval['asked_by']}"


def how_to(name: str) -> list[str]:
    """The commands that answer."""
    return [
        f"pincex approve {name}",
        f'pincex approve {name} --refuse --reason "why not"',
    ]


def answered(approval: Report) -> str:
    """Who said what, when and how."""
    at = clock(datetime.fromisoformat(approval["answered_at"]))
    why = f": {approval['reason']}" if approval["reason"] else ""
    return f"{approval['state']} by {approval['answered_by']} at {at} in {approval['how']}{why}"


def question(rollout: Rollout, verdict: Report | None) -> str:
    """The verdict beside the button: what would be promoted, on which evidence, gate by gate."""
    approval, judged = rollout.approval, rollout.judged
    assert approval is not None
    stable = rollout.stable.version if rollout.stable else "no champion"
    lines = [
        f"## Promote {rollout.component} {rollout.candidate.version} over {stable}?",
        "",
        f"Asked by {approval.by}; given up at {clock(approval.until)}.",
        "",
    ]
    if rollout.override:
        lines += [f"**Without a PASS, by override:** {rollout.override}", ""]
    if judged is None:
        return "\n".join([*lines, "There is no verdict."])
    lines += [f"**{judged.decision}** after {count(judged.pairs)} pairs: {judged.reason}", ""]
    gates = sorted(verdict["gates"] if verdict else [], key=lambda gate: not gate["blocking"])
    lines += [_gate(gate) for gate in gates]
    lines += [""] if gates else []
    lines.append(f"Evidence `{judged.evidence}` (`{judged.evidence_digest[:12]}`)")
    return "\n".join(lines)


def _gate(gate: Report) -> str:
    """A line that wraps in the narrow window of a form, where a table would be cut off."""
    outcome = OUTCOMES.get(gate["outcome"], gate["outcome"])
    advisory = "" if gate["blocking"] else " (advisory)"
    return f"- {gate['name']}{advisory}: **{outcome}**, {gate['reason']}"
