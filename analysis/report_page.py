"""One verdict as one file: what is so, why, how sure, what it does not say, how to check it."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain

import numpy as np
import polars as pl
import scipy

from analysis.clock import iso
from analysis.findings import Finding, Outcome
from analysis.pair_sample import PairSample
from analysis.policy import LATE, RATIOS, Gate, JudgePolicy
from analysis.policy_file import GATES
from analysis.report_classical import classical_rows
from analysis.report_evidence import Times, counted, courses, forest, times_of
from analysis.report_html import (
    Html,
    beside,
    bullets,
    document,
    folded,
    grid,
    html,
    joined,
    paragraph,
    section,
    table,
    tag,
)
from analysis.report_latency import latency_parts
from analysis.report_limits import missing_in, not_certified, would_have_changed
from analysis.report_predictions import prediction_parts
from analysis.report_record import record_parts
from analysis.report_segments import segment_parts
from analysis.show import PLOTS_BY
from analysis.verdict import Verdict
from analysis.words import count, percent, points, seconds_words


@dataclass(frozen=True, slots=True)
class About:
    """What a verdict does not know about itself; None where nobody said it."""

    who: str | None = None
    where: str | None = None
    rollout: str | None = None


def whole_page(verdict: Verdict, sample: PairSample, policy_text: str, about: About) -> str:
    """The file; the same input gives the same bytes under the same libraries."""
    pairs, policy, names = sample.pairs, sample.policy, names_of(verdict.revisions)
    begin_us = int(pairs.arrived_us[0]) if len(pairs) else None
    seconds = (pairs.watermark_us - begin_us) / 1e6 if begin_us is not None else 0.0
    limit = policy.gates["p95-limit"].limits["limit_ms"]
    sections = [
        head(verdict, begin_us, pairs.watermark_us, about),
        section("Gates", [gate_table(verdict, policy)]),
        evidence(verdict, times_of(sample)),
        section("Latency", latency_parts(sample.latencies, names, limit)),
        section("Predictions", prediction_parts(sample)),
        section("Segments, gate by gate", segment_parts(verdict)),
        section("Record", record_parts(sample)),
        section(
            "What was not certified",
            [bullets(not_certified(verdict, policy, sample.segments.names, missing_in(pairs)))],
        ),
        section("What would have changed it", [bullets(would_have_changed(verdict, seconds))]),
        _classical(sample),
        checking(verdict, policy, policy_text, about),
    ]
    return document(f"{verdict.verdict}: {names[1]} against {names[0]}", joined(sections))


def evidence(verdict: Verdict, times: Times) -> Html:
    """The way of each gate's evidence, those of late harm by themselves."""
    note = (
        "Above: evidence for safety and for harm, each as a share of what proves it (dashed); the "
        "line is the moment of decision. Below: the estimate, its time-uniform 95 % interval and "
        "the limits."
    )
    told = courses([f for f in verdict.pooled if f.name not in LATE], times, "time")
    late = courses([f for f in verdict.pooled if f.name in LATE], times, "time")
    parts = [paragraph(note, "faint"), grid(told)]
    if late:
        parts += [Html("<h3>Late harm: some window ending now</h3>"), grid(late)]
    return section("Evidence and interval over time", parts)


def notebook_view(verdict: Verdict) -> str:
    """The verdict without its pairs: sentence, gates, and the evidence look by look."""
    from analysis.report_html import STYLE

    told = [f for f in verdict.pooled if f.name not in LATE]
    parts = [
        Html(f"<style>{STYLE}</style>"),
        _sentence(verdict, None),
        gate_table(verdict, None),
        forest(verdict.pooled),
        folded("evidence, look by look", grid(courses(told, counted(told), "looks"))),
    ]
    return tag("div", joined(parts), "pincex")


