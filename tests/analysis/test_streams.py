"""A record in batches, or as lines: any cutting of it is judged like the whole file in blocks."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pair_tables import METADATA, ONE_MACHINE, pairs, write

from analysis import (
    BadInput,
    Verdict,
    columns,
    judge,
    judge_blocks,
    judge_stream,
    lines,
    parse_policy,
    plan_stream,
    read_blocks,
    table_of_stream,
)
from analysis.stream import frames_of

TEXT = (
    f"{ONE_MACHINE}[budgets]\nmin_pairs = 300\n[gates.errors-paired]\nmargin = 0.01\n"
    "[latency]\nreference_pairs = 1_000\n"
)
POLICY = parse_policy(TEXT)
ROWS = 6_000
FRAMES = {
    "safe": pairs(ROWS, seed=3),
    "harmful": pairs(ROWS, seed=5, errors=(0.0, 0.02)),
}


def expected(frame: pl.DataFrame) -> dict[str, float]:
    """How many there are, in which time: known here, expected elsewhere."""
    first, last = frame["arrived_at"][0], frame["arrived_at"][-1]
    return {"rows": len(frame), "seconds": (last - first).total_seconds()}


def judged(batches: object, frame: pl.DataFrame = FRAMES["safe"]) -> Verdict:
    """Batches as those of this frame."""
    return judge_stream(batches, POLICY, METADATA, **expected(frame))  # type: ignore[arg-type]


PLAN = plan_stream([FRAMES["safe"]], POLICY, **expected(FRAMES["safe"]))


@pytest.fixture(scope="module", params=list(FRAMES))
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    """A record, and what is said of its file in blocks."""
    frame = FRAMES[request.param]
    file = write(tmp_path_factory.mktemp("whole") / "pairs.parquet", frame, **METADATA)
    return frame, judge(file, POLICY, blocks=True)


@settings(max_examples=8)
@given(data=st.data())
def test_any_cutting_of_a_stream_is_judged_like_the_whole_file(
    whole: tuple[pl.DataFrame, Verdict], data: st.DataObject
) -> None:
    """Batches of any length, empty ones too, by either library: the same bytes."""
    frame, told = whole
    cuts = sorted(data.draw(st.lists(st.integers(0, ROWS), max_size=9)))
    by_arrow = data.draw(st.booleans())

    def batches() -> Iterator[pl.DataFrame | pa.RecordBatch]:
        for begin, end in zip([0, *cuts], [*cuts, ROWS], strict=True):
            part = frame[begin:end]
            yield from part.to_arrow().to_batches() if by_arrow else [part]

    assert judged(batches(), frame).to_json() == told.to_json()


@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_an_id_that_comes_again_is_found_within_reach_however_a_stream_is_cut(
    data: st.DataObject,
) -> None:
    """As far as a verdict says, and no further: never by how many rows came at a time."""
    frame, reach = FRAMES["safe"].head(500), 200
    again = data.draw(st.integers(1, 499))
    distance = data.draw(st.integers(1, again) | st.sampled_from([min(reach, again), again]))
    cuts = sorted(data.draw(st.lists(st.integers(0, 500), max_size=6)))
    twice = pl.when(pl.int_range(pl.len()) == again).then(pl.lit(f"request-3-{again - distance}"))
    frame = frame.with_columns(request_id=twice.otherwise("request_id"))
    batches = [frame[a:b] for a, b in zip([0, *cuts], [*cuts, 500], strict=True)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "REACH", reach)
        if distance <= reach:
            with pytest.raises(BadInput, match="this id occurs twice"):
                table_of_stream(batches, PLAN)
        else:
            assert table_of_stream(batches, PLAN).n == 500


def test_an_id_that_comes_again_after_many_small_batches_is_found() -> None:
    """131,072 rows are what a verdict says; 30,000 of them in batches of 5,000."""
    ids = pl.concat([pl.Series([f"{i}" for i in range(35_000)]), pl.Series(["100"])])
    frame = pairs(len(ids)).with_columns(request_id=ids)

    with pytest.raises(BadInput, match="this id occurs twice"):
        table_of_stream(frame.iter_slices(5_000), PLAN)


def test_verdicts_of_the_streams_differ() -> None:
    """Else the identity above would say little."""
    assert [judged([frame], frame).verdict for frame in FRAMES.values()] == ["PASS", "FAIL"]


def test_a_stream_goes_on_where_it_was_stopped(whole: tuple[pl.DataFrame, Verdict]) -> None:
    """The plan of its beginning counts the rest, in another process just as well."""
    frame, told = whole
    plan = plan_stream([frame[:5_500]], POLICY, METADATA, **expected(frame))
    before, after = (table_of_stream([part], plan) for part in (frame[:4_000], frame[4_000:]))

    assert judge_blocks(after + before, plan, False).to_json() == told.to_json()


def test_what_is_expected_sets_the_length_of_a_block_and_no_outcome() -> None:
    """Ten times as many, or a tenth: the same counts at the end."""
    frame = FRAMES["safe"]
    most = {"rows": 10 * ROWS, "seconds": 600.0}
    verdicts = [judge_stream([frame], POLICY, **told) for told in (most, expected(frame))]

    assert len({verdict.looks for verdict in verdicts}) == 2
    for one, other in zip(*(verdict.findings for verdict in verdicts), strict=True):
        assert (one.name, one.outcome) == (other.name, other.outcome)


def intervals(rows: int) -> pa.Array:
    """A type that polars does not know."""
    return pa.array([(1, 2, 3)] * rows, type=pa.month_day_nano_interval())


def test_other_columns_of_a_batch_may_be_of_any_type(whole: tuple[pl.DataFrame, Verdict]) -> None:
    """As those of a file may."""
    frame, told = whole
    table = frame.to_arrow().append_column("x", intervals(len(frame)))

    batches = table.append_column("x", frame["label"].to_arrow()).to_batches()

    assert judged(batches, frame).to_json() == told.to_json()


def test_a_file_with_a_column_twice_is_refused_in_blocks_too(tmp_path: Path) -> None:
    """Which of them is meant nobody knows."""
    table = FRAMES["safe"].to_arrow().append_column("label", FRAMES["safe"]["label"].to_arrow())
    pq.write_table(table, tmp_path / "twice.parquet")

    for blocks in (True, False):
        with pytest.raises(BadInput, match="label"):
            judge(tmp_path / "twice.parquet", POLICY, blocks=blocks)


def test_a_plan_of_too_few_first_rows_is_refused() -> None:
    """Its past quantiles would be those of another plan; all that is expected is enough."""
    frame = FRAMES["safe"]

    with pytest.raises(BadInput, match="first 1,001 rows, and 1,000 are there"):
        plan_stream([frame[:1_000]], POLICY, **expected(frame))
    assert plan_stream([frame[:1_001]], POLICY, **expected(frame)).digest == PLAN.digest
    assert plan_stream([frame[:300]], POLICY, rows=300, seconds=1.0).step == 5


def test_a_stream_shorter_than_expected_is_judged() -> None:
    """It ended before the rows that its plan is made from had come."""
    frame = FRAMES["safe"]

    assert judge_stream([frame[:500]], POLICY, **expected(frame)).pairs == 500


def turned(frame: pl.DataFrame) -> list[pl.DataFrame]:
    """Batches in the wrong order, each in order of arrival."""
    return [frame[:5_100], frame[5_500:], frame[5_100:5_500]]


def spoiled(change: pl.Expr) -> Callable[[pl.DataFrame], list[pl.DataFrame]]:
    """A second batch that something is wrong with."""
    return lambda frame: [frame[:5_500], frame[5_500:].with_columns(change)]


BAD = {
    "out of order": (turned, "arrived_at is earlier than in the row before"),
    "reversed within the first rows": (
        lambda frame: [frame[3_000:3_500], frame[:3_000]],
        "the stream, first rows: column arrived_at, row 501",
    ),
    "no batch": (lambda frame: [], "the stream has no rows"),
    "no row": (lambda frame: [frame[:0], frame[:0]], "the stream has no rows"),
    "no label at all": (lambda frame: [frame.drop("label")], "missing column: label"),
    "no label later": (
        lambda frame: [frame[:5_500], frame[5_500:].drop("label")],
        "missing column: label",
    ),
    "outcomes of some": (
        lambda frame: [frame[:5_500], frame[5_500:].drop("candidate_outcome")],
        "batch 2: candidate_outcome is in some batches and not in all",
    ),
    "NaN": (spoiled(pl.lit(float("nan")).alias("candidate_latency_ms")), "rows from 5,501 on"),
    "texts for numbers": (
        spoiled(pl.col("label").cast(pl.String)),
        "batch 2: label is String, and was a number",
    ),
    "texts on one side, numbers on the other": (
        lambda frame: [
            frame[:5_500].with_columns(
                candidate_prediction=pl.lit(None),
                label=pl.lit(None),
                baseline_prediction=pl.lit("a"),
            ),
            frame[5_500:].with_columns(baseline_prediction=pl.lit(None), label=pl.lit(None)),
        ],
        "batch 2: candidate_prediction is a number, and other answers are text",
    ),
    "an id of the batch before": (
        spoiled(pl.lit("request-3-5499").alias("request_id")),
        "this id occurs twice",
    ),
    "split traffic": (lambda frame: [pl.DataFrame({"arm": ["candidate"]})], "split traffic"),
    "a table that is no list of them": (lambda frame: frame.to_arrow(), "batch 1 is a Chunked"),
    "a frame that is no list of them": (lambda frame: frame, "batch 1 is a Series"),
    "an array": (lambda frame: [pa.array([1.0])], "batch 1 is a DoubleArray"),
    "a column twice": (
        lambda frame: [frame.to_arrow().append_column("label", frame["label"].to_arrow())],
        "column label is there twice",
    ),
    "a type that is none of ours": (
        lambda frame: [frame.to_arrow().set_column(2, "segment", intervals(len(frame)))],
        "the stream, batch 1 cannot be read",
    ),
    "no table": (lambda frame: [[1, 2]], "batch 1 is a list"),
}


@pytest.mark.parametrize(("batches", "said"), BAD.values(), ids=BAD.keys())
def test_a_stream_that_cannot_be_judged_is_bad_input(batches: Callable, said: str) -> None:
    """Never a verdict, and never one of what came before."""
    with pytest.raises(BadInput, match=said):
        judged(batches(FRAMES["safe"]))


def test_an_id_of_small_batches_long_before_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of one row each hold no two that are alike."""
    monkeypatch.setattr(columns, "REACH", 50)
    frame = FRAMES["safe"].head(100)
    plan = plan_stream([frame], POLICY, **expected(frame))
    again = frame.with_columns(
        request_id=pl.when(pl.int_range(pl.len()) == 90)
        .then(pl.lit("request-3-41"))
        .otherwise("request_id")
    )

    assert table_of_stream(frame.iter_slices(1), plan).n == 100
    with pytest.raises(BadInput, match="rows from 91 on"):
        table_of_stream(again.iter_slices(1), plan)


