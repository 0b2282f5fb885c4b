"""The page of a verdict on pairs that were counted in blocks: all that counts can show."""

from analysis.block_plan import BlockPlan
from analysis.block_sample import BlockSample, block_sample
from analysis.block_table import BlockTable
from analysis.late import SECOND_US
from analysis.report_evidence import Times
from analysis.report_html import Html, bullets, document, html, joined, paragraph, section, table
from analysis.report_latency import binned_latency_parts
from analysis.report_limits import NO_PREDICTIONS, not_certified, would_have_changed
from analysis.report_page import About, checking, evidence, gate_table, head, names_of
from analysis.report_segments import segment_parts
from analysis.sides import SURE
from analysis.verdict import Verdict
from analysis.words import count, percent, seconds_words

LEFT_OUT = (
    "The pairs were counted in blocks and none was kept. What needs them one by one is not on this "
    "page: where the two sides disagree, accuracy beside cheap references, latency and accuracy "
    "within segments, dependence between requests, and the classical tests. A part of the record, "
    "of 10 million pairs or fewer and judged without --blocks, shows them."
)


def page_of_blocks(
    verdict: Verdict, counted: BlockTable, plan: BlockPlan, policy_text: str, about: About
) -> str:
    """The file; the same input gives the same bytes under the same libraries."""
    sample, policy, names = block_sample(counted, plan), plan.policy, names_of(verdict.revisions)
    begin_us = int(counted.seconds.ids[0]) * SECOND_US
    seconds = (sample.watermark_us - begin_us) / SECOND_US
    limit = policy.gates["p95-limit"].limits["limit_ms"]
    whole = counted.whole
    told = not_certified(verdict, policy, tuple(counted.segments or ()), _missing(sample))
    latency = binned_latency_parts(whole["baseline"], whole["candidate"], names, limit)
    sections = [
        head(verdict, begin_us, sample.watermark_us, about),
        section("Gates", [gate_table(verdict, policy)]),
        evidence(verdict, _times(sample, begin_us)),
        section("Latency", [*latency, paragraph("To the bin, 0.8 % wide.", "faint")]),
        section("Segments, gate by gate", segment_parts(verdict)),
        section("Record", [table(("what", "how much"), _facts(sample, seconds), "facts")]),
        section("What this page leaves out", [paragraph(LEFT_OUT)]),
        section("What was not certified", [bullets(told)]),
        section("What would have changed it", [bullets(would_have_changed(verdict, seconds))]),
        checking(verdict, policy, policy_text, about),
    ]
    return document(f"{verdict.verdict}: {names[1]} against {names[0]}", joined(sections))


def _times(sample: BlockSample, begin_us: int) -> Times:
    """The ends of blocks, of blocks of labels, and of seconds."""
    late, gross = (
        sample.late(name).blocks.end_us for name in ("errors-late-paired", "gross-frozen-p95")
    )
    return Times(begin_us, sample.arrival.at_us, sample.labels.at_us, late, gross)


def _facts(sample: BlockSample, seconds: float) -> list[tuple[str, Html]]:
    rows, about, n = sample.rows(), sample.plan.about, sample.n
    answered, unsent = int(rows.answered[-1]), int(rows.unsent[-1])
    mirrored = about.mirror_fraction
    labelled = _labelled(sample)
    of = f" of {count(about.requests)} requests" if about.requests is not None else ""
    facts = [
        ("requests copied", f"{count(n)} in {seconds_words(seconds)}"),
        ("counted in", f"{count(len(sample.arrival.at_us))} blocks of {sample.plan.step} s"),
        ("copies answered", f"{count(answered)}, {percent(answered / n)}"),
        ("timed out, never sent", f"{count(n - answered - unsent)}, {count(unsent)}"),
        ("left out of the sample", f"{count(about.left_out)}{of}"),
        ("copies without a request", count(about.orphans)),
        ("labels in time", f"{count(labelled)}, {percent(labelled / n)}"),
        ("cost: more requests", percent(mirrored) if mirrored is not None else "share unknown"),
    ]
    return [(name, html(value)) for name, value in facts]


def _labelled(sample: BlockSample) -> int:
    return int(sample.table.blocks.arrays["answers"][:, SURE].sum())


def _missing(sample: BlockSample) -> list[str]:
    """Labels and predictions that the record does not hold."""
    unlabelled, told = sample.n - _labelled(sample), []
    if unlabelled:
        told.append(f"{count(unlabelled)} of {count(sample.n)} pairs had no label in time.")
    if not sample.predicted.candidate:
        told.append(NO_PREDICTIONS)
    return told
