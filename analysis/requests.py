"""The table of split traffic: each request is answered by one side alone, which `arm` names.

One row per request, in the order of arrival. Requests go to the candidate by chance, in a share
that the metadata states (`candidate_share`); with another share another record begins.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from analysis import columns
from analysis.bets import Flags, Floats, Integers
from analysis.columns import Codes, Strictness, refuse, refuse_where
from analysis.digest import content_digest
from analysis.errors import BadInput
from analysis.metadata import Metadata, fraction, metadata_of

TIMESTAMP = pl.Datetime("us", "UTC")
REQUEST_SCHEMA: Mapping[str, Any] = {
    "request_id": pl.String,
    "arrived_at": TIMESTAMP,
    "arm": pl.String,
    "status": pl.Int64,
    "latency_ms": pl.Float64,
}
ARMS = ("baseline", "candidate")
LEAST_SHARE = 0.001


@dataclass(frozen=True, slots=True)
class Requests:
    """Validated columns in arrival order; `candidate` flags its requests, a null status is 0.

    Without a status nothing was answered in time, which is an error.
    """

    arrived_us: Integers
    candidate: Flags
    status: Codes
    latency_ms: Floats
    share: float
    metadata: Metadata
    watermark_us: int
    digest: str

    def __len__(self) -> int:
        return len(self.arrived_us)


def is_split(names: Iterable[str]) -> bool:
    """Whether a table with these columns is one of split traffic."""
    return "arm" in (known := set(names)) and "baseline_status" not in known


def requests_from_frame(
    frame: pl.DataFrame, metadata: Mapping[str, object], strictness: Strictness
) -> Requests:
    """Check every column and turn the table into arrays; BadInput names the column and the row."""
    missing = [name for name in REQUEST_SCHEMA if name not in frame.columns]
    if missing:
        raise BadInput(
            f"missing column{'s' if len(missing) > 1 else ''}: {', '.join(missing)}",
            f"a table with an arm has the columns {', '.join(REQUEST_SCHEMA)}",
        )
    frame = columns.uncoded(frame, ("request_id", "arm"))
    columns.check_request_ids(frame["request_id"])
    arrived, order = columns.arrivals(frame["arrived_at"], strictness)
    if order is not None:
        return requests_from_frame(frame[order], metadata, strictness)
    about, share = metadata_of(metadata), _share(metadata)
    arrays: dict[str, Any] = {
        "arrived_us": arrived,
        "candidate": _candidate(frame["arm"]),
        "status": columns.statuses(frame["status"], strictness),
        "latency_ms": columns.latencies(frame["latency_ms"], strictness),
    }
    told = [frame["request_id"], *(pl.Series(name, values) for name, values in arrays.items())]
    told.append(pl.Series("candidate_share", [share]))
    return Requests(
        **arrays,
        share=share,
        metadata=about,
        watermark_us=columns.watermark(about.watermark_us, arrived),
        digest=content_digest(told, about),
    )


def _candidate(arm: pl.Series) -> Flags:
    wanted = " or ".join(ARMS)
    if len(arm) and arm.dtype != pl.String:
        refuse(arm.name, f"type {arm.dtype}", wanted)
    refuse_where(arm.is_null(), arm.name, "null", wanted)
    refuse_where(~arm.is_in(list(ARMS)), arm.name, "unknown arm", wanted)
    return np.asarray((arm == ARMS[1]).to_numpy(), dtype=np.bool_)


def _share(metadata: Mapping[str, object]) -> float:
    """A share that nobody stated cannot be taken from the rows: it is what they are held to."""
    share = fraction("candidate_share", metadata)
    if share is None:
        raise BadInput(
            "metadata candidate_share is missing",
            "the share of requests that was to go to the candidate, such as 0.1",
        )
    if not LEAST_SHARE <= share <= 1 - LEAST_SHARE:
        raise BadInput(
            f"metadata candidate_share is {share:g}",
            f"a fraction from {LEAST_SHARE:g} to {1 - LEAST_SHARE:g}",
        )
    return share