@pytest.mark.parametrize(
    ("rows", "seconds", "said"),
    [
        ("3", 1, "rows is '3'"),
        (1.5, 1, "rows is 1.5"),
        (True, 1, "rows is True"),
        (3, "1", "seconds"),
    ],
)
def test_what_is_expected_is_a_number(rows: Any, seconds: Any, said: str) -> None:
    """Whole rows, and true is none of them."""
    with pytest.raises(BadInput, match=said):
        judge_stream([FRAMES["safe"]], POLICY, rows=rows, seconds=seconds)


@pytest.mark.parametrize("rows", [0, -3])
def test_nothing_expected_is_bad_input(rows: int) -> None:
    """As is a time that is none."""
    for given_rows, seconds in ((rows, 10.0), (10, float("nan")), (10, float("inf")), (10, -1.0)):
        with pytest.raises(BadInput, match="are expected"):
            judge_stream([FRAMES["safe"]], POLICY, rows=given_rows, seconds=seconds)


def as_lines(path: Path, frame: pl.DataFrame) -> Path:
    """JSON lines with their metadata ahead."""
    stamp = "%Y-%m-%dT%H:%M:%S%.6fZ"
    told = frame.with_columns(pl.col("arrived_at", "labelled_at").dt.strftime(stamp))
    about = pl.DataFrame({name: [value] for name, value in METADATA.items()})
    path.write_text(about.write_ndjson() + told.write_ndjson())
    return path


