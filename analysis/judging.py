"""From pairs and a policy, through every gate, to a verdict."""

from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path

from analysis.accuracy_gates import accuracy_courses
from analysis.answer_blocks import answer_guard, while_words
from analysis.answer_gates import answer_courses
from analysis.block_plan import BlockPlan, require_all
from analysis.block_sample import block_sample, scores_in
from analysis.block_table import BlockTable
from analysis.blocks import schedule_words
from analysis.columns import REACH
from analysis.conclusion import Origin, concluded
from analysis.course import Course, Record
from analysis.drift import Scores, guard_of, scores_of
from analysis.error_gates import error_courses
from analysis.errors import BadInput
from analysis.latency_gates import latency_courses, unknown
from analysis.latency_ratio import ratio_course
from analysis.latency_whole import mean_course, thresholds_course
from analysis.pair_sample import PairSample, pair_sample
from analysis.pairs import Pairs
from analysis.policy import JudgePolicy
from analysis.policy_file import default_policy, read_policy
from analysis.read import Source, in_blocks, read_record
from analysis.read_blocks import count_blocks
from analysis.record_gates import record_courses
from analysis.request_sample import RequestSample
from analysis.requests import Requests
from analysis.sample import Sample
from analysis.segment_gates import segment_courses
from analysis.shift import shift_course
from analysis.split_gates import split_courses
from analysis.split_record import split_record
from analysis.stream import STREAM, Batch, frames_of, head_of, plan_of_first, table_of_stream
from analysis.sustained import shifts_of, sustained_course
from analysis.verdict import Verdict

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
    policy = _meant(policy)
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
    policy = _meant(policy)
    frames = frames_of(batches, STREAM)
    head = head_of(frames, policy.reference_pairs + 1)
    plan = plan_of_first(head, policy, metadata, rows=rows, seconds=seconds)
    return judge_blocks(table_of_stream(chain(head, frames), plan), plan, live)


def _meant(policy: JudgePolicy | Path | str | None) -> JudgePolicy:
    if policy is None:
        return default_policy()
    return policy if isinstance(policy, JudgePolicy) else read_policy(policy)


def judge_requests(requests: Requests, policy: JudgePolicy, live: bool) -> Verdict:
    """The same for requests that were split between the sides."""
    if policy.drift.kind == "calibrated":
        raise BadInput(
            "hosts are calibrated by pairs, and these are requests of split traffic",
            'a policy whose [drift] kind is "guard", or "none" with its reason',
        )
    record = split_record(RequestSample(requests, policy), policy)
    answered = requests.status[requests.candidate] > 0
    share = float(answered.mean()) if len(answered) else None
    looks = SPLIT_LOOKS + schedule_words(len(requests), "requests")
    origin = Origin(requests.metadata, requests.digest, looks)
    return concluded(record, split_courses(record), origin, share, live)


def judge_pairs(pairs: Pairs, policy: JudgePolicy, live: bool) -> Verdict:
    """The same for pairs and a policy already read."""
    return judge_sample(pair_sample(pairs, policy), live)


def judge_sample(sample: PairSample, live: bool) -> Verdict:
    """The same for pairs under their policy."""
    pairs, policy = sample.pairs, sample.policy
    looks = LOOKS + schedule_words(sample.n, "pairs") + while_words(policy)
    origin = Origin(pairs.metadata, pairs.digest, looks)
    return verdict_of(sample, policy, scores_of(pairs), origin, live)


def judge_blocks(table: BlockTable, plan: BlockPlan, live: bool) -> Verdict:
    """The same for a record counted in blocks, whole or as far as it is known."""
    require_all(plan, table.plan, table.n, live)
    sample = block_sample(table, plan)
    looks = f"at the end of every block of {plan.step} s, late harm after every second; {ALIKE}"
    origin = Origin(plan.about, table.digest, looks + while_words(plan.policy))
    return verdict_of(sample, plan.policy, scores_in(table), origin, live)


def verdict_of(
    sample: Sample, policy: JudgePolicy, scores: Scores, origin: Origin, live: bool
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
    return concluded(record, courses, origin, covered.estimate.value, live)


def _mean_course(record: Record) -> Course:
    """Request by request, or on calibrated hosts by what lasts."""
    found = record.policy.drift.calibration
    if found is None:
        return mean_course(record)
    if record.shifts is None:
        return unknown(record, record.policy.gates["latency-mean"], "p95")
    return sustained_course(record, record.shifts, found)
