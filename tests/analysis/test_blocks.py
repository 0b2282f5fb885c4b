"""Pairs counted in blocks: any split and any order adds up to the verdict of one pass."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import reduce
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pair_tables import TIMESTAMP, pairs, policy, write

from analysis import (
    BadInput,
    BlockPlan,
    BlockTable,
    Outcome,
    Verdict,
    columns,
    in_parts,
    judge,
    judge_blocks,
    parts,
    plan_for,
    read_pairs,
    table_from,
    table_of,
    union,
)
from analysis.block_sample import block_sample
from analysis.latency_arms import safety_arms
from analysis.pair_sample import pair_sample
from analysis.quantile_bets import follow_quantiles
from analysis.quantiles import binned
from analysis.stretches import FEW, stretches_of

SEGMENTS = "[gates.p95-limit]\nsegments = true\n[gates.errors-absolute]\nsegments = true\n"
PINNED = "[latency]\nbaseline_p95_ms = 15.5\nbaseline_p99_ms = 20.0\n"
POLICY = policy(PINNED + SEGMENTS)
GROUP = 700


def lost(frame: pl.DataFrame, unlabelled_share: float = 0.02) -> pl.DataFrame:
    """Some copies time out, and some labels never come."""
    rng = np.random.default_rng(5)
    gone, unlabelled = (
        pl.Series(rng.random(len(frame)) < share) for share in (0.02, unlabelled_share)
    )
    late = ("candidate_status", "candidate_latency_ms", "candidate_prediction")
    return frame.with_columns(
        candidate_outcome=pl.when(gone).then(pl.lit("timeout")).otherwise("candidate_outcome"),
        **{name: pl.when(gone).then(None).otherwise(name) for name in late},
        **{
            name: pl.when(unlabelled).then(None).otherwise(name)
            for name in ("label", "labelled_at")
        },
    )


def texts(frame: pl.DataFrame) -> pl.DataFrame:
    """Predictions and labels as two words."""
    names = ("baseline_prediction", "candidate_prediction", "label")
    return frame.with_columns(
        **{n: pl.when(pl.col(n) > 1).then(pl.lit("up")).otherwise(pl.lit("down")) for n in names}
    )


FRAMES = {
    "healthy": pairs(7_000, seed=3),
    "errors and holes": lost(pairs(7_000, seed=4, errors=(0.001, 0.02))),
    "errors and timeouts": lost(pairs(7_000, seed=4, errors=(0.001, 0.02)), 0.0),
    "slower": pairs(7_000, seed=5, ratio=1.6, slow=0.03),
    "texts": texts(pairs(7_000, seed=6, only_candidate_wrong=0.2)),
    "nothing pinned, hosts may drift": pairs(7_000, seed=7, rate=15.0),
    "slower from the first block on": pairs(900, seed=8, rate=15.0, ratio=2.1),
    "latencies that never differ": pairs(7_000, seed=9).with_columns(
        candidate_latency_ms=pl.lit(8.0),
        baseline_latency_ms=pl.when(pl.int_range(pl.len()) < GROUP).then(8.0).otherwise(9.0),
    ),
}
AT_THE_END = (
    "errors-paired",
    "errors-absolute",
    "errors-late-paired",
    "errors-late-absolute",
    "p95-limit",
    "frozen-p95",
    "frozen-p99",
    "gross-frozen-p95",
    "accuracy-absolute",
    "accuracy-paired",
    "accuracy-superior",
    "disagreement",
)
"""Gates of which the pair-by-pair judge, too, has a look at the end."""


def policy_for(name: str):
    """The guard and no past p95 for one of them."""
    return policy(SEGMENTS) if "drift" in name else POLICY


def counted(folder: Path, name: str) -> tuple[BlockPlan, list[BlockTable]]:
    """A file in groups of rows, each counted by itself: at least nine of them."""
    file = folder / "pairs.parquet"
    FRAMES[name].write_parquet(file, row_group_size=min(GROUP, len(FRAMES[name]) // 9))
    plan = plan_for(file, policy_for(name))
    return plan, [table_of(part, plan) for part in in_parts(file, 1)]


@pytest.fixture(scope="module", params=list(FRAMES))
def split(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    """A plan, its parts, and what one pass over all of it says."""
    folder = tmp_path_factory.mktemp("blocks")
    plan, tables = counted(folder, request.param)
    whole = judge(folder / "pairs.parquet", policy_for(request.param), blocks=True)
    return plan, tables, whole


@settings(max_examples=6)
@given(data=st.data())
def test_any_split_and_order_gives_the_identical_verdict(
    split: tuple[BlockPlan, list[BlockTable], Verdict], data: st.DataObject
) -> None:
    """Parts are joined in any order and any grouping, and the bytes of the verdict are the same."""
    plan, tables, whole = split
    order = data.draw(st.permutations(range(len(tables))))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(tables) - 1))))
    ends = [*cuts, len(tables)]
    grouped = [order[a:b] for a, b in zip([0, *cuts], ends, strict=True)]

    joined = union([reduce(lambda a, b: a + b, (tables[i] for i in group)) for group in grouped])

    assert judge_blocks(joined, plan, False).to_json() == whole.to_json()


def test_stop_save_load_and_continue_equals_never_stopped(
    split: tuple[BlockPlan, list[BlockTable], Verdict],
) -> None:
    """What was counted so far survives as bytes, and the rest is added to it."""
    plan, tables, whole = split
    saved = union(tables[:4]).to_bytes()

    continued = table_from(saved) + union(tables[4:])

    assert table_from(saved).to_bytes() == saved
    assert judge_blocks(continued, plan, False).to_json() == whole.to_json()


@pytest.mark.parametrize("name", FRAMES)
def test_blocks_say_what_the_pair_by_pair_judge_says(name: str, tmp_path: Path) -> None:
    """The same counts at the end, hence the same evidence, estimates and outcomes.

    A block waits for the last of its labels, so that where some never come fewer are due.
    """
    file = write(tmp_path / "pairs.parquet", FRAMES[name])

    one_by_one, blocks = (judge(file, policy_for(name), blocks=both) for both in (False, True))

    assert blocks.verdict == one_by_one.verdict
    assert blocks.revisions == one_by_one.revisions
    for mine, theirs in zip(blocks.findings, one_by_one.findings, strict=True):
        assert (mine.label, mine.outcome) == (theirs.label, theirs.outcome)
        if "holes" in name and mine.about == "accuracy":
            continue
        if mine.segment is not None or (mine.name in AT_THE_END and "drift" not in name):
            assert mine.log_e_harm == pytest.approx(theirs.log_e_harm)
            assert mine.log_e_safety == pytest.approx(theirs.log_e_safety)
            assert mine.estimate == pytest.approx(theirs.estimate) or (
                mine.estimate == theirs.estimate
            )
        if mine.decided_at and theirs.decided_at and mine.name in AT_THE_END:
            assert mine.decided_at.at_us >= theirs.decided_at.at_us


def test_a_folder_of_files_that_overlap_is_judged_like_one_file(tmp_path: Path) -> None:
    """Two writers, each in order of arrival."""
    frame, folder = FRAMES["errors and holes"], tmp_path / "two"
    folder.mkdir()
    whole = write(tmp_path / "one.parquet", frame)
    for turn in (0, 1):
        write(folder / f"{turn}.parquet", frame.gather_every(2, turn))

    assert (
        judge(folder, POLICY, blocks=True).to_json() == judge(whole, POLICY, blocks=True).to_json()
    )


def folder_of(path: Path, *frames: pl.DataFrame) -> Path:
    """A folder of files, one after the other by name."""
    path.mkdir()
    for number, frame in enumerate(frames):
        frame.write_parquet(path / f"{number}.parquet", row_group_size=200)
    return path


CUTS = {
    "a file that begins within the other": lambda f: [f[:4_000], f[2_000:]],
    "of two writers": lambda f: [f.gather_every(2), f.gather_every(2, 1).vstack(f[3:4])],
    "a file within another one": lambda f: [f, f[3_000:3_001], f[3_500:3_500]],
    "by the last row and the first": lambda f: [f[:3_001], f[3_000:]],
    "in the file after the next": lambda f: [f[:3_000], f[3_000:3_050], f[2_990:2_991], f[3_050:]],
}


@pytest.mark.parametrize("files", CUTS.values(), ids=CUTS.keys())
def test_a_request_in_two_files_of_a_folder_is_refused(
    files: Callable[[pl.DataFrame], list[pl.DataFrame]], tmp_path: Path
) -> None:
    """However the files lie in time; one by one and in blocks."""
    cut = [part.sort("arrived_at") for part in files(FRAMES["healthy"].head(6_000))]
    folder = folder_of(tmp_path / "folder", *cut)

    for blocks in (True, False):
        with pytest.raises(BadInput, match=r"is in .*parquet and in .*parquet|occurs twice"):
            judge(folder, POLICY, blocks=blocks)


def test_files_of_several_writers_are_counted_in_any_parts(tmp_path: Path) -> None:
    """One of them begins later, one has ended by then."""
    frame = FRAMES["healthy"]
    writer = pl.Series(np.random.default_rng(2).integers(0, 3, len(frame)))
    row = pl.int_range(pl.len())
    writer = frame.select(
        pl.when(row < 3_000).then(writer % 2).when(row > 4_500).then(2 - writer % 2)
        .otherwise(writer).alias("writer")
    )["writer"]  # fmt: skip
    folder = folder_of(tmp_path / "folder", *(frame.filter(writer == one) for one in range(3)))
    whole = folder_of(tmp_path / "whole", frame)
    plan = plan_for(folder, POLICY)

    told = judge(whole, POLICY, blocks=True).to_json()
    for rows in (None, 1, 3 * GROUP):
        joined = union([table_of(part, plan) for part in in_parts(folder, rows)])
        assert judge_blocks(joined, plan, False).to_json() == told


def test_row_groups_and_files_without_rows_change_nothing(tmp_path: Path) -> None:
    """First, in between and last: a writer that had nothing to write."""
    frame = FRAMES["healthy"].head(3 * GROUP)
    table, folder = frame.to_arrow(), tmp_path / "folder"
    whole = folder_of(tmp_path / "whole", frame)
    for number, cut in enumerate([(0, 0, 700, 700), (0, 0), (700, 1_400, 2_100, 2_100)]):
        folder.mkdir(exist_ok=True)
        with pq.ParquetWriter(folder / f"{number}.parquet", table.schema) as writer:
            for begin, end in pairwise(cut):
                writer.write_table(table.slice(begin, end - begin))
    plan = plan_for(folder, POLICY)

    assert min(pq.ParquetFile(folder / "2.parquet").metadata.row_group(2).num_rows, 1) == 0
    told = judge(whole, POLICY, blocks=True).to_json()
    assert judge(folder, POLICY, blocks=True).to_json() == told
    for rows in (1, 2 * GROUP):
        joined = union([table_of(part, plan) for part in in_parts(folder, rows)])
        assert judge_blocks(joined, plan, False).to_json() == told


def test_a_look_in_between_sees_what_had_come_by_then(tmp_path: Path) -> None:
    """A table of the first parts is a valid record of its own, cut at its last arrival."""
    plan, tables = counted(tmp_path, "errors and holes")

    early = judge_blocks(union(tables[:5]), plan, True)

    assert early.pairs == 5 * GROUP
    assert early.decision in ("CONTINUE", "ROLLBACK")


def test_a_watermark_before_the_last_arrival_is_refused(tmp_path: Path) -> None:
    """As of a table judged one by one, also where the first rows came before it."""
    frame = FRAMES["healthy"]
    until = frame["arrived_at"][-2].isoformat()
    file = write(tmp_path / "pairs.parquet", frame, watermark=until)

    for blocks in (False, True):
        with pytest.raises(BadInput, match="watermark is earlier than the last arrived_at"):
            judge(file, POLICY, blocks=blocks)


BAD = {
    "reversed between row groups": lambda f: pl.concat([f[GROUP:], f[:GROUP]]),
    "an id twice, in two batches": lambda f: f.with_columns(
        request_id=pl.when(pl.int_range(pl.len()) == 510)
        .then(pl.lit(f["request_id"][490]))
        .otherwise("request_id")
    ),
    "NaN": lambda f: f.with_columns(candidate_latency_ms=float("nan")),
    "no column": lambda f: f.drop("label"),
    "nothing": lambda f: f.head(0),
    "negative latency": lambda f: f.with_columns(baseline_latency_ms=-1.0),
    "label before arrival": lambda f: f.with_columns(
        labelled_at=pl.col("arrived_at") - pl.duration(seconds=1)
    ),
    "null arrival": lambda f: f.with_columns(arrived_at=pl.lit(None, TIMESTAMP)),
}


@pytest.mark.parametrize("spoiled", BAD.values(), ids=BAD.keys())
def test_bad_rows_are_refused_in_blocks_too(
    spoiled: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same checks as of a table read at once, also across batches and row groups."""
    monkeypatch.setattr(parts, "BATCH", 500)
    monkeypatch.setattr(columns, "REACH", 300)
    file = tmp_path / "pairs.parquet"
    spoiled(FRAMES["healthy"].head(3 * GROUP)).write_parquet(file, row_group_size=GROUP)  # type: ignore[operator]

    with pytest.raises(BadInput):
        judge(file, POLICY, blocks=True)


