"""A whole table at once, from a frame, a Parquet or JSONL file or a folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import polars as pl

from analysis.blocks import MANY
from analysis.columns import IN_FILE, IN_FRAME, Strictness
from analysis.errors import NO_ROWS, BadInput, missing
from analysis.freed import keep_freed_memory
from analysis.lines import SUFFIXES, first_line, more_than_many, whole_file
from analysis.metadata import COUNT_KEYS, METADATA_KEYS
from analysis.pairs import PAIR_SCHEMA, Pairs, check_names, pairs_from_frame
from analysis.read_frame import frame_from_pandas
from analysis.requests import REQUEST_SCHEMA, Requests, is_split, requests_from_frame

if TYPE_CHECKING:
    import pandas as pd

Source: TypeAlias = "Pairs | Requests | pl.DataFrame | pd.DataFrame | Path | str"

UNREADABLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)
KINDS = "pairs are a Parquet file, a .jsonl file or a folder of Parquet files"


def read_pairs(source: Source, metadata: Mapping[str, object] | None = None) -> Pairs:
    """Pairs from a frame, a Parquet file, a JSONL file or a folder of Parquet files.

    `metadata` goes with a frame, which cannot carry its own. A file without rows is bad input.
    """
    read = read_record(source, metadata)
    if isinstance(read, Requests):
        raise BadInput(
            "the rows name an arm, so that they are requests of split traffic and no pairs",
            "pairs hold the answers of both sides to each request",
        )
    return read


def read_record(source: Source, metadata: Mapping[str, object] | None = None) -> Pairs | Requests:
    """Pairs, or requests of split traffic where the rows name an arm."""
    if isinstance(source, (Pairs, Requests)):
        return source
    if isinstance(source, (str, Path)):
        keep_freed_memory()
        frame, found = _from_path(Path(source))
        if not is_split(frame.columns):
            check_names(frame.columns)
        if not len(frame):
            raise BadInput(f"{source} has no rows", NO_ROWS)
        return _record(frame, found, IN_FILE)
    if isinstance(source, pl.DataFrame):
        return _record(source, metadata or {}, IN_FRAME)
    if type(source).__module__.split(".")[0] == "pandas":
        return _record(frame_from_pandas(source), metadata or {}, IN_FRAME)
    raise BadInput(
        f"cannot judge a {type(source).__name__}",
        "give a DataFrame, a Parquet or JSONL file, or a folder of Parquet files",
    )


def in_blocks(path: Path) -> bool:
    """Whether a file or folder holds more pairs than are judged one by one.

    Footers of Parquet say how many there are; lines are counted. Requests of split traffic never
    are in blocks.
    """
    if are_lines(path):
        return path.is_file() and more_than_many(path)
    if not path.is_dir() and path.suffix != ".parquet":
        return False
    if not path.exists() or (path.is_dir() and not any(path.glob("*.parquet"))):
        return False
    footers = [_footer(file) for file in parquet_files(path)]
    return not is_split(footers[0][0]) and sum(rows for _, rows in footers) > MANY


def are_lines(path: Path) -> bool:
    """Whether a name is that of a file of JSON lines."""
    return path.suffix in SUFFIXES and not path.is_dir()


def parquet_files(path: Path) -> list[Path]:
    """The files of a folder in the order of their names, or the one file."""
    files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    if not files:
        raise BadInput(f"{path} holds no Parquet file", "files whose names end in .parquet")
    return files


def _footer(file: Path) -> tuple[pl.Schema, int]:
    """The columns and how many rows there are, without reading any."""
    try:
        told = pl.scan_parquet(file, glob=False)
        return told.collect_schema(), int(told.select(pl.len()).collect().item())
    except UNREADABLE as error:
        raise unreadable(file, error) from error


def unreadable(path: Path, error: BaseException) -> BadInput:
    """No file, or no Parquet, though its name says so."""
    if isinstance(error, FileNotFoundError):
        return missing(path)
    return BadInput(f"{path} cannot be read as Parquet: {first_line(error)}", KINDS)


def _record(
    frame: pl.DataFrame, metadata: Mapping[str, object], strictness: Strictness
) -> Pairs | Requests:
    read = requests_from_frame if is_split(frame.columns) else pairs_from_frame
    return read(frame, metadata, strictness)


def _from_path(path: Path) -> tuple[pl.DataFrame, Mapping[str, object]]:
    if path.is_dir():
        return _from_folder(path)
    if are_lines(path):
        return whole_file(path)
    return _from_parquet(path)


def _from_parquet(path: Path) -> tuple[pl.DataFrame, dict[str, object]]:
    try:
        found: dict[str, object] = dict(pl.read_parquet_metadata(path))
        told = pl.scan_parquet(path, glob=False)
        names = told.collect_schema()
        known = REQUEST_SCHEMA if is_split(names) else PAIR_SCHEMA
        if known is PAIR_SCHEMA:
            check_names(names)
        frame = told.select([name for name in known if name in names]).collect()
    except UNREADABLE as error:
        raise unreadable(path, error) from error
    return frame, found


def _from_folder(path: Path) -> tuple[pl.DataFrame, dict[str, object]]:
    """All files of a folder as one table: each in order of arrival, their metadata agreeing."""
    files = parquet_files(path)
    tables = [_from_parquet(file) for file in files]
    for file, (frame, _) in zip(files, tables, strict=True):
        if frame.schema != tables[0][0].schema:
            raise BadInput(
                f"{file} has other column types than {files[0]}", "the same schema in every file"
            )
        if not frame["arrived_at"].is_sorted():
            raise BadInput(f"{file}: arrived_at goes back", "rows in order of arrival in each file")
    merged = pl.concat([frame for frame, _ in tables]).sort("arrived_at", maintain_order=True)
    return merged, agreed_metadata(files, [found for _, found in tables])


def agreed_metadata(files: list[Path], found: Sequence[Mapping[str, object]]) -> dict[str, object]:
    agreed: dict[str, object] = {}
    for key in METADATA_KEYS:
        told = [str(one[key]) for one in found if one.get(key) not in (None, "")]
        if key in COUNT_KEYS and told and all(text.isdigit() for text in told):
            agreed[key] = sum(int(text) for text in told)
        elif key == "watermark" and told:
            agreed[key] = max(told)
        elif len(set(told)) > 1:
            raise BadInput(
                f"the files of {files[0].parent} disagree on {key}: {', '.join(sorted(set(told)))}",
                "a folder holds the pairs of one shadow",
            )
        elif told:
            agreed[key] = told[0]
    return agreed