def names_of(revisions: Mapping[str, str] | None) -> tuple[str, str]:
    """What people call baseline and candidate: the version without its digest."""
    if revisions is None:
        return "baseline", "candidate"
    return revisions["baseline"].split("@")[0], revisions["candidate"].split("@")[0]


def _sentence(verdict: Verdict, begin_us: int | None) -> Html:
    """What is so, with the word in front."""
    word = tag("span", tag("strong", verdict.verdict), f"word big {verdict.verdict}")
    return joined(
        [
            tag("h1", joined([word, " ", headline(verdict, begin_us)])),
            paragraph(f"{verdict.decision}: {verdict.reason}."),
        ]
    )


def headline(verdict: Verdict, begin_us: int | None) -> str:
    """The first sentence of the page; `begin_us` is when the first request arrived."""
    name = names_of(verdict.revisions)[1]
    candidate = "The candidate" if name == "candidate" else name
    blocking = [f for f in verdict.findings if f.blocking]
    proven = sum(f.outcome is Outcome.PASS for f in blocking)
    decided = verdict.decided_at
    after = f"{count(decided.pair if decided else verdict.pairs)} {verdict.of}"
    if decided and begin_us is not None:
        after += f" in {seconds_words((decided.at_us - begin_us) / 1e6)}"
    if verdict.verdict == Outcome.PASS:
        return (
            f"{candidate} is safe to promote: no gate was harmed, {proven} of {len(blocking)} "
            f"blocking gates proven, after {after}."
        )
    if verdict.verdict == Outcome.FAIL:
        failed = [f.label for f in verdict.findings if f.outcome is Outcome.FAIL]
        return f"{candidate} must not be promoted: {', '.join(failed)} harmed, after {after}."
    return (
        f"{candidate} is neither proven safe nor proven harmful: {proven} of {len(blocking)} "
        f"blocking gates proven, after {after}."
    )


def head(verdict: Verdict, begin_us: int | None, end_us: int, about: About) -> Html:
    """The sentence, then whose verdict it is and on what: None began where nothing came."""
    begin = _time(begin_us) if begin_us is not None else "never"
    revisions = verdict.revisions or {}
    decided = verdict.decided_at
    when = f"{_time(decided.at_us)}, at pair {count(decided.pair)}" if decided else "not yet"
    rows = [
        ("decided", when),
        ("record", f"{count(verdict.pairs)} pairs, {begin} to {_time(end_us)}"),
        ("component", f"{revisions.get('component', 'unknown')}, {about.where or 'site unknown'}"),
        ("baseline", tag("span", revisions.get("baseline", "unknown"), "baseline")),
        ("candidate", tag("span", revisions.get("candidate", "unknown"), "candidate")),
        ("asked for by", about.who or "unknown"),
        ("looked", verdict.looks),
        ("pairs digest", tag("code", verdict.pairs_digest)),
        ("policy digest", tag("code", verdict.policy_digest)),
    ]
    facts = table(("what", "value"), rows, "facts")
    return joined([_sentence(verdict, begin_us), beside(facts, forest(verdict.pooled))])


def _time(at_us: int) -> str:
    return f"{iso(at_us)[:19].replace('T', ' ')} UTC"


def gate_table(verdict: Verdict, policy: JudgePolicy | None) -> Html:
    """Limit, estimate with interval, outcome, when; the words are those of the verdict."""
    names = ("gate", "limit", "estimate", "outcome", "decided", "why")
    rows = [
        (
            joined(
                [tag("strong", f.name), Html("" if f.blocking else "<br><small>advisory</small>")]
            ),
            _limit(f, policy),
            _estimate(f),
            tag("span", f.outcome.value, f"word {f.outcome.value}"),
            f"pair {count(f.decided_at.pair)}" if f.decided_at else "open",
            f.reason,
        )
        for f in verdict.pooled
    ]
    return table(names, rows)


