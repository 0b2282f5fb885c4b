"""From a baseline row to a pair: what became of its copy. Pure functions over tables."""

import polars as pl

from models.streams import no_rows
from models.tail import PolarsType

TRACES: dict[str, PolarsType] = {"id": pl.String, "trace": pl.String, "since": pl.Int64}
ANSWERED, TIMEOUT, NOT_SENT = "answered", "timeout", "not_sent"


def settled(
    waiting: pl.DataFrame,
    copies: pl.DataFrame,
    traces: pl.DataFrame,
    *,
    now: int,
    timeout: int,
    grace: int,
) -> pl.DataFrame:
    """The leading rows of `waiting` whose copy has an outcome, joined; times in microseconds.

    `waiting` is in order of arrival. A copy is `answered` when its row shows an end within the
    timeout, whenever that row was read, so that reading later gives the same pairs. Without a row
    the proxy tells a copy that was cut off from one never sent; one without any trace, or whose
    answer left no row, counts as never sent once nothing more can come.
    """
    copy = copies.unique("id", keep="first", maintain_order=True)
    trace = traces.unique("id", keep="first", maintain_order=True)
    joined = waiting.join(copy, on="id", how="left", suffix="_copy", maintain_order="left")
    joined = joined.join(trace, on="id", how="left", maintain_order="left")
    # A copy that is older than its request belongs to an earlier request with the same id.
    present = pl.col("at_copy").is_not_null() & (pl.col("at_copy") >= pl.col("at") - grace)
    ended = pl.col("at_copy") + (pl.col("ms_copy") * 1000).cast(pl.Int64)
    in_time = ended - pl.col("at") <= timeout
    nothing_can_come = now - pl.col("at") > timeout + grace
    outcome = (
        pl.when(present & in_time)
        .then(pl.lit(ANSWERED))
        .when(present | (pl.col("trace") == TIMEOUT))
        .then(pl.lit(TIMEOUT))
        .when((pl.col("trace") == NOT_SENT) | nothing_can_come)
        .then(pl.lit(NOT_SENT))
    )
    joined = joined.with_columns(outcome.alias("outcome"))
    open_rows = joined["outcome"].is_null().arg_true()
    return joined.head(open_rows[0]) if len(open_rows) else joined


def settled_none() -> pl.DataFrame:
    """The table of `settled` without any row."""
    none = no_rows()
    return settled(none, none, pl.DataFrame(schema=TRACES), now=0, timeout=0, grace=0)


def pairs_of(joined: pl.DataFrame, *, numbers: bool) -> pl.DataFrame:
    """Settled rows as rows of the pair table, without labels."""
    answered = pl.col("outcome") == ANSWERED
    return joined.select(
        pl.col("id").alias("request_id"),
        pl.col("at").cast(pl.Datetime("us", "UTC")).alias("arrived_at"),
        pl.col("segment"),
        pl.col("status").alias("baseline_status"),
        pl.when(answered).then(pl.col("status_copy")).alias("candidate_status"),
        pl.col("ms").alias("baseline_latency_ms"),
        pl.when(answered).then(pl.col("ms_copy")).alias("candidate_latency_ms"),
        typed(pl.col("prediction"), numbers=numbers).alias("baseline_prediction"),
        typed(pl.when(answered).then(pl.col("prediction_copy")), numbers=numbers).alias(
            "candidate_prediction"
        ),
        pl.col("outcome").alias("candidate_outcome"),
    )


def failed(rows: pl.DataFrame, timeout: float) -> pl.Series:
    """Which requests a client saw fail: a status from 500, or no answer within `timeout` s."""
    return (rows["status"] >= 500) | (rows["ms"] > 1000 * timeout)


def typed(column: pl.Expr, *, numbers: bool) -> pl.Expr:
    """Answers as numbers where the baseline's are; one that is none then is no answer (null)."""
    if not numbers:
        return column
    number = column.cast(pl.Float64, strict=False)
    # A text may say inf or nan.
    return pl.when(number.is_finite()).then(number)
