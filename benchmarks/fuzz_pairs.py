"""Pair files near enough to valid ones to get far: as JSON lines and as Parquet."""

import copy
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
from hypothesis import strategies as st

from benchmarks.fuzz_cases import Case
from benchmarks.fuzz_words import ANYTHING, DEEP, HUGE, LONG, broken, json_of

BEGIN = datetime(2026, 1, 5, 12, tzinfo=UTC)
ROWS = 12
META = {
    "component": "price",
    "region": "local",
    "baseline_revision": "v1.0.0",
    "candidate_revision": "v2.0.0",
    "schema_version": "1",
}
TIMES = ("arrived_at", "labelled_at")
NUMBERS = ("baseline_latency_ms", "candidate_latency_ms")
STATUSES = ("baseline_status", "candidate_status")
ANSWERS = ("baseline_prediction", "candidate_prediction", "label")
NAN, INF = float("nan"), float("inf")
# What a column can have in no row.
WRONG: dict[str, tuple[Any, ...]] = {
    "request_id": (None, "r-0", "r-3"),
    "arrived_at": (None, "noon", "2001-01-01T00:00:00Z", "2026-13-01T00:00:00Z", ""),
    "labelled_at": ("noon", "2001-01-01T00:00:00Z", "2026-02-30T00:00:00Z", ""),
    "candidate_outcome": (None, "", "lost", "ANSWERED", LONG),
    **dict.fromkeys(STATUSES, (0, -1, 99, 600, 200.5, 2**40, 1e300)),
    **dict.fromkeys(NUMBERS, (-1.0, -1e-9, -1e308)),
}
# What a whole column cannot be.
NO_COLUMNS: dict[str, tuple[Any, ...]] = {
    "request_id": (3, 1.5, True, [1], {"a": 1}),
    "segment": (3, 1.5, True, [1], {"a": 1}),
    "candidate_outcome": (3, 1.5, True, [1], {"a": 1}),
    **dict.fromkeys(TIMES, (1.5, True, [1], {"a": 1})),
    **dict.fromkeys((*STATUSES, *NUMBERS), ("200", True, [1], {"a": 1})),
    **dict.fromkeys(ANSWERS, ([1], {"a": 1})),
}
NO_META: dict[str, tuple[Any, ...]] = {
    "schema_version": ("2", 2, "one", [1], {"a": 1}),
    "mirror_fraction": (-1, 1.5, "half", "nan", [1], {"a": 1}, True),
    "watermark": ("noon", "2001-01-01T00:00:00Z", 3, [1], {"a": 1}, "2026-13-01"),
    **dict.fromkeys(
        ("left_out", "requests", "orphans"), (-1, 1.5, "many", "9" * 9_000, HUGE, [1], True)
    ),
    **dict.fromkeys(("component", "region", "baseline_revision"), ([1], {"a": 1}, 3, True)),
}


def rows(count: int = ROWS) -> list[dict[str, Any]]:
    """Healthy pairs."""
    return [_row(number) for number in range(count)]


def _row(number: int) -> dict[str, Any]:
    at = BEGIN + timedelta(seconds=number)
    return {
        "request_id": f"r-{number}",
        "arrived_at": at.isoformat(),
        "segment": "spot" if number % 2 else None,
        "baseline_status": 200,
        "candidate_status": 200,
        "baseline_latency_ms": 5.0 + number,
        "candidate_latency_ms": 6.0 + number,
        "baseline_prediction": 1.0,
        "candidate_prediction": 1.1,
        "candidate_outcome": "answered",
        "label": 1.05,
        "labelled_at": (at + timedelta(seconds=1)).isoformat(),
    }


@st.composite
def wrong_rows(draw: st.DrawFn) -> tuple[list[dict[str, Any]], str]:
    """Pairs of which one cell, one column or the order is wrong."""
    table = rows()
    row = draw(st.integers(4, ROWS - 1))
    way = draw(st.integers(0, 5))
    if way == 0:
        column = draw(st.sampled_from([c for c in table[0] if c != "candidate_outcome"]))
        return [{k: v for k, v in r.items() if k != column} for r in table], f"no {column}"
    if way == 1:
        column = draw(st.sampled_from(sorted(NO_COLUMNS)))
        value = draw(st.sampled_from(NO_COLUMNS[column]))
        return [{**r, column: copy.copy(value)} for r in table], f"{column}: all {value!r}"
    if way == 2:
        table.insert(draw(st.integers(0, 2)), table.pop())
        return table, "reversed times"
    if way == 3:
        return [*table, {**table[-1]}], "a row twice"
    column = draw(st.sampled_from(sorted(WRONG)))
    value = draw(st.sampled_from(WRONG[column]))
    table[row][column] = value
    return table, f"{column}, row {row}: {str(value)[:20]!r}"


