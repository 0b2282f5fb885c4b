"""From pairs and a policy to a verdict.

FAIL latches: some gate proved harm at some look. PASS does not: it is what all blocking gates
proved at the same look, and the verdict of a record is that of its last look, because only so does
it cover the average over all that was seen (P(some look: average >= margin and PASS) <= alpha).
`decided_at` of a PASS is the first look at which a live judge would have stopped with it.
"""

from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import Literal

import numpy as np

from analysis.accuracy_gates import accuracy_courses
from analysis.answer_blocks import answer_guard, while_words
from analysis.answer_gates import answer_courses
from analysis.bets import CHUNK, Flags, Integers
from analysis.block_plan import Plan, require_all
from analysis.block_sample import block_sample, scores_in
from analysis.block_table import BlockTable
from analysis.blocks import schedule_words
from analysis.clock import Clock, Look
from analysis.columns import REACH
from analysis.course import Course, Record, Recorded
from analysis.drift import Scores, guard_of, scores_of
from analysis.error_gates import error_courses
from analysis.errors import BadInput
from analysis.findings import Outcome
from analysis.latency_gates import latency_courses, unknown
from analysis.latency_ratio import ratio_course
from analysis.latency_whole import mean_course, thresholds_course
from analysis.metadata import Metadata
from analysis.pair_sample import PairSample, pair_sample
from analysis.pairs import Pairs
from analysis.policy import JudgePolicy
from analysis.policy_file import default_policy, read_policy
from analysis.read import Source, in_blocks, read_record
from analysis.read_blocks import count_blocks
from analysis.reasons import reason_of
from analysis.record_gates import record_courses
from analysis.request_sample import RequestSample
from analysis.requests import Requests
from analysis.sample import Sample
from analysis.segment_gates import segment_courses
from analysis.shift import shift_course
from analysis.split_gates import split_courses
from analysis.split_record import split_record
from analysis.stream import STREAM, Batch, frames_of, head_of, plan_of_first, table_of_stream
from analysis.sustained import budget_words, shifts_of, sustained_course
from analysis.verdict import Verdict
from analysis.version import CODE_VERSION

ALIKE = f"ids that occur twice were looked for within {REACH:,} rows"
SPLIT_LOOKS = "after every request and second of arrival; thresholds "
LOOKS = "after every pair, label and second of arrival; histograms "


def judge(
    pairs: Source,
    policy: JudgePolicy | Path | str | None = None,
    *,
    live: bool = False,
    blocks: bool = False,
) -> Verdict:
    """Judge a frame, a file or a folder of pairs by a policy, its file, or the packaged default.

    Rows that name an arm are requests of split traffic, judged by the gates that need no pairs.

    With `blocks`, and where files hold more than 10 million pairs, they are counted in one pass.
    Undecided is INCONCLUSIVE; while live the decision is then CONTINUE. Raises BadInput.
    """
    if policy is None:
        policy = default_policy()
    if not isinstance(policy, JudgePolicy):
        policy = read_policy(policy)
    if isinstance(pairs, (str, Path)) and (blocks or in_blocks(Path(pairs))):
        return judge_blocks(*count_blocks(Path(pairs), policy), live)
    if blocks:
        raise BadInput(
            "only files are counted in blocks", "a Parquet or JSONL file, or judge_stream"
        )
    read = read_record(pairs)
    if isinstance(read, Requests):
        return judge_requests(read, policy, live)
    return judge_pairs(read, policy, live)


def judge_stream(
    batches: Iterable[Batch],
    policy: JudgePolicy | Path | str | None = None,
    metadata: Mapping[str, object] | None = None,
    *,
    rows: int,
    seconds: float,
    live: bool = False,
) -> Verdict:
    """Judge batches of pairs in order of arrival in one pass, in memory that grows with blocks.

    Batches are frames of polars, or record batches or tables of pyarrow. How many `rows` are
    expected in how many `seconds` sets the length of a block. Raises BadInput, as `judge` of a file
    does, also for a stream without rows.
    """
    policy = default_policy() if policy is None else policy
    policy = policy if isinstance(policy, JudgePolicy) else read_policy(policy)
    frames = frames_of(batches, STREAM)
    head = head_of(frames, policy.reference_pairs + 1)
    plan = plan_of_first(head, policy, metadata, rows=rows, seconds=seconds)
    return judge_blocks(table_of_stream(chain(head, frames), plan), plan, live)


def judge_requests(requests: Requests, policy: JudgePolicy, live: bool) -> Verdict:
    """The same for requests that were split between the sides."""
    if policy.drift.kind == "calibrated":
        raise BadInput(
            "hosts are calibrated by pairs, and these are requests of split traffic",
            'a policy whose [drift] kind is "guard", or "none" with its reason',
        )
    record = split_record(RequestSample(requests, policy), policy)
    answered = requests.status[requests.candidate] > 0
    return concluded(
        record,
        split_courses(record),
        requests.metadata,
        requests.digest,
        float(answered.mean()) if len(answered) else None,
        SPLIT_LOOKS + schedule_words(len(requests), "requests"),
        live,
    )


def judge_pairs(pairs: Pairs, policy: JudgePolicy, live: bool) -> Verdict:
    """The same for pairs and a policy already read."""
    return judge_sample(pair_sample(pairs, policy), live)


def judge_sample(sample: PairSample, live: bool) -> Verdict:
    """The same for pairs under their policy."""
    pairs, policy = sample.pairs, sample.policy
    about, digest = pairs.metadata, pairs.digest
    looks = LOOKS + schedule_words(sample.n, "pairs") + while_words(policy)
    return verdict_of(sample, policy, scores_of(pairs), about, digest, looks, live)


