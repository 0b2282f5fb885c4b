"""One column of the pair table at a time: its type, its nulls and the numpy array it becomes."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
import numpy.typing as npt
import polars as pl

from analysis.bets import Flags, Floats, Integers
from analysis.errors import BadInput

NO_TIME = int(np.iinfo(np.int64).min)
REACH = 131_072
"""Rows ahead of each among which its id may not stand, where rows are counted and not kept."""
NO_IDS = pl.Series("request_id", [], dtype=pl.UInt64)
"""Hashes of no ids: nothing was counted yet."""
MOST_WHOLE = 2**63 - 1
OUTCOMES = ("answered", "timeout", "not_sent")
Codes = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Strictness:
    """How a source is held: in a file NaN is an error and rows stand in arrival order."""

    nan_is_error: bool
    order_is_given: bool


IN_FILE = Strictness(nan_is_error=True, order_is_given=True)
IN_FRAME = Strictness(nan_is_error=False, order_is_given=False)


def refuse(column: str, what: str, wanted: str, row: int | None = None) -> NoReturn:
    """Raise with the column, the row (from 1) and what would be right."""
    where = f"column {column}" if row is None else f"column {column}, row {row + 1:,}"
    raise BadInput(f"{where}: {what}", f"{column} must be {wanted}")


def refuse_where(bad: pl.Series | Flags, column: str, what: str, wanted: str) -> None:
    """Raise at the first true row; nulls are not bad."""
    flags = bad.fill_null(False).to_numpy() if isinstance(bad, pl.Series) else bad
    if flags.any():
        refuse(column, what, wanted, int(flags.argmax()))


def _refuse_nulls(series: pl.Series, wanted: str) -> None:
    # Counting nulls takes no time; an operation of polars takes a millisecond, however short.
    if series.null_count():
        refuse_where(series.is_null(), series.name, "null", wanted)


def _floats(series: pl.Series, strictness: Strictness, wanted: str) -> Floats:
    """Numbers, NaN for null; a NaN of its own is an error in a file and null in a frame."""
    values = series.cast(pl.Float64).to_numpy()
    if strictness.nan_is_error and np.count_nonzero(np.isnan(values)) > series.null_count():
        wanted = f"{wanted} (write null instead of NaN)"
        refuse_where(series.is_nan(), series.name, "NaN", wanted)
    return values


def as_text(series: pl.Series) -> pl.Series:
    """Texts that came as codes as what these stand for; what is none as it is."""
    return series.cast(pl.String) if series.dtype in (pl.Categorical, pl.Enum) else series


def uncoded(frame: pl.DataFrame, names: Iterable[str]) -> pl.DataFrame:
    """The same of some columns, where a frame has them."""
    return frame.with_columns(as_text(frame[name]) for name in names if name in frame.columns)


def check_request_ids(series: pl.Series, before: pl.Series | None = None) -> None:
    """Ids are strings, present and all different.

    With `before`, the hashes of `last_ids`, each only from those of the REACH rows ahead of it.
    """
    wanted = "a string, one row per request"
    if not len(series):
        return
    if series.dtype != pl.String:
        refuse(series.name, f"type {series.dtype}", wanted)
    _refuse_nulls(series, wanted)
    hashes = series.hash() if before is None else pl.concat([before, series.hash()])
    # Not numpy's sort: where that uses AVX-512 it takes three times as long on some processors.
    ordered = hashes.sort(multithreaded=False).to_numpy()
    if bool((ordered[1:] == ordered[:-1]).any()):
        again = ~series.is_first_distinct() if before is None else _within_reach(hashes)
        refuse_where(again.tail(len(series)), series.name, "this id occurs twice", wanted)


def last_ids(before: pl.Series, series: pl.Series) -> pl.Series:
    """Hashes of the last REACH ids, of which those before are hashes already."""
    # Codes are those of one batch.
    own = as_text(series.tail(REACH)).hash()
    return own if len(own) == REACH else pl.concat([before, own]).tail(REACH)


def _within_reach(hashes: pl.Series) -> pl.Series:
    """Which of them stood among the REACH before it."""
    rows = pl.DataFrame({"hash": hashes}).with_columns(row=pl.int_range(pl.len(), dtype=pl.Int64))
    return rows.select((pl.col("row").diff().over("hash") <= REACH).fill_null(False)).to_series()


def times(series: pl.Series) -> Integers:
    """UTC microseconds, NO_TIME for null; a timestamp without an offset is read as UTC."""
    wanted = "a timestamp in UTC, such as 2026-01-31T12:00:00.250Z"
    if series.dtype == pl.String:
        bare = series.str.contains(r"\d$") & ~series.str.contains(r"[+-]\d\d:?\d\d$")
        told = (series + "Z").zip_with(bare.fill_null(False), series)
        parsed = told.str.to_datetime(time_unit="us", time_zone="UTC", strict=False)
        refuse_where(parsed.is_null() & series.is_not_null(), series.name, "not a time", wanted)
        series = parsed
    if series.dtype != pl.Null and not isinstance(series.dtype, pl.Datetime):
        refuse(series.name, f"type {series.dtype}", wanted)
    if isinstance(series.dtype, pl.Datetime) and series.dtype.time_unit != "us":
        series = series.dt.cast_time_unit("us")
    if not isinstance(series.dtype, pl.Datetime):
        return np.full(len(series), NO_TIME)
    # numpy writes a time that is none as NO_TIME.
    return series.to_numpy().view(np.int64)


def arrivals(series: pl.Series, strictness: Strictness) -> tuple[Integers, Integers | None]:
    """Times of arrival, and the order to bring the rows into where they stand in none.

    In a file rows stand in order of arrival, so that other ones are refused.
    """
    arrived = times(series)
    if (arrived == NO_TIME).any():
        refuse(series.name, "null", "present in every row", int((arrived == NO_TIME).argmax()))
    back = np.flatnonzero(np.diff(arrived) < 0)
    if len(back) and strictness.order_is_given:
        refuse(series.name, "earlier than the row before", "in order of arrival", int(back[0]) + 1)
    return arrived, np.argsort(arrived, kind="stable") if len(back) else None


def watermark(stated_us: int | None, arrived_us: Integers, told_us: int = NO_TIME) -> int:
    """The time of the look: stated by the writer, else the last thing that the table saw."""
    last = int(arrived_us[-1]) if len(arrived_us) else 0
    if stated_us is None:
        return max(last, told_us)
    if stated_us < last:
        raise BadInput(
            "metadata watermark is earlier than the last arrived_at",
            "the watermark is the time of the look, after everything in the table arrived",
        )
    return stated_us


def _require_number(series: pl.Series, wanted: str) -> None:
    """One that every way in can read: of more than 64 bits Parquet has no whole numbers."""
    if not series.dtype.is_numeric():
        refuse(series.name, f"type {series.dtype}", wanted)
    if series.dtype in (pl.Int128, pl.UInt128):
        far = (series > MOST_WHOLE) | (series < -MOST_WHOLE)
        refuse_where(far, series.name, "a whole number of more than 64 bits", wanted)
        refuse(series.name, f"type {series.dtype}", wanted)


def _numeric(series: pl.Series, strictness: Strictness, wanted: str) -> Floats:
    if _typed(series):
        _require_number(series, wanted)
    return _floats(series, strictness, wanted)


def statuses(series: pl.Series, strictness: Strictness) -> Codes:
    """HTTP statuses, 0 for null; integer-valued floats are accepted."""
    wanted = "a whole number from 100 to 599, or null"
    whole = series.dtype in (pl.Int32, pl.Int64) and not series.null_count()
    values = series.to_numpy() if whole else _numeric(series, strictness, wanted)
    if series.dtype.is_float():
        broken = ~np.isnan(values) & (values != np.floor(values))
        refuse_where(broken, series.name, "not a whole number", wanted)
    refuse_where((values < 100) | (values > 599), series.name, "outside 100 to 599", wanted)
    return (values if whole else np.where(np.isnan(values), 0, values)).astype(np.int16)


def latencies(series: pl.Series, strictness: Strictness) -> Floats:
    """Milliseconds, NaN for null."""
    wanted = "milliseconds, 0 or more, or null"
    values = _numeric(series, strictness, wanted)
    refuse_where(values < 0, series.name, "negative", wanted)
    refuse_where(np.isinf(values), series.name, "infinite", wanted)
    return values


def outcomes(series: pl.Series) -> Codes:
    """Index into OUTCOMES."""
    wanted = "answered, timeout or not_sent"
    series = series.cast(pl.String) if series.dtype == pl.Categorical else series
    if len(series) and series.dtype not in (pl.String, pl.Enum):
        refuse(series.name, f"type {series.dtype}", wanted)
    _refuse_nulls(series, wanted)
    codes = _outcome_codes(series)
    refuse_where(codes < 0, series.name, "unknown outcome", wanted)
    return codes


def _outcome_codes(series: pl.Series) -> Codes:
    """-1 where it is unknown."""
    if not len(series):
        return np.zeros(0, dtype=np.int16)
    if isinstance(series.dtype, pl.Enum):
        known = [*OUTCOMES, *series.dtype.categories]
        place = [known.index(name) for name in series.dtype.categories]
        told = np.array([at if at < len(OUTCOMES) else -1 for at in place], dtype=np.int16)
        return told.take(series.to_physical().to_numpy())
    # Three comparisons take a fraction of the time of looking each text up.
    found = [(series == outcome).to_numpy() for outcome in OUTCOMES]
    codes = np.arange(len(OUTCOMES), dtype=np.int16)
    return np.asarray(np.select(found, codes, np.int16(-1)), dtype=np.int16)


def segments(series: pl.Series) -> pl.Series:
    """Segment names, strings or null; few of them may come as an Enum."""
    if series.dtype not in (pl.String, pl.Categorical, pl.Enum, pl.Null):
        refuse(series.name, f"type {series.dtype}", "a string or null")
    return series if series.dtype == pl.Enum else series.cast(pl.String)


def answers(
    columns: list[pl.Series], strictness: Strictness
) -> tuple[list[Floats], tuple[str, ...] | None]:
    """Predictions and labels as numbers (NaN for null); the texts of the codes if they are texts.

    Texts become codes from 1 on that are equal where the texts are.
    """
    wanted = "a finite number, a string or null, the same in predictions and labels"
    columns = [c.cast(pl.Float64) if c.dtype == pl.Boolean else c for c in columns]
    columns = [as_text(column) for column in columns]
    kinds = {c.name: "text" if c.dtype == pl.String else "number" for c in columns if _typed(c)}
    for column in columns:
        if _typed(column) and column.dtype != pl.String:
            _require_number(column, wanted)
    if len(set(kinds.values())) > 1:
        mixed = ", ".join(f"{name} is {kind}" for name, kind in kinds.items())
        raise BadInput(f"predictions and labels differ in type: {mixed}", f"each must be {wanted}")
    if "text" in kinds.values():
        texts = pl.concat([column.cast(pl.String) for column in columns])
        coded = texts.rank("dense").cast(pl.Float64).fill_null(float("nan")).to_numpy()
        names = texts.drop_nulls().unique().sort().to_list()
        return np.split(coded, len(columns)), tuple(names)
    told = [_floats(column, strictness, wanted) for column in columns]
    for column, values in zip(columns, told, strict=True):
        refuse_where(np.isinf(values), column.name, "infinite", wanted)
    return told, None


def _typed(column: pl.Series) -> bool:
    return column.dtype != pl.Null