@st.composite
def wrong_meta(draw: st.DrawFn) -> tuple[dict[str, Any], str]:
    """Metadata that says something impossible."""
    key = draw(st.sampled_from(sorted(NO_META)))
    value = draw(st.sampled_from(NO_META[key]))
    return {**META, key: value}, f"metadata {key} = {str(value)[:20]!r}"


def jsonl(meta: dict[str, Any] | None, table: list[dict[str, Any]]) -> bytes:
    """JSON lines; the first is the metadata."""
    lines = [*([json_of(meta)] if meta is not None else []), *(json_of(row) for row in table)]
    return ("\n".join(lines) + "\n").encode("utf-8")


def parquet(table: list[dict[str, Any]]) -> bytes:
    """The same as Parquet, times as timestamps where they can be."""
    frame = pl.DataFrame(table, infer_schema_length=None, strict=False)
    for name in TIMES:
        if name in frame.columns and frame[name].dtype == pl.String:
            told = frame[name].str.to_datetime(
                "%Y-%m-%dT%H:%M:%S%#z", time_unit="us", time_zone="UTC", strict=False
            )
            if told.null_count() == frame[name].null_count():
                frame = frame.with_columns(told.alias(name))
    buffer = io.BytesIO()
    frame.write_parquet(buffer, metadata=META)
    return buffer.getvalue()


GOOD_JSONL = jsonl(META, rows())
GOOD_PARQUET = parquet(rows())
NO_TABLES = (
    *(b"", b"\n\n", b"[]", b"3\n", b"null\n", b"PAR1", b"PAR1PAR1", b"\x89PNG\r\n", b"[" * 9_999),
    *(b'{"request_id": ', b'{"request_id": NaN}\n', b"{}\n{}\n", b"\xff\xfe{\0}\0", b"{}"),
    b'{"request_id":' * DEEP,
    GOOD_PARQUET[:-4],
    GOOD_PARQUET[4:],
    b'{"a": 1, "a": 2}\n',
)


@st.composite
def odd_rows(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Pairs with any value in any cell: whether they can be judged is for the judge to say."""
    table = rows()
    for _ in range(draw(st.integers(1, 3))):
        row, column = draw(st.integers(0, ROWS - 1)), draw(st.sampled_from(sorted(table[0])))
        table[row][column] = draw(st.sampled_from((*ANYTHING, "0001-01-01T00:00:00Z", "\ud800")))
    return table


@st.composite
def pair_files(draw: st.DrawFn) -> Case:
    """A pair file for `judge`, with and without a policy and a report."""
    nonsense: str | None
    way, name = draw(st.integers(0, 9)), "given.jsonl"
    if way < 3:
        table, why = draw(wrong_rows())
        content, nonsense = jsonl(draw(st.sampled_from((META, None))), table), f"pairs: {why}"
    elif way < 5:
        table, why = draw(wrong_rows())
        typed = all(
            len({type(v) for v in (r[c] for r in table if c in r) if v is not None}) < 2
            for c in table[0]
        )
        content, nonsense = (parquet(table), f"pairs: {why}") if typed else (b"", "empty")
        name = "given.parquet"
    elif way == 5:
        meta, why = draw(wrong_meta())
        content, nonsense = jsonl(meta, rows()), f"pairs: {why}"
    elif way == 6:
        content = draw(st.sampled_from(NO_TABLES))
        nonsense, name = f"pairs: {content[:20]!r}", draw(st.sampled_from((name, "given.parquet")))
    elif way == 7:
        content, nonsense = draw(broken(GOOD_JSONL)), None
    elif way == 8:
        content, nonsense, name = draw(broken(GOOD_PARQUET)), None, "given.parquet"
    else:
        content, nonsense = jsonl(META, draw(odd_rows())), None
    rest: tuple[str, ...] = draw(
        st.sampled_from(((), ("--policy", "home/policy.toml"), ("--report", "out.html")))
    )
    return Case(("judge", name, *rest), {name: content}, nonsense, as_json=draw(st.booleans()))