def test_lines_in_blocks_are_judged_like_parquet_in_blocks(
    whole: tuple[pl.DataFrame, Verdict], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same bytes, however many lines are read at a time."""
    frame, told = whole
    file = as_lines(tmp_path / "pairs.jsonl", frame)
    for at_once in (700, 100_000):
        monkeypatch.setattr(lines, "BATCH", at_once)
        assert judge(file, POLICY, blocks=True).to_json() == told.to_json()


def test_lines_whose_labels_come_later_are_judged_in_blocks(tmp_path: Path) -> None:
    """A batch in which nothing is known yet, and numbers that happen to be whole."""
    early = pl.int_range(pl.len()) < 2_000
    frame = FRAMES["safe"].with_columns(
        label=pl.when(early).then(None).otherwise("label"),
        labelled_at=pl.when(early).then(None).otherwise("labelled_at"),
        baseline_latency_ms=pl.when(early).then(10.0).otherwise("baseline_latency_ms"),
    )
    file = as_lines(tmp_path / "pairs.jsonl", frame)
    file.write_text(file.read_text().replace(":10.0,", ":10,"))
    whole = write(tmp_path / "pairs.parquet", frame, **METADATA)

    said = [judge(one, POLICY, blocks=True).to_json() for one in (file, whole)]

    assert said[0] == said[1]


def without_nulls(file: Path) -> Path:
    """As a writer leaves out what is not known."""
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    kept = [{key: value for key, value in row.items() if value is not None} for row in rows]
    file.write_text("".join(json.dumps(row) + "\n" for row in kept))
    return file


@pytest.mark.parametrize("at_once", [1_000, 100_000])
def test_lines_that_leave_out_what_is_null_are_judged_in_blocks(
    at_once: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where no line of a batch has a label, or any a segment but the last."""
    row = pl.int_range(pl.len())
    frame = FRAMES["safe"].with_columns(
        segment=pl.when(row > 5_990).then("segment"),
        label=pl.when(row >= 2_000).then("label"),
        labelled_at=pl.when(row >= 2_000).then("labelled_at"),
    )
    file = without_nulls(as_lines(tmp_path / "pairs.jsonl", frame))
    whole = write(tmp_path / "pairs.parquet", frame, **METADATA)
    monkeypatch.setattr(lines, "BATCH", at_once)

    said = [judge(one, POLICY, blocks=True).to_json() for one in (file, whole)]

    assert said[0] == said[1]


def test_a_column_that_no_line_has_is_missing_in_blocks_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Null in every row is another thing than not there."""
    frame = FRAMES["safe"].head(400).drop("label", "segment")
    file = without_nulls(as_lines(tmp_path / "pairs.jsonl", frame))
    monkeypatch.setattr(lines, "BATCH", 150)

    for blocks in (True, False):
        with pytest.raises(BadInput, match="missing columns: segment, label"):
            judge(file, POLICY, blocks=blocks)


def last_arrived(value: str) -> Callable[[str], str]:
    """The last line says it arrived at this."""
    return lambda text: re.sub(r'("arrived_at":)"[^"]*"(?=[^\n]*\n$)', rf"\g<1>{value}", text)


BAD_LINES = {
    "no time in the last line": (last_arrived('"noon"'), "line 401: column arrived_at: not a time"),
    "a number in the last line": (last_arrived("5"), "line 401: column arrived_at: type Int64"),
    "NaN": (lambda text: text.replace('"label":', '"label":NaN,"x":', 1), "line 2: NaN is not"),
    "half a line": (lambda text: text[:-40], "is not|Expecting|Unterminated|Invalid"),
    "a line twice": (lambda text: text + text.splitlines()[-1] + "\n", "occurs twice"),
    "backwards": (
        lambda text: "\n".join([text.split("\n")[0], *text.strip().split("\n")[:0:-1]]),
        "earlier than the row before",
    ),
    "metadata alone": (lambda text: text.split("\n")[0], "has no rows"),
    "nothing": (lambda text: "", "has no rows"),
}


@pytest.mark.parametrize(("damage", "said"), BAD_LINES.values(), ids=BAD_LINES.keys())
def test_lines_that_cannot_be_judged_are_bad_input_in_blocks_too(
    damage: Callable[[str], str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names the line or the row."""
    monkeypatch.setattr(lines, "BATCH", 150)
    file = as_lines(tmp_path / "pairs.jsonl", FRAMES["safe"].head(400))
    file.write_text(damage(file.read_text()))

    with pytest.raises(BadInput, match=said) as refused:
        judge(file, POLICY, blocks=True)
    assert "pairs.jsonl" in refused.value.message


@pytest.mark.parametrize("about", [True, False])
def test_a_first_row_without_its_id_is_a_row(about: bool, tmp_path: Path) -> None:
    """And not what the file says of itself, which would be one row less."""
    file = as_lines(tmp_path / "pairs.jsonl", FRAMES["safe"].head(400))
    text = file.read_text().replace('"request_id"', '"request"', 1)
    file.write_text(text if about else text.partition("\n")[2])

    for blocks in (True, False):
        with pytest.raises(BadInput, match="column request_id, row 1: null"):
            judge(file, POLICY, blocks=blocks)


def test_many_lines_are_counted_in_blocks_unasked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many pairs of Parquet are; few stay as they were."""
    file = as_lines(tmp_path / "pairs.jsonl", FRAMES["safe"])
    looks = []
    for many in (ROWS, ROWS - 1):
        monkeypatch.setattr(lines, "MANY", many)
        looks.append(judge(file, POLICY).looks.split(",")[0])

    assert looks == ["after every pair", "at the end of every block of 5 s"]


def test_split_traffic_is_refused_in_blocks(tmp_path: Path) -> None:
    """It is judged request by request, and says so, from either kind of file."""
    at = FRAMES["safe"]["arrived_at"]
    requests = pl.DataFrame({"request_id": ["a", "b"], "arrived_at": at[:2], "arm": "baseline"})
    requests.write_parquet(tmp_path / "split.parquet")
    (tmp_path / "split.jsonl").write_text(requests.cast(pl.String).write_ndjson())

    for name in ("split.parquet", "split.jsonl"):
        with pytest.raises(BadInput, match="requests of split traffic are judged one by one"):
            judge(tmp_path / name, POLICY, blocks=True)


def test_a_stream_that_ended_a_day_before_the_look_passes_nothing() -> None:
    """The writer's time of the look counts, not the last row."""
    frame = FRAMES["safe"]
    look = frame["arrived_at"][-1] + timedelta(days=2)
    stale = {**METADATA, "watermark": look.isoformat()}

    told = judge_stream([frame], POLICY, stale, **expected(frame))

    assert told.verdict == "INCONCLUSIVE"


def test_the_examples_of_the_statistics_are_ones_that_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pasted as they stand, over a folder of files and over the two halves of a day."""
    text = (Path(__file__).parents[2] / "docs/statistics.md").read_text()
    examples = re.findall(r"```python\n(.*?)```", text.split("## Many pairs")[1], re.S)
    frame = FRAMES["safe"]
    (tmp_path / "shadow").mkdir()
    names: dict[str, Any] = {"policy": POLICY, "first_batch": frame[:2_000]}
    names |= {"morning": [frame[:4_000]], "evening": [frame[4_000:]]}
    monkeypatch.chdir(tmp_path)
    Path("policy.toml").write_text(TEXT)
    for begin in (0, 3_000):
        frame[begin : begin + 3_000].write_parquet(f"shadow/{begin}.parquet")

    for example in examples:
        exec(example, names)

    assert names["verdict"].pairs == ROWS
    assert names["table"].n == ROWS


def test_lines_that_change_while_they_are_counted_have_no_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looked up ahead were other rows, even if as many."""
    file = tmp_path / "pairs.jsonl"
    FRAMES["safe"].write_ndjson(file)

    def meanwhile(batches: Iterator[pl.DataFrame], what: str) -> Iterator[pl.DataFrame]:
        FRAMES["harmful"].write_ndjson(file)
        return frames_of(batches, what)

    monkeypatch.setattr(read_blocks, "frames_of", meanwhile)
    with pytest.raises(BadInput, match=r"pairs\.jsonl changed while it was counted"):
        judge(file, POLICY, blocks=True)
