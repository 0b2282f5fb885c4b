"""Parts of Parquet files, and the one pass over each of them that counts its pairs in blocks.

Like `read.py` it opens files. A part is read in batches, so that memory does not grow with it.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.block_plan import UNCHANGED, BlockPlan, plan_of
from analysis.block_table import MOST_SEGMENTS, BlockTable
from analysis.blocks import BATCH
from analysis.columns import IN_FILE, NO_IDS, NO_TIME, REACH, last_ids
from analysis.errors import NO_ROWS, BadInput
from analysis.file_order import overlap, require_apart, spans_of
from analysis.freed import keep_freed_memory
from analysis.metadata import METADATA_KEYS
from analysis.pairs import PAIR_SCHEMA, pairs_from_frame
from analysis.policy import JudgePolicy
from analysis.read import UNREADABLE, agreed_metadata, parquet_files, unreadable
from analysis.row_groups import arrivals, column, footer_digest, opened, with_rows
from analysis.stream import counted_in_turn, head_of, require_pairs

LEAST = BATCH // 2
"""Rows from which on a row group is a batch of its own: putting some together takes time."""
CODED = ("segment", "candidate_outcome")
"""Texts that are read as the codes by which files hold them: few different ones, of many rows."""


@dataclass(frozen=True, slots=True)
class FilePart:
    """Some row groups of a Parquet file, and those ahead of them, of which no id may recur.

    Ahead are those that hold the REACH rows before, also of the files before.
    """

    path: Path
    groups: tuple[int, ...]
    ahead: tuple[tuple[Path, int], ...]


def in_parts(path: Path, rows: int | None = None) -> list[FilePart]:
    """The parts of a file or a folder of files: each whole, or row groups of so many rows each."""
    spans = spans_of(parquet_files(path))
    apart = overlap(spans)
    parts: list[FilePart] = []
    behind: deque[tuple[Path, int, int]] = deque()
    for span in spans:
        if apart:
            behind.clear()
        for own in _cut(opened(span.path), rows):
            ahead = tuple((file, group) for file, group, _ in behind)
            parts.append(FilePart(span.path, tuple(own), ahead))
            behind.extend((span.path, group, size) for group, size in own.items())
            while sum(size for _, _, size in behind) - behind[0][2] >= REACH:
                behind.popleft()
    return parts


def _cut(parquet: pq.ParquetFile, rows: int | None) -> list[dict[int, int]]:
    """Row groups by their number and how many rows they hold, put together to so many or more."""
    parts: list[dict[int, int]] = [{}]
    for group in with_rows(parquet):
        if rows is not None and sum(parts[-1].values()) >= rows:
            parts.append({})
        parts[-1][group] = parquet.metadata.row_group(group).num_rows
    return parts


def plan_for(path: Path, policy: JudgePolicy) -> BlockPlan:
    """The plan of a file or a folder: from its first rows, how many there are, until when.

    Where files hold the same time, all ids are read once more ahead of the count: BadInput where
    one is in two of them.
    """
    files, n = parquet_files(path), policy.reference_pairs + 1
    schema = opened(files[0]).schema_arrow.remove_metadata()
    for file in files:
        own = opened(file).schema_arrow
        require_pairs(own.names)
        if own.remove_metadata() != schema:
            raise BadInput(
                f"{file} has other column types than {files[0]}", "the same schema in every file"
            )
    spans = spans_of(files)
    if not spans:
        raise BadInput(f"{path} has no rows", NO_ROWS)
    about = agreed_metadata(files, [_metadata(file) for file in files])
    heads = [frame for file in files for frame in _head(file, n)]
    head = pl.concat(heads).sort("arrived_at", maintain_order=True).head(n)
    first = pairs_from_frame(head, about, IN_FILE, before=NO_IDS)
    if overlap(spans):
        require_apart(spans)
    rows = sum(opened(file).metadata.num_rows for file in files)
    plan = plan_of(first, policy, rows, max(span.last_us for span in spans))
    return replace(plan, rows=rows, footers={file: footer_digest(file) for file in files})


def table_of(part: FilePart, plan: BlockPlan) -> BlockTable:
    """One pass over a part: every row is checked and counted, none is kept.

    BadInput where the file is not, or is no more, the one that the plan was made for.
    """
    keep_freed_memory()
    group = part.groups[0] + 1

    def where(begin: int) -> str:
        return f"{part.path}, rows from {begin:,} of row group {group} on"

    table = counted_in_turn(_batches(part), plan, where, str(part.path), *_before(part))
    if footer_digest(part.path) != plan.footers[part.path]:
        raise BadInput(f"{part.path} is another file than the plan was made for", UNCHANGED)
    return table


def _batches(part: FilePart) -> Iterator[pl.DataFrame]:
    about = opened(part.path).metadata
    columns = about.schema.to_arrow_schema().names
    names = [name for name in PAIR_SCHEMA if name in columns]
    leaves = {about.schema.column(leaf).path for leaf in range(about.num_columns)}
    coded = [name for name in CODED if name in leaves]
    try:
        parquet = pq.ParquetFile(part.path, metadata=about, read_dictionary=coded, pre_buffer=False)
        pieces: list[pa.RecordBatch] = []
        for group in part.groups:
            # Row groups have codes of their own, so that a batch of several is put together.
            for piece in parquet.iter_batches(BATCH, row_groups=[group], columns=names):
                pieces.append(piece)
                if sum(one.num_rows for one in pieces) >= LEAST:
                    yield _frame(pieces)
                    pieces = []
        if any(one.num_rows for one in pieces):
            yield _frame(pieces)
    except (pa.ArrowException, *UNREADABLE) as error:
        raise unreadable(part.path, error) from error


def _frame(pieces: list[pa.RecordBatch]) -> pl.DataFrame:
    table = pa.Table.from_batches(pieces)
    if len(pieces) > 1:
        table = table.unify_dictionaries().combine_chunks()
    return pl.DataFrame(
        [
            _series(column.chunk(0), name)
            for name, column in zip(table.column_names, table.columns, strict=True)
        ]
    )


def _series(column: pa.Array, name: str) -> pl.Series:
    """Few texts as codes, so that no row is looked up; more of them as texts."""
    if name not in CODED or not pa.types.is_dictionary(column.type):
        return pl.Series(name, pl.from_arrow(column))
    few = len(column.dictionary) <= MOST_SEGMENTS
    names = column.dictionary.to_pylist() if few else []
    texts = all(isinstance(one, str) for one in names) and len(set(names)) == len(names)
    if not (few and texts):
        return pl.Series(name, pl.from_arrow(column.dictionary_decode()))
    codes = pl.Series(name, pl.from_arrow(column.indices))
    if codes.null_count():
        return codes.cat.to(pl.Enum(names))
    # As wide as the codes of an Enum: made narrow by polars they take twice the time.
    width = np.uint8 if len(names) <= np.iinfo(np.uint8).max else np.uint16
    # By polars: to make an array, pyarrow imports pandas.
    return pl.Series(name, codes.to_numpy().astype(width)).cat.to(pl.Enum(names))


def _before(part: FilePart) -> tuple[int, pl.Series]:
    """When the row ahead of a part arrived, and the last ids; none at the beginning."""
    last_us, ids = NO_TIME, NO_IDS
    for file, ahead in groupby(part.ahead, key=lambda one: one[0]):
        parquet, groups = opened(file), [group for _, group in ahead]
        last_us = int(arrivals(parquet, groups[-1])[-1])
        ids = last_ids(ids, column(parquet, groups, "request_id"))
    return last_us, ids


def _head(file: Path, n: int) -> list[pl.DataFrame]:
    """The first rows of a file, at least so many if it has them."""
    whole = FilePart(file, tuple(with_rows(opened(file))), ())
    head = []
    for frame in head_of(_batches(whole), n):
        # Codes of different files, or batches, cannot be put together.
        coded = [name for name, kind in frame.schema.items() if kind == pl.Enum]
        head.append(frame.head(n).cast(dict.fromkeys(coded, pl.String)))
    return head


def _metadata(file: Path) -> Mapping[str, object]:
    raw = opened(file).metadata.metadata or {}
    told = {key: raw[key.encode()] for key in METADATA_KEYS if key.encode() in raw}
    try:
        return {key: value.decode() for key, value in told.items()}
    except UnicodeDecodeError as error:
        raise unreadable(file, error) from error
