"""What a verdict does not say: what was not certified, and how little would have changed it."""

from collections.abc import Callable, Sequence

import numpy as np

from analysis.bets import Trace
from analysis.columns import NO_TIME
from analysis.findings import Finding, Outcome
from analysis.forecasts import forecast
from analysis.pairs import Pairs
from analysis.policy import HARM_ONLY, JudgePolicy
from analysis.report_segments import uncertified
from analysis.verdict import Verdict
from analysis.words import count, percent

WHAT = {
    "errors-paired": "errors of the candidate alone",
    "errors-absolute": "errors",
    "p95-limit": "answers over the limit",
    "frozen-p95": "answers of the candidate alone beyond the past p95",
    "frozen-p99": "answers of the candidate alone beyond the past p99",
    "accuracy-absolute": "wrong answers",
    "accuracy-paired": "answers wrong on the candidate's side alone",
}
NO_PREDICTIONS = "The content of answers: the record holds no predictions."
LATER = (
    "What comes later: a proof covers the average over these requests, and a change after them is "
    "the business of the watch."
)


def not_certified(
    verdict: Verdict, policy: JudgePolicy, segments: Sequence[str], missing: list[str]
) -> list[str]:
    """What nobody should read into this verdict, in plain words; `missing` of the record."""
    told = [
        f"{finding.name}: {finding.reason}."
        for finding in verdict.pooled
        if finding.outcome is not Outcome.PASS and finding.name not in HARM_ONLY
    ]
    late = [f.name for f in verdict.pooled if f.name in HARM_ONLY and not f.decided_at]
    if late:
        told.append(
            f"{', '.join(late)} can only find harm: that they found none certifies nothing."
        )
    told += uncertified(verdict, segments)
    if policy.drift.kind == "none":
        reason = policy.drift.reason.rstrip(".")
        told.append(f"Other hosts: hosts are taken not to drift, because {reason}.")
    else:
        told.append("Other hosts: these are claims about this traffic on these hosts.")
    return [*told, *missing, LATER]


def missing_in(pairs: Pairs) -> list[str]:
    """Labels, their times and predictions that a record does not hold."""
    told = []
    unlabelled = len(pairs) - int(pairs.labelled.sum())
    if unlabelled:
        told.append(f"{count(unlabelled)} of {count(len(pairs))} pairs had no label at the end.")
    if pairs.labelled.any() and (pairs.labelled_us[pairs.labelled] == NO_TIME).all():
        told.append("When labels came is unknown; they count from the arrival of their request.")
    if np.isnan(pairs.candidate_prediction).all():
        told.append(NO_PREDICTIONS)
    return told


def would_have_changed(verdict: Verdict, seconds: float) -> list[str]:
    """How many other answers would have turned the verdict, which saw so many seconds, by gate."""
    if verdict.verdict == Outcome.PASS:
        proven = [f for f in verdict.pooled if f.blocking and f.safety]
        return [text for f in proven if (text := _unproven(f))] or ["No gate was close."]
    if verdict.verdict == Outcome.FAIL:
        failed = [f for f in verdict.findings if f.outcome is Outcome.FAIL]
        return [_unharmed(finding) for finding in failed]
    blocking = {f.name for f in verdict.findings if f.blocking}
    told = []
    for entry in forecast(verdict, seconds):
        if entry.gate not in blocking:
            continue
        told.append(
            f"{entry.gate}: some {count(entry.pairs)} more pairs like these prove "
            f"{'harm' if entry.toward == 'harm' else 'safety'}."
            if entry.pairs is not None
            else f"{entry.gate}: pairs like these decide it never, or in more than a thousand "
            "times as many."
        )
    return told or ["The gates that hold are about the record itself; see their reasons."]


ONE_BY_ONE = 3
"""Kinds of pairs that are counted one by one: only the candidate bad, only the baseline, rest."""


def _unproven(finding: Finding) -> str:
    """The fewest more bad answers with which safety would not have been proven at the end."""
    trace = finding.safety
    if trace is None or finding.name not in WHAT or len(trace.counts) > ONE_BY_ONE:
        return ""
    bad, *_, rest = trace.counts
    most = rest

    def held(more: int) -> bool:
        return _log_e(trace, bad + more) >= trace.threshold

    if not held(0):
        return ""
    more = _first(lambda k: not held(k), most)
    if more is None:
        return f"{finding.label}: nothing in these pairs."
    share = percent((bad + more) / max(finding.estimate.n, 1))
    return (
        f"{finding.name}: {count(more)} more {WHAT[finding.name]} ({count(bad + more)} instead of "
        f"{count(bad)}, {share} of {count(finding.estimate.n)}) would have left it open."
    )


def _unharmed(finding: Finding) -> str:
    """How many fewer bad answers would have left harm unproven at the end."""
    trace = finding.harm
    counted = trace is not None and len(trace.counts) <= ONE_BY_ONE
    if trace is None or finding.name not in WHAT or not counted or trace.log_e < trace.threshold:
        at = f" at pair {count(finding.decided_at.pair)}" if finding.decided_at else ""
        return f"{finding.label}: harm was proven{at} and latches; later pairs do not take it back."
    bad = trace.counts[0]
    fewer = _first(lambda k: _log_e(trace, bad - k) < trace.threshold, bad)
    if fewer is None:
        return f"{finding.label}: nothing in these pairs."
    return (
        f"{finding.label}: {count(fewer)} fewer {WHAT[finding.name]} ({count(bad - fewer)} instead "
        f"of {count(bad)}) would have left harm unproven at the end."
    )


def _log_e(trace: Trace, bad: int) -> float:
    """Evidence if so many were bad, the others good."""
    between = trace.counts[1:-1]
    rest = sum(trace.counts) - bad - sum(between)
    return trace.bets.log_e((bad, *between, rest))


def _first(holds: Callable[[int], bool], most: int) -> int | None:
    """The least number up to `most` from which a monotone condition holds."""
    if not holds(most):
        return None
    low, high = 0, most
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low