def _limit(finding: Finding, policy: JudgePolicy | None) -> str:
    """What proves harm, and below what safety is proven."""
    tolerance, margin = finding.tolerance, finding.margin
    if finding.name == "accuracy-superior":
        return f"better by more than {points(-(margin or 0.0))} points"
    if finding.name == "loss-paired":
        return f"harm beyond {tolerance:+.3g}, safe within {margin:+.3g}"
    if tolerance is None and margin is not None:
        return f"safe below {percent(margin)}"
    if tolerance is None:
        return "see why" if policy is None else _record_limit(policy.gates[finding.name])
    if finding.name in RATIOS:
        slower = f", safe below +{percent(margin)}" if margin is not None else ""
        past = f" of the past {finding.name[-3:]}" if "frozen" in finding.name else ""
        return f"harm from +{percent(tolerance)}{past}{slower}"
    if finding.name == "accuracy-absolute":
        return f"at least {percent(tolerance)}"
    if finding.unit == "share":
        safe = f", safe below {percent(margin)}" if margin not in (None, tolerance) else ""
        return f"at most {percent(tolerance)}{safe}"
    sign = -1 if finding.name == "accuracy-paired" else 1
    safe = f", safe within {points(sign * margin)} points" if margin is not None else ""
    return f"harm beyond {points(sign * tolerance)} points{safe}"


def _record_limit(gate: Gate) -> str:
    """The limits of the gates about the record itself."""
    if gate.name == "coverage":
        return f"at least {percent(gate.limits['min_answered'])} answered"
    if "level" in gate.limits:
        return f"false reports in {percent(gate.limits['level'])} of rollouts"
    most = next(value for name, value in gate.limits.items() if name.startswith("max_"))
    return f"at most {percent(most)}{' off' if 'max_off' in gate.limits else ''}"


def _estimate(finding: Finding) -> str:
    estimate = finding.estimate
    if estimate.value is None:
        return "none"
    words, unit = {"share": (percent, ""), "ratio": (points, " %"), "loss": (_loss, "")}.get(
        finding.unit, (points, " points")
    )
    if estimate.low is None or estimate.high is None:
        return f"{words(estimate.value)}{unit}"
    return f"{words(estimate.value)}{unit} ({words(estimate.low)} to {words(estimate.high)})"


def _loss(value: float) -> str:
    return f"{value:+.3g}"


def _classical(sample: PairSample) -> Html:
    names = ("what", "test", "n", "seen", "p-value")
    note = (
        "Computed once over the whole record (latency: at most 100,000 evenly spaced pairs). "
        "They describe; none of them decided, and none would hold if looked at repeatedly."
    )
    rows = classical_rows(sample)
    return section("Classical tests", [table(names, rows), paragraph(note, "faint")])


def checking(verdict: Verdict, policy: JudgePolicy, text: str, about: About) -> Html:
    """The command, the policy in full, the versions."""
    command = "pincex verify FOLDER" if about.rollout else "pincex judge PAIRS --policy FILE"
    said = (
        " recomputes this verdict and every digest, without any server; FOLDER is where this file "
        "lies, and its name ends in the digest of the evidence."
        if about.rollout
        else " gives the same verdict for the same pairs and policy; compare the digests."
    )
    versions = {
        "pincex": verdict.code_version,
        "Python": ".".join(str(part) for part in sys.version_info[:3]),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "polars": pl.__version__,
        "lets-plot": PLOTS_BY,
    }
    listed = ", ".join(f"{name} {version}" for name, version in versions.items())
    whole = GATES.read_text("utf-8")
    parts = chain(
        [paragraph(joined([tag("code", command), html(said)]))],
        [paragraph(f"Rollout {about.rollout}.")] if about.rollout else [],
        [folded("The policy, as given", tag("pre", text))],
        [folded("The packaged defaults it starts from", tag("pre", whole))]
        if text != whole
        else [],
        [paragraph(f"Made by {listed}.", "faint")],
    )
    return section("How to check it", parts)
