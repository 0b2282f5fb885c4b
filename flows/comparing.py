"""`judge --compare`: the same pairs under the rules of others, and when each would have decided."""

from typing import TYPE_CHECKING, Any

from rollout.words import count

if TYPE_CHECKING:
    from analysis import JudgePolicy, Pairs, Verdict
    from analysis.clock import Look

OURS = "this judge"


def compared(pairs: "Pairs", policy: "JudgePolicy", verdict: "Verdict") -> list[dict[str, Any]]:
    """A row for ours and for each rule of others: decision, look, why, numbers, source."""
    from rivals import RIVALS, evidence_of

    seen = evidence_of(pairs, policy)
    begin_us = int(pairs.arrived_us[0])
    rows = [_row(OURS, verdict.decision, verdict.decided_at, begin_us)]
    rows[0] |= {"why": verdict.reason, "numbers": "the policy", "source": "docs of this project"}
    for rival in RIVALS:
        ruling = rival.rule(seen)
        row = _row(rival.name, ruling.decision, ruling.look, begin_us)
        rows.append(row | {"why": ruling.why, "numbers": rival.numbers, "source": rival.source})
    return rows


def _row(name: str, decision: str, look: "Look | None", begin_us: int) -> dict[str, Any]:
    return {
        "name": name,
        "decision": decision,
        "decided_at": look.as_dict() if look else None,
        "seconds": round((look.at_us - begin_us) / 1e6, 6) if look else None,
    }


def table_of(rows: list[dict[str, Any]]) -> str:
    """The rows for a terminal: who, what, after how much, why (ours stands above)."""
    from analysis.words import seconds_words

    lines = [f"{'the same pairs under':<22} {'decision':<13} {'decided after':<25} because"]
    for row in rows:
        look = row["decided_at"]
        after = "-"
        if look:
            after = f"{count(look['pair'])} pairs, {seconds_words(row['seconds'])}"
        why = "see above" if row["name"] == OURS else row["why"]
        lines.append(f"{row['name']:<22} {row['decision']:<13} {after:<25} {why}")
    return "\n".join(lines)