def judge_blocks(table: BlockTable, plan: Plan, live: bool) -> Verdict:
    """The same for a record counted in blocks, whole or as far as it is known."""
    require_all(plan, table.plan, table.n, live)
    sample = block_sample(table, plan)
    looks = f"at the end of every block of {plan.step} s, late harm after every second; {ALIKE}"
    looks += while_words(plan.policy)
    return verdict_of(sample, plan.policy, scores_in(table), plan.about, table.digest, looks, live)


def verdict_of(
    sample: Sample,
    policy: JudgePolicy,
    scores: Scores,
    about: Metadata,
    digest: str,
    looks: str,
    live: bool,
) -> Verdict:
    """Every gate, and what they decide together."""
    record = Record(
        sample,
        policy,
        guard_of(scores, sample.watermark_us, policy.drift),
        "champion" if sample.predicted.baseline else "baseline",
        answer_guard(sample, policy.dependence),
        shifts_of(sample, policy, scores),
    )
    courses = [
        *error_courses(record),
        *latency_courses(record),
        thresholds_course(record),
        _mean_course(record),
        ratio_course(record),
        *accuracy_courses(record),
        *answer_courses(record),
        shift_course(record),
        *record_courses(record),
        *segment_courses(record),
    ]
    covered = next(course.finding for course in courses if course.finding.name == "coverage")
    return concluded(record, courses, about, digest, covered.estimate.value, looks, live)


def concluded(
    record: Recorded,
    courses: list[Course],
    about: Metadata,
    digest: str,
    answered: float | None,
    looks: str,
    live: bool,
) -> Verdict:
    """What the gates decide together."""
    policy = record.policy
    failures = [course.failed for course in courses if course.failed]
    stood, stands = _promotion(record, courses)
    if failures:
        outcome, decision = Outcome.FAIL, "ROLLBACK"
        decided: Look | None = min(failures, key=lambda look: look.at_us)
    elif stands:
        outcome, decision, decided = Outcome.PASS, "PROMOTE", stood
    else:
        outcome, decided = Outcome.INCONCLUSIVE, None
        decision = "CONTINUE" if live else "INCONCLUSIVE"
    findings = tuple(course.finding for course in courses)
    return Verdict(
        verdict=outcome.value,
        decision=decision,
        reason=reason_of(outcome, findings, record, stood),
        pairs=record.n,
        of=record.arrival.of,
        coverage=answered,
        decided_at=decided,
        stood_at=stood,
        looks=looks + _while(policy),
        findings=findings,
        revisions=about.revisions,
        policy_digest=policy.digest,
        pairs_digest=digest,
        code_version=CODE_VERSION,
    )


def _while(policy: JudgePolicy) -> str:
    """What the drift of hosts adds to when it was looked."""
    found = policy.drift.calibration
    return {
        "none": "",
        "guard": ", small latency differences only while the drift guard is open",
        "calibrated": f"; {budget_words(found, policy)}" if found else "",
    }[policy.drift.kind]


def _mean_course(record: Record) -> Course:
    """Request by request, or on calibrated hosts by what lasts."""
    found = record.policy.drift.calibration
    if found is None:
        return mean_course(record)
    if record.shifts is None:
        return unknown(record, record.policy.gates["latency-mean"], "p95")
    return sustained_course(record, record.shifts, found)


def _all_of(courses: list[Course], clock: Clock) -> Flags:
    """Where all blocking gates of a clock stood proven, by the number of looks there were.

    Nothing admitted proves nothing, unless no blocking gate runs on this clock.
    """
    mine = [c.standing for c in courses if c.clock is clock and c.finding.blocking]
    flags = np.ones(len(clock.at_us) + 1, dtype=np.bool_)
    flags[0] = not mine
    for standing in mine:
        flags[1:] &= standing
    return flags


def _promotion(record: Recorded, courses: list[Course]) -> tuple[Look | None, bool]:
    """The first look at which PROMOTE stood, and whether it stands at the watermark."""
    arrival, labels, guard = record.arrival, record.labels, record.guard
    by = [course.clock for course in courses if course.finding.blocking]
    assert all(clock is arrival or clock is labels for clock in by), "a gate that holds nothing"
    by_pairs, by_labels = _all_of(courses, arrival), _all_of(courses, labels)
    came = np.concatenate([np.zeros(1, dtype=np.int64), arrival.arrived])

    def first(
        at_us: Integers, own: Clock | None = None, side: Literal["left", "right"] = "right"
    ) -> Look | None:
        """Part by part: looking up so many times among others takes longer than all the rest."""
        for begin in range(0, len(at_us), CHUNK):
            part = at_us[begin : begin + CHUNK]
            after = np.arange(begin + 1, begin + 1 + len(part))
            looks = after if own is arrival else np.searchsorted(arrival.at_us, part, side)
            admitted = after if own is labels else labels.admitted(part)
            standing = by_pairs[looks] & by_labels[admitted] & guard.open_at(part)
            standing &= came[looks] >= record.policy.min_pairs
            if standing.any():
                at = int(standing.argmax())
                return Look(int(came[looks[at]]), int(part[at]))
        return None

    # A block of the guard decides about what follows it, not about what came as it ended.
    stood = (
        first(arrival.at_us, arrival),
        first(labels.at_us, labels),
        first(guard.end_us, side="left"),
    )
    last = first(np.array([record.watermark_us]))
    looks = [look for look in (*stood, last) if look]
    return min(looks, key=lambda look: look.at_us, default=None), last is not None
