"""What cannot be judged is refused with the place and the remedy; what can be is read alike."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from pair_tables import METADATA, TIMESTAMP, pairs, policy, write

from analysis import PAIR_SCHEMA, BadInput, in_blocks, judge, judge_stream, read_pairs
from analysis.columns import IN_FILE, statuses
from analysis.pairs import ANSWERS

SMALL = pairs(40)


def put(column: str, row: int, value: object) -> pl.DataFrame:
    """The small table with one cell changed."""
    values = SMALL[column].to_list()
    values[row] = value
    return SMALL.with_columns(pl.Series(column, values, strict=False))


BAD = {
    "zero rows": (SMALL.head(0), "no rows"),
    "duplicate id": (put("request_id", 7, "request-1-3"), "request_id, row 8"),
    "null id": (put("request_id", 7, None), "request_id, row 8"),
    "ids are numbers": (SMALL.with_columns(request_id=pl.int_range(40)), "request_id: type"),
    "arrival missing": (put("arrived_at", 2, None), "arrived_at, row 3"),
    "arrival is a number": (SMALL.with_columns(arrived_at=pl.lit(1.5)), "arrived_at: type"),
    "rows out of order": (SMALL.reverse(), "arrived_at, row 2"),
    "label before request": (
        SMALL.with_columns(labelled_at=pl.col("arrived_at").dt.offset_by("-1s")),
        "labelled_at, row 1",
    ),
    "status 99": (put("baseline_status", 4, 99), "baseline_status, row 5"),
    "status 600": (put("candidate_status", 4, 600), "candidate_status, row 5"),
    "status 200.5": (put("candidate_status", 4, 200.5), "candidate_status, row 5: not a whole"),
    "status NaN": (put("candidate_status", 4, float("nan")), "candidate_status, row 5: NaN"),
    "status is text": (
        SMALL.with_columns(candidate_status=pl.lit("200")),
        "candidate_status: type",
    ),
    "answered without status": (put("candidate_status", 4, None), "candidate_status, row 5: null"),
    "latency negative": (put("baseline_latency_ms", 0, -1.0), "baseline_latency_ms, row 1"),
    "latency infinite": (put("candidate_latency_ms", 0, float("inf")), "row 1: infinite"),
    "latency NaN": (put("candidate_latency_ms", 0, float("nan")), "row 1: NaN"),
    "latency is text": (SMALL.with_columns(baseline_latency_ms=pl.lit("9 ms")), "type String"),
    "prediction NaN": (put("candidate_prediction", 3, float("nan")), "row 4: NaN"),
    "label NaN": (put("label", 3, float("nan")), "row 4: NaN"),
    "label text, prediction number": (SMALL.with_columns(label=pl.lit("up")), "differ in type"),
    "unknown outcome": (put("candidate_outcome", 3, "lost"), "candidate_outcome, row 4"),
    "outcome null": (put("candidate_outcome", 3, None), "candidate_outcome, row 4"),
    "segment is a number": (SMALL.with_columns(segment=pl.lit(3)), "segment: type"),
}


@pytest.mark.parametrize(("frame", "said"), BAD.values(), ids=BAD.keys())
def test_a_bad_file_is_refused_at_its_first_bad_row(
    tmp_path: Path, frame: pl.DataFrame, said: str
) -> None:
    """The message names the column and the row, the hint what would be right."""
    with pytest.raises(BadInput) as refused:
        judge(write(tmp_path / "pairs.parquet", frame), policy())

    assert said in refused.value.message
    assert refused.value.hint


@pytest.mark.parametrize("kind", [pl.Int8, pl.UInt16, pl.Int64, pl.Float64], ids=str)
def test_a_status_is_a_whole_number_of_any_type(kind: type[pl.DataType]) -> None:
    """Of those that a file of Parquet may hold."""
    read = statuses(pl.Series("candidate_status", [100, 101], dtype=kind), IN_FILE)
    assert read.tolist() == [100, 101]


@pytest.mark.parametrize("column", [name for name in PAIR_SCHEMA if name != "candidate_outcome"])
def test_every_column_but_the_outcome_is_needed(tmp_path: Path, column: str) -> None:
    """A missing column is named."""
    with pytest.raises(BadInput, match=f"missing column: {column}"):
        read_pairs(write(tmp_path / "pairs.parquet", SMALL.drop(column)))


BAD_METADATA = {
    "schema": ({"schema_version": "2"}, "schema_version"),
    "orphans": ({"orphans": "-3"}, "orphans"),
    "fraction": ({"mirror_fraction": "1.5"}, "mirror_fraction"),
    "watermark": ({"watermark": "noon"}, "watermark"),
    "watermark before the rows": ({"watermark": "2001-01-01T00:00:00Z"}, "earlier than the last"),
}


@pytest.mark.parametrize(("metadata", "said"), BAD_METADATA.values(), ids=BAD_METADATA.keys())
def test_bad_metadata_is_refused(tmp_path: Path, metadata: dict[str, str], said: str) -> None:
    """Metadata that contradicts the table or this code is an error."""
    with pytest.raises(BadInput, match=said):
        read_pairs(write(tmp_path / "pairs.parquet", SMALL, **metadata))


UNREADABLE = {
    "no such file": ("none.parquet", None, "does not exist"),
    "no such lines": ("none.jsonl", None, "none.jsonl does not exist"),
    "no Parquet": ("pairs.parquet", b"PAR1 and then nothing", "cannot be read as Parquet"),
    "empty file": ("pairs.parquet", b"", "cannot be read as Parquet"),
    "empty JSONL": ("pairs.jsonl", b"", "no rows"),
    "half a line": ("pairs.jsonl", b'{"request_id": "a"}\n{"request_id": ', "line 2"),
    "NaN in JSONL": ("pairs.jsonl", b'{"request_id": "a"}\n{"label": NaN}\n', "line 2: NaN"),
    "a list": ("pairs.jsonl", b"[1, 2]\n", "line 1: not an object"),
    "a list behind a blank": (
        "pairs.jsonl",
        b'{"label": 1.0}\n\n[1, 2]\n',
        "line 3: not an object",
    ),
    "a byte-order mark": ("pairs.jsonl", b'\xef\xbb\xbf{"label": 1.0}\n', "byte-order mark"),
}


@pytest.mark.parametrize("blocks", [False, True], ids=["pair by pair", "in blocks"])
@pytest.mark.parametrize(("name", "content", "said"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_an_unreadable_file_is_refused(
    tmp_path: Path, name: str, content: bytes | None, said: str, blocks: bool
) -> None:
    """A file that is no table says why, in the same words whichever way it is read."""
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(BadInput, match=said):
        judge(path, policy(), blocks=blocks)


def test_something_else_is_refused() -> None:
    """Only frames and paths are pairs."""
    with pytest.raises(BadInput, match="cannot judge a list"):
        read_pairs([1, 2])  # type: ignore[arg-type]


def test_nan_in_a_frame_is_null() -> None:
    """A notebook's NaN is a missing value, not an error."""
    frame = put("candidate_latency_ms", 0, float("nan"))
    null = put("candidate_latency_ms", 0, None)

    assert read_pairs(frame).digest == read_pairs(null).digest


