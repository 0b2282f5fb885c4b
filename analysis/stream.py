"""A record that comes in batches: one ordered pass that checks and counts each row, and keeps none.

The plan is made from the first rows, and from how many are expected in which time, before any pair
is counted: so that no look depends on what it sees.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from math import isfinite
from numbers import Integral, Real
from typing import TYPE_CHECKING, TypeAlias

import polars as pl

from analysis.block_counts import counted_in_blocks
from analysis.block_plan import BlockPlan, plan_of
from analysis.block_table import BlockTable, union
from analysis.blocks import BATCH
from analysis.columns import IN_FILE, NO_IDS, NO_TIME, last_ids
from analysis.errors import NO_ROWS, BadInput
from analysis.late import SECOND_US
from analysis.lines import first_line
from analysis.pairs import ANSWERS, PAIR_SCHEMA, Pairs, check_names, pairs_from_frame
from analysis.policy import JudgePolicy
from analysis.requests import is_split

if TYPE_CHECKING:
    import pyarrow as pa

Batch: TypeAlias = "pl.DataFrame | pa.RecordBatch | pa.Table"

STREAM = "the stream"
TABLES = ("RecordBatch", "Table")
ONE_SCHEMA = "the same columns, each of one type, in every batch"
TOGETHER = 64
"""Batches that are counted before their tables are added up."""


def plan_stream(
    head: Iterable[Batch],
    policy: JudgePolicy,
    metadata: Mapping[str, object] | None = None,
    *,
    rows: int,
    seconds: float,
) -> BlockPlan:
    """What is counted, from the first rows and from how many are expected in how many seconds.

    `head` holds the first `reference_pairs` + 1 rows or more, or as many as are expected. These
    set the length of a block alone: where more comes, or later, the verdict holds as well.
    """
    frames = list(frames_of(head, STREAM))
    held, wanted = sum(map(len, frames)), min(rows, policy.reference_pairs + 1)
    if frames and held < wanted:
        raise BadInput(
            f"the plan of a stream is made from its first {wanted:,} rows, and {held:,} are there",
            "as many rows as the policy's reference_pairs, and one more",
        )
    return plan_of_first(frames, policy, metadata, rows=rows, seconds=seconds)


def plan_of_first(
    frames: list[pl.DataFrame],
    policy: JudgePolicy,
    metadata: Mapping[str, object] | None,
    *,
    rows: int,
    seconds: float,
) -> BlockPlan:
    """The same where the stream may have ended before."""
    told: tuple[tuple[str, object, type], ...] = (
        ("rows", rows, Integral),
        ("seconds", seconds, Real),
    )
    for name, value, kind in told:
        if isinstance(value, bool) or not isinstance(value, kind):
            raise BadInput(f"{name} is {value!r}", "whole rows, in a number of seconds")
    if rows < 1 or not (isfinite(seconds) and seconds >= 0):
        raise BadInput(
            f"{rows} rows in {seconds} s are expected", "1 row or more, in 0 seconds or more"
        )
    first = first_pairs(frames, policy, STREAM, metadata or {})
    end_us = int(first.arrived_us[0]) + round(seconds * SECOND_US)
    return plan_of(first, policy, rows, end_us)


def first_pairs(
    head: list[pl.DataFrame], policy: JudgePolicy, what: str, metadata: Mapping[str, object]
) -> Pairs:
    """As many of the first rows as a plan is made from."""
    if not head:
        raise BadInput(f"{what} has no rows", NO_ROWS)
    # Where nothing is known yet a column has no type, and whole numbers go with others.
    rows = pl.concat(head, how="vertical_relaxed").head(policy.reference_pairs + 1)
    return _checked(rows, NO_IDS, f"{what}, first rows", metadata)


def table_of_stream(batches: Iterable[Batch], plan: BlockPlan) -> BlockTable:
    """Batches in order of arrival, counted: what came before a stop and after it add up with `+`.

    Rows that are in both are counted twice, which a table does not tell: it holds no ids.
    Raises BadInput for rows that cannot be judged, that go back in time, or of other types than
    those of the batches before.
    """
    return counted_in_turn(frames_of(batches, STREAM), plan, of_rows(STREAM), STREAM)


def of_rows(what: str) -> Callable[[int], str]:
    """How an error tells from which row on."""
    return lambda begin: f"{what}, rows from {begin:,} on"


def counted_in_turn(
    frames: Iterable[pl.DataFrame],
    plan: BlockPlan,
    where: Callable[[int], str],
    what: str,
    last_us: int = NO_TIME,
    ids: pl.Series = NO_IDS,
) -> BlockTable:
    """The table of frames that follow each other, and a row that came at `last_us` after `ids`.

    `where` says from which row on, and `what` of which record, an error tells.
    """
    tables: list[BlockTable] = []
    begin = 1
    for frame in frames:
        pairs = _checked(frame, ids, where(begin), {})
        if int(pairs.arrived_us[0]) < last_us:
            raise BadInput(
                f"{where(begin)}: arrived_at is earlier than in the row before",
                "rows in order of arrival",
            )
        tables.append(counted_in_blocks(pairs, plan))
        begin, last_us = begin + len(frame), int(pairs.arrived_us[-1])
        ids = last_ids(ids, frame["request_id"])
        if len(tables) == TOGETHER:
            tables = [union(tables)]
    if not tables:
        raise BadInput(f"{what} has no rows", NO_ROWS)
    return union(tables)


def frames_of(batches: Iterable[Batch], what: str) -> Iterator[pl.DataFrame]:
    """Batches with rows, as frames of our columns, none too large, all of the same types."""
    names: list[str] = []
    known: dict[str, str] = {}
    for number, batch in enumerate(batches, start=1):
        where = f"{what}, batch {number:,}"
        frame = _as_frame(batch, where)
        present = [name for name in PAIR_SCHEMA if name in frame.columns]
        names = names or present
        if present != names:
            odd = ", ".join(sorted(set(present) ^ set(names)))
            raise BadInput(f"{where}: {odd} is in some batches and not in all", ONE_SCHEMA)
        for name in names:
            _require_same(name, frame.schema[name], known, where)
        yield from frame.select(names).iter_slices(BATCH)


def head_of(frames: Iterator[pl.DataFrame], rows: int) -> list[pl.DataFrame]:
    """The first frames, until they hold so many rows; all if there are fewer."""
    head: list[pl.DataFrame] = []
    while sum(map(len, head)) < rows and (frame := next(frames, None)) is not None:
        head.append(frame)
    return head


def require_pairs(names: Iterable[str]) -> None:
    """Every column of paired answers is there; BadInput says what it is otherwise."""
    present = list(names)
    if is_split(present):
        raise BadInput(
            "the rows name an arm: requests of split traffic are judged one by one",
            "only pairs, which hold the answers of both sides, are counted in blocks",
        )
    check_names(present)
    twice = [name for name in PAIR_SCHEMA if present.count(name) > 1]
    if twice:
        raise BadInput(f"column {twice[0]} is there twice", "each column once")


def _as_frame(batch: Batch, where: str) -> pl.DataFrame:
    if not isinstance(batch, pl.DataFrame):
        kind = type(batch)
        if kind.__module__.split(".")[0] != "pyarrow" or kind.__name__ not in TABLES:
            raise BadInput(
                f"{where} is a {kind.__name__}",
                "an iterable of DataFrames of polars, or RecordBatches or Tables of pyarrow",
            )
        batch = _from_arrow(batch, where)
    require_pairs(batch.columns)
    coded = [name for name, kind in batch.schema.items() if kind in (pl.Categorical, pl.Enum)]
    # Codes of different batches cannot be put together.
    return batch.cast(dict.fromkeys(coded, pl.String))


def _from_arrow(batch: "pa.RecordBatch | pa.Table", where: str) -> pl.DataFrame:
    """Our columns alone: others may be of types that polars does not know."""
    names = batch.schema.names
    require_pairs(names)
    try:
        ours = batch.select([name for name in PAIR_SCHEMA if name in names])
        # What a writer says of its batches need not be text, which polars takes it for.
        read = pl.from_arrow(ours.replace_schema_metadata(None))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise BadInput(f"{where} cannot be read: {first_line(error)}", ONE_SCHEMA) from error
    return pl.DataFrame(read)


def _require_same(name: str, dtype: pl.DataType, known: dict[str, str], where: str) -> None:
    """The type of a column is what was known of it, and of all answers; what is new is noted."""
    kind = _kind(dtype)
    if kind and kind != known.setdefault(name, kind):
        raise BadInput(f"{where}: {name} is {kind}, and was {known[name]}", ONE_SCHEMA)
    if kind and name in ANSWERS:
        told = "text" if dtype == pl.String else "a number"
        if told != known.setdefault("answers", told):
            raise BadInput(
                f"{where}: {name} is {told}, and other answers are {known['answers']}",
                "predictions and labels of one type, in every batch",
            )


def _kind(dtype: pl.DataType) -> str:
    """What must not change between batches; empty where nothing is known."""
    if dtype == pl.Null:
        return ""
    return "a number" if dtype.is_numeric() else str(dtype)


def _checked(
    frame: pl.DataFrame, tail: pl.Series, where: str, metadata: Mapping[str, object]
) -> Pairs:
    """Rows are numbered within a batch, so that an error says where that begins."""
    try:
        return pairs_from_frame(frame, metadata, IN_FILE, before=tail)
    except BadInput as error:
        raise BadInput(f"{where}: {error.message}", error.hint) from error
