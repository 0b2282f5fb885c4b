"""Frames of pandas as those of polars: our columns alone, each read by itself."""

from typing import TYPE_CHECKING

import polars as pl

from analysis.columns import refuse
from analysis.errors import BadInput
from analysis.lines import first_line
from analysis.pairs import ANSWERS, PAIR_SCHEMA, check_names
from analysis.requests import REQUEST_SCHEMA, is_split

if TYPE_CHECKING:
    import pandas as pd

# The errors of pyarrow, by which polars reads, are these; it is not imported for their names.
UNREADABLE = (ValueError, TypeError, NotImplementedError, OverflowError)


def frame_from_pandas(source: "pd.DataFrame") -> pl.DataFrame:
    """The columns that are judged; BadInput names the one that cannot be read."""
    if type(source).__name__ != "DataFrame":
        raise BadInput(f"cannot judge a {type(source).__name__} of pandas", "give a DataFrame")
    names = [str(name) for name in source.columns]
    split = is_split(names)
    if not split:
        check_names(names)
    ours = [name for name in (REQUEST_SCHEMA if split else PAIR_SCHEMA) if name in names]
    for name in ours:
        if names.count(name) > 1:
            raise BadInput(f"column {name} is there twice", "each column once")
    return pl.DataFrame([_column(source.iloc[:, [names.index(name)]], name) for name in ours])


def _column(alone: "pd.DataFrame", name: str) -> pl.Series:
    """Objects of which none is there are null, of no type."""
    if alone.iloc[:, 0].dtype == object and alone.iloc[:, 0].isna().all():
        return pl.Series(name, [None] * len(alone), dtype=pl.Null)
    try:
        return pl.from_pandas(alone).to_series().alias(name)
    except (*UNREADABLE, pl.exceptions.PolarsError) as error:
        wanted = "numbers or texts" if name in ANSWERS else "of one type"
        refuse(name, first_line(error), f"{wanted}, all alike, that polars can read")