def test_a_frame_is_put_into_order_of_arrival() -> None:
    """A notebook may have sorted its frame by anything."""
    assert read_pairs(SMALL.reverse()).digest == read_pairs(SMALL).digest


def test_whole_floats_are_statuses() -> None:
    """Pandas turns integers with a null into floats."""
    frame = SMALL.with_columns(pl.col("baseline_status", "candidate_status").cast(pl.Float64))

    assert read_pairs(frame).digest == read_pairs(SMALL).digest


def test_without_outcomes_a_null_status_means_never_sent() -> None:
    """The outcome column may be absent."""
    frame = put("candidate_status", 4, None).drop("candidate_outcome")

    assert [2 if row == 4 else 0 for row in range(40)] == read_pairs(frame).outcome.tolist()


def _jsonl(frame: pl.DataFrame, head: dict[str, str] | None) -> str:
    rows = frame.with_columns(pl.col("arrived_at", "labelled_at").dt.strftime("%+")).to_dicts()
    return "\n".join(json.dumps(row) for row in ([head] if head else []) + rows)


@pytest.mark.parametrize("head", [METADATA, None], ids=["with metadata", "without"])
def test_jsonl_and_parquet_say_the_same(tmp_path: Path, head: dict[str, str] | None) -> None:
    """The digest is of what a table says, not of its format."""
    lines = tmp_path / "pairs.jsonl"
    lines.write_text(_jsonl(SMALL, head))
    parquet = tmp_path / "pairs.parquet"
    SMALL.write_parquet(parquet, metadata=head)

    assert read_pairs(lines).digest == read_pairs(parquet).digest
    assert (read_pairs(lines).metadata.revisions is None) == (head is None)


