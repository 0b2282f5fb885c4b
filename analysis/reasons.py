"""The one sentence that says why, as a pager shows it."""

from collections.abc import Sequence

from analysis.clock import Look
from analysis.course import Recorded
from analysis.findings import Finding, Outcome
from analysis.policy import HARM_ONLY
from analysis.words import count, sentence

PROVEN = {
    "errors-paired": "errors",
    "errors-absolute": "errors",
    "p95-limit": "p95",
    "frozen-p95": "p95",
    "frozen-p99": "p99",
    "latency-mean": "mean latency",
    "p95-ratio": "p95",
    "accuracy-superior": "a better accuracy",
    "loss-paired": "losses",
    "disagreement": "equal answers",
    "coverage": "coverage",
    "split-errors": "errors",
    "split-frozen-p95": "p95",
}


def reason_of(
    outcome: Outcome, findings: Sequence[Finding], record: Recorded, stood: Look | None
) -> str:
    """Why the verdict is what it is."""
    if outcome is Outcome.FAIL:
        return _failed(findings)
    if outcome is Outcome.PASS:
        return _passed(findings)
    return _undecided(findings, record, stood)


def _failed(findings: Sequence[Finding]) -> str:
    failed = [f for f in findings if f.outcome is Outcome.FAIL and f.decided_at]
    failed.sort(key=lambda f: f.decided_at.at_us if f.decided_at else 0)
    first, *others = failed
    also = [f.brief for f in others if f.name not in HARM_ONLY and f.about != first.about]
    return f"{first.brief} (and {also[0]})" if also else first.brief


def _passed(findings: Sequence[Finding]) -> str:
    proven = [f for f in findings if f.blocking]
    lead = [f.brief for f in proven if f.name == "accuracy-paired"]
    lead = lead or [f.brief for f in proven if f.name == "accuracy-absolute"]
    names = list(dict.fromkeys(PROVEN[f.name] for f in proven if f.name in PROVEN))
    listed = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    return sentence([*lead, f"{listed} proven within limits" if names else ""])


def _undecided(findings: Sequence[Finding], record: Recorded, stood: Look | None) -> str:
    n, least, of = record.n, record.policy.min_pairs, record.arrival.of
    if n < least:
        return f"{count(n)} {of}, at least {count(least)} are needed"
    waiting = [f for f in findings if f.blocking and f.outcome is not Outcome.PASS]
    gaps = [f.reason for f in waiting if f.about == "record"]
    undecided = list(dict.fromkeys(f.brief for f in waiting if f.about != "record"))
    open_ = f"{sentence(undecided)}: neither harm nor safety proven" if undecided else ""
    once = f"PROMOTE stood at {of[:-1]} {count(stood.pair)} and no longer does" if stood else ""
    return sentence([*gaps, record.guard.trouble(), open_, once])