@pytest.mark.parametrize("size", [100, 200, 1_600])
@pytest.mark.parametrize("distance", [1, 150])
def test_an_id_that_comes_again_in_the_next_part_is_refused(
    size: int, distance: int, tmp_path: Path
) -> None:
    """At each end of a part, just behind it and some row groups on."""
    file, frame = tmp_path / "pairs.parquet", FRAMES["healthy"].head(1_800)
    frame.write_parquet(file, row_group_size=100)
    plan = plan_for(file, POLICY)
    whole = union([table_of(part, plan) for part in in_parts(file, size)])
    assert whole.n == len(frame)

    for end in range(size, len(frame), size):
        again = pl.when(pl.int_range(pl.len()) == end + distance - 1)
        twice = again.then(pl.lit(frame["request_id"][end - 1])).otherwise("request_id")
        if end + distance > len(frame):
            continue
        frame.with_columns(request_id=twice).write_parquet(file, row_group_size=100)
        behind = in_parts(file, size)[(end + distance - 1) // size]
        with pytest.raises(BadInput, match="this id occurs twice"):
            table_of(behind, plan)


def test_tables_of_different_plans_cannot_be_added(tmp_path: Path) -> None:
    """Counts against another limit are counts of something else."""
    plan, tables = counted(tmp_path, "healthy")
    other = replace(plan, past={**plan.past, "p95": 99.0})
    foreign = table_of(in_parts(tmp_path / "pairs.parquet", 1)[0], other)

    with pytest.raises(BadInput, match="different plans"):
        _ = tables[1] + foreign
    with pytest.raises(BadInput, match="another plan"):
        judge_blocks(tables[0], other, False)


def test_memory_grows_with_blocks_and_not_with_pairs(tmp_path: Path) -> None:
    """Eight times the pairs in the same seconds: the same table, with larger numbers in it."""
    sizes = []
    for rate in (100.0, 800.0):
        file = write(tmp_path / f"{rate:g}.parquet", pairs(int(rate * 20), rate=rate))
        plan = replace(plan_for(file, POLICY), step=2)
        sizes.append(len(union([table_of(part, plan) for part in in_parts(file)]).to_bytes()))

    assert sizes[1] < 1.3 * sizes[0]


def test_fewer_pairs_than_the_files_held_have_a_verdict_live_alone(tmp_path: Path) -> None:
    """A part that is not counted yet."""
    plan, tables = counted(tmp_path, "healthy")
    table = union(tables[:-1])

    assert judge_blocks(table, plan, True).pairs == table.n
    with pytest.raises(BadInput, match=f"{table.n:,} pairs were counted of files that held 7,000"):
        judge_blocks(table, plan, False)


def harmed(frame: pl.DataFrame) -> pl.DataFrame:
    """Every twentieth answer of the candidate fails."""
    return frame.with_columns(
        candidate_status=pl.when(pl.int_range(pl.len()) % 20 == 0).then(500).otherwise(200)
    )


@pytest.mark.parametrize(
    "other",
    [lambda frame: frame[:-1], lambda frame: frame[:-GROUP], harmed],
    ids=["a row", "a row group", "as many other rows"],
)
def test_a_file_that_changes_while_it_is_counted_has_no_verdict(
    other: Callable[[pl.DataFrame], pl.DataFrame], tmp_path: Path
) -> None:
    """Whether it loses rows or holds as many others: its footer is another one."""
    file, frame = tmp_path / "pairs.parquet", FRAMES["healthy"]
    frame.write_parquet(file, row_group_size=GROUP)
    plan = plan_for(file, POLICY)
    other(frame).write_parquet(file, row_group_size=GROUP)

    with pytest.raises(BadInput, match="another file than the plan was made for"):
        union([table_of(part, plan) for part in in_parts(file, 1)])


def test_a_part_that_is_counted_twice_has_no_verdict(tmp_path: Path) -> None:
    """Live neither: more were counted than there are."""
    plan, tables = counted(tmp_path, "healthy")

    for live in (False, True):
        with pytest.raises(BadInput, match="7,700 pairs were counted of files that held 7,000"):
            judge_blocks(union([*tables, tables[3]]), plan, live)


def test_what_a_writer_says_in_bytes_is_of_no_account(tmp_path: Path) -> None:
    """Spark and others keep things in the metadata of a file that are no text."""
    whole = folder_of(tmp_path / "whole", FRAMES["healthy"])
    told = FRAMES["healthy"].to_arrow().replace_schema_metadata({b"writer": b"\xff\xfe"})
    pq.write_table(told, tmp_path / "odd.parquet")

    assert judge(tmp_path / "odd.parquet", POLICY, blocks=True).to_json() == (
        judge(whole, POLICY, blocks=True).to_json()
    )


def test_too_many_segments_are_not_judged(tmp_path: Path) -> None:
    """A segment for each request: none is counted, whichever way the record is split."""
    frame = FRAMES["healthy"].with_columns(segment="request_id")
    file = tmp_path / "pairs.parquet"
    frame.write_parquet(file, row_group_size=300)
    plan = plan_for(file, POLICY)

    tables = [table_of(part, plan) for part in in_parts(file, 1)]

    assert tables[0].segments is not None
    assert union(tables).segments is None
    assert not judge(file, POLICY, blocks=True).by_segment


def test_texts_read_as_codes_count_what_texts_count(tmp_path: Path) -> None:
    """Codes differ between row groups, and a file may hold none; nobody is told apart by that."""
    frame = FRAMES["errors and holes"].with_columns(
        segment=pl.when(pl.int_range(pl.len()) % 9 > 0).then(pl.int_range(pl.len()) // 900 % 5)
        .cast(pl.String)
    )  # fmt: skip
    coded, plain = tmp_path / "coded.parquet", tmp_path / "plain.parquet"
    frame.write_parquet(coded, row_group_size=GROUP)
    pq.write_table(frame.to_arrow(), plain, use_dictionary=False)

    said = [judge(file, POLICY, blocks=True).to_json() for file in (coded, plain)]

    assert said[0] == said[1]
    assert '"segment": "4"' in said[0]


def test_a_column_within_another_one_is_not_taken_for_ours(tmp_path: Path) -> None:
    """Other columns may hold anything, also the name of an optional one that is not there."""
    frame = FRAMES["healthy"].head(2 * GROUP).drop("candidate_outcome", strict=False)
    plain, nested = tmp_path / "plain.parquet", tmp_path / "nested.parquet"
    frame.write_parquet(plain, row_group_size=GROUP)
    about = pl.struct(candidate_outcome=pl.lit("mine"))
    frame.with_columns(about=about).write_parquet(nested, row_group_size=GROUP)

    said = [judge(file, POLICY, blocks=True).to_json() for file in (plain, nested)]

    assert said[0] == said[1]


def test_blocks_hold_the_counts_that_pairs_add_up_to(tmp_path: Path) -> None:
    """Histograms, rows and labels of a record with timeouts; quantiles to the bin."""
    plan, tables = counted(tmp_path, "errors and timeouts")
    blocks = block_sample(union(tables), plan)
    table = read_pairs(tmp_path / "pairs.parquet")
    single = pair_sample(table, POLICY)
    gates = POLICY.gates
    mean, loss, ratio = (gates[name] for name in ("latency-mean", "loss-paired", "p95-ratio"))

    for of in (
        lambda sample: sample.ratios(mean, "harm").at_end,
        lambda sample: sample.ratios(mean, "safety").at_end,
        lambda sample: sample.thresholds(gates["latency-thresholds"])[1].at_end,
        lambda sample: sample.losses(loss).lower.at_end,
        lambda sample: sample.losses(loss).upper.at_end,
        lambda sample: [one.counts.at_end.tolist() for one in sample.labelled("champion")],
        lambda sample: [kind[-1] for kind in (sample.rows().answered, sample.rows().unusable)],
        lambda sample: [sample.due, sample.timely, sample.predicted],
    ):
        assert np.array_equal(of(blocks), of(single))
    for mine, theirs in zip(
        blocks.quantiles(0.95, 0.05), single.quantiles(0.95, 0.05), strict=True
    ):
        assert mine is not None
        assert theirs is not None
        assert mine.value == pytest.approx(theirs.value, rel=0.008)
    arms, whole = safety_arms(table, ratio), np.array([len(table)])
    y, x = binned(arms.baseline), binned(arms.candidate)
    expected = follow_quantiles(y, x, whole, 0.05).log_e
    assert blocks.beyond(ratio, "safety", 0.05).log_e == pytest.approx(expected)


@pytest.mark.parametrize("scale", [1e-3, 1e30, 1e300])
def test_latencies_of_any_size_are_counted(tmp_path: Path, scale: float) -> None:
    """Bins are numbered in two bytes: neither the least nor the most latency leaves them."""
    sides = [pl.col(f"{side}_latency_ms") * scale for side in ("baseline", "candidate")]
    file = tmp_path / "pairs.parquet"
    pairs(3_000).with_columns(sides).write_parquet(file)

    blocks, single = judge(file, policy(), blocks=True), judge(file, policy())

    for verdict in (blocks, single):
        assert verdict.finding("p95-ratio").outcome is not Outcome.FAIL
    assert blocks.verdict == single.verdict


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 2 * FEW), st.integers(0, 4), st.integers(0, 4)), min_size=1
    ),
    number=st.sampled_from([5, 100, 200]),
)
def test_both_ways_to_tell_and_their_lesser_are_counted_like_each_by_itself(
    rows: list[tuple[int, int, int]], number: int
) -> None:
    """In few stretches and in many, of few kinds and of too many for one pass over both."""
    seconds, one, other = (np.array(column) for column in zip(*sorted(rows), strict=True))
    stretches = stretches_of(seconds)
    one, other = one.astype(np.int16), (number - 1 - other).astype(np.int16)
    each = stretches.all_of((one, other, np.minimum(one, other)), number)
    assert (stretches.both_of(one, other, number) == each).all()


def test_counting_in_blocks_needs_no_pandas(tmp_path: Path) -> None:
    """Importing it takes as long as counting a million pairs; pyarrow does for some arrays."""
    file = tmp_path / "pairs.parquet"
    FRAMES["healthy"].write_parquet(file)
    script = "import sys, analysis; analysis.judge(sys.argv[1], blocks=True); print(*sys.modules)"

    done = subprocess.run(
        [sys.executable, "-c", script, str(file)], capture_output=True, text=True, check=True
    )

    loaded = done.stdout.split()
    assert "pyarrow" in loaded
    assert "pandas" not in loaded