def test_pandas_and_polars_say_the_same() -> None:
    """Either frame gives the same table."""
    assert read_pairs(SMALL.to_pandas()).digest == read_pairs(SMALL).digest


@pytest.mark.parametrize("name", ["segment", "request_id", "candidate_outcome", "label"])
@pytest.mark.parametrize("kind", ["Enum", "Categorical"])
def test_texts_as_codes_say_the_same(name: str, kind: str, tmp_path: Path) -> None:
    """By every way in, as a column of them is another way to write the same texts."""
    words = {key: pl.col(key).round(0).cast(pl.String) for key in ANSWERS}
    plain = pairs(300).with_columns(**words)
    wanted = pl.Categorical() if kind == "Categorical" else pl.Enum(plain[name].unique().sort())
    coded = plain.with_columns(pl.col(name).cast(wanted))
    file = write(tmp_path / "coded.parquet", coded)

    assert read_pairs(coded).digest == read_pairs(plain).digest
    assert read_pairs(coded.to_pandas()).digest == read_pairs(plain).digest
    assert read_pairs(file).digest == read_pairs(write(tmp_path / "a.parquet", plain)).digest
    stream = judge_stream([plain[:90], plain[90:]], policy(), rows=300, seconds=1)
    for told in (
        judge_stream([coded[:90], coded[90:]], policy(), rows=300, seconds=1),
        judge(file, policy(), blocks=True),
    ):
        assert told.findings[0].reason == stream.findings[0].reason
        assert told.finding("disagreement").reason == stream.finding("disagreement").reason


@pytest.mark.parametrize("name", ["candidate_status", "candidate_latency_ms", "label"])
def test_numbers_wider_than_those_of_parquet_are_refused(name: str) -> None:
    """As they are where the same table is read from a file."""
    with pytest.raises(BadInput, match="type Int128"):
        read_pairs(SMALL.with_columns(pl.col(name).cast(pl.Int128)))


@pytest.mark.parametrize("name", ["candidate_status", "candidate_latency_ms", "label"])
def test_a_very_large_whole_number_names_its_row(name: str) -> None:
    """JSON lines with one make a column of 128 bits, which is refused for that number."""
    one = pl.Series(name, [2**100 if row == 4 else 200 for row in range(40)], dtype=pl.Int128)
    wide = SMALL.with_columns(one)
    with pytest.raises(BadInput, match=f"column {name}, row 5: a whole number of more than 64"):
        read_pairs(wide)


MIXED = {
    "label": "x",
    "baseline_latency_ms": "fast",
    "candidate_status": object(),
    "request_id": 7,
}


@pytest.mark.parametrize(("name", "value"), MIXED.items(), ids=MIXED.keys())
def test_a_frame_of_pandas_that_cannot_be_read_names_the_column(name: str, value: object) -> None:
    """Whatever objects it holds."""
    frame = SMALL.to_pandas()
    frame[name] = frame[name].astype(object)
    frame.loc[3, name] = value

    with pytest.raises(BadInput, match=f"column {name}"):
        read_pairs(frame)


