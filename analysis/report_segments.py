"""Segments in the report: which are harmed, which are certified, and which are not."""

from collections.abc import Iterable, Sequence

from analysis.findings import Finding, Outcome
from analysis.report_html import Html, paragraph, table, tag
from analysis.verdict import Verdict
from analysis.words import count

SHOWN = 40
NAMED = 8
ORDER = (Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.PASS)


def segment_parts(verdict: Verdict) -> list[Html]:
    """A row for each finding, the harmed ones first, then by size."""
    found = sorted(verdict.by_segment, key=lambda f: (ORDER.index(f.outcome), -f.estimate.n))
    if not found:
        return [paragraph("No gate judges segments, or the record names none.")]
    rows = [
        (
            f.segment or "",
            f.name,
            tag("span", f.outcome.value, f"word {f.outcome.value}"),
            f"pair {count(f.decided_at.pair)}" if f.decided_at else "open",
            f.reason,
        )
        for f in found[:SHOWN]
    ]
    rest = len(found) - SHOWN
    note = (
        "Harm in a segment undoes a rollout, at its share of the segments' budget (Holm's step "
        "down); safety of a segment is told, and no promotion waits for it."
    )
    more = f" {count(rest)} more are in the JSON." if rest > 0 else ""
    head = ("segment", "gate", "outcome", "decided", "why")
    return [table(head, rows), paragraph(note + more, "faint")]


def uncertified(verdict: Verdict, segments: Sequence[str]) -> list[str]:
    """Which of these nothing was proven about, gate by gate, the largest first."""
    if not segments:
        return ["No segment: the record names none."]
    if not verdict.by_segment:
        return ["No segment by itself: a segment can be harmed while the whole is not."]
    told = []
    for name in dict.fromkeys(f.name for f in verdict.by_segment):
        own = [f for f in verdict.by_segment if f.name == name]
        left = sorted(
            (f for f in own if f.outcome is not Outcome.PASS), key=lambda f: -f.estimate.n
        )
        if left:
            told.append(
                f"{name}, {count(len(left))} of {count(len(own))} segments: {_named(left)}."
            )
        unjudged = len(set(segments) - {f.segment for f in own})
        if unjudged:
            told.append(f"{name}: {count(unjudged)} segments are not judged at all.")
    return told


def _named(findings: Iterable[Finding]) -> str:
    left = list(findings)
    told = ", ".join(f"{f.segment} ({count(f.estimate.n)} pairs)" for f in left[:NAMED])
    return told + (f" and {count(len(left) - NAMED)} more" if len(left) > NAMED else "")