def test_columns_of_pandas_that_are_none_of_ours_are_not_read() -> None:
    """Whatever they hold; and no label at all is null there, too."""
    frame = SMALL.to_pandas()
    frame["note"], frame["wave"], frame[0] = [[object()] * 40, 1 + 2j, 1]
    frame["label"], frame["labelled_at"] = None, None
    bare = SMALL.with_columns(label=pl.lit(None), labelled_at=pl.lit(None))

    assert read_pairs(frame).digest == read_pairs(bare).digest


def test_other_things_of_pandas_are_no_record() -> None:
    """A column alone, and columns that are there twice."""
    frame = SMALL.to_pandas()
    with pytest.raises(BadInput, match="cannot judge a Series of pandas"):
        read_pairs(frame["label"])
    with pytest.raises(BadInput, match="column label is there twice"):
        read_pairs(frame.assign(again=frame["label"]).rename(columns={"again": "label"}))


def test_a_folder_is_one_table(tmp_path: Path) -> None:
    """Files of a folder are merged by arrival, their counts added."""
    write(tmp_path / "a.parquet", SMALL[::2], orphans="2")
    write(tmp_path / "b.parquet", SMALL[1::2], orphans="3")

    together = read_pairs(tmp_path)

    assert together.metadata.orphans == 5
    assert together.arrived_us.tolist() == read_pairs(SMALL).arrived_us.tolist()


def test_a_folder_of_two_shadows_is_refused(tmp_path: Path) -> None:
    """Pairs of different revisions are never pooled."""
    write(tmp_path / "a.parquet", SMALL[::2])
    write(tmp_path / "b.parquet", SMALL[1::2], candidate_revision="v9")

    with pytest.raises(BadInput, match="disagree on candidate_revision"):
        read_pairs(tmp_path)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    """A folder without Parquet files is no table."""
    with pytest.raises(BadInput, match="no Parquet file"):
        read_pairs(tmp_path)


def test_the_digest_changes_with_any_value() -> None:
    """One changed cell is another table."""
    cells = [("label", 1.0), ("segment", None), ("candidate_status", 404), ("request_id", "x")]

    digests = {read_pairs(put(column, 5, value)).digest for column, value in cells}

    assert len(digests | {read_pairs(SMALL).digest}) == 5


def test_times_without_an_offset_are_utc() -> None:
    """A naive timestamp and the same time in UTC are one."""
    naive = SMALL.with_columns(pl.col("arrived_at", "labelled_at").dt.replace_time_zone(None))
    texts = SMALL.with_columns(
        pl.col("arrived_at", "labelled_at").dt.strftime("%Y-%m-%dT%H:%M:%S%.6f")
    )

    assert read_pairs(naive).digest == read_pairs(SMALL).digest == read_pairs(texts).digest


def test_text_predictions_are_equal_where_the_texts_are() -> None:
    """Texts become codes, null stays null."""
    frame = SMALL.with_columns(
        baseline_prediction=pl.lit("up"),
        candidate_prediction=pl.lit("down"),
        label=pl.when(pl.int_range(40) == 3).then(None).otherwise(pl.lit("up")),
    )

    table = read_pairs(frame)

    assert not table.numbers
    assert (table.baseline_prediction == table.label).sum() == 39
    assert np.isnan(table.label[3])
    assert SMALL.schema["arrived_at"] == TIMESTAMP


def test_an_empty_file_keeps_no_folder_from_being_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How many pairs there are is what all files hold together."""
    monkeypatch.setattr("analysis.read.MANY", 1_000)
    frame = pairs(700)
    for hour, part in enumerate((frame, frame.clear(), frame)):
        part.write_parquet(tmp_path / f"{hour}.parquet")

    assert in_blocks(tmp_path)
    assert not in_blocks(tmp_path / "0.parquet")
