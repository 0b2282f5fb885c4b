"""The pair table: its schema, its checks and the arrays the gates read.

One row per request that was chosen for mirroring, in the order of arrival (design, section 9).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import chain
from typing import Any

import numpy as np
import polars as pl

from analysis import columns
from analysis.bets import Flags, Floats, Integers
from analysis.columns import NO_TIME, OUTCOMES, Codes, Strictness, refuse
from analysis.digest import content_digest
from analysis.errors import BadInput
from analysis.metadata import Metadata, metadata_of

TIMESTAMP = pl.Datetime("us", "UTC")
ANSWER = "number or string"
PAIR_SCHEMA: Mapping[str, Any] = {
    "request_id": pl.String,
    "arrived_at": TIMESTAMP,
    "segment": pl.String,
    "baseline_status": pl.Int64,
    "candidate_status": pl.Int64,
    "baseline_latency_ms": pl.Float64,
    "candidate_latency_ms": pl.Float64,
    "baseline_prediction": ANSWER,
    "candidate_prediction": ANSWER,
    "candidate_outcome": pl.String,
    "label": ANSWER,
    "labelled_at": TIMESTAMP,
}
OPTIONAL = ("candidate_outcome",)
ALIKE = 0.9
"""Of a name with a letter too few; candidate_score is another column."""
OTHER_SIDES = ("canary", "challenger", "copy", "new", "shadow", "treatment")
"""What others call the candidate."""
ANSWERS = ("baseline_prediction", "candidate_prediction", "label")
ANSWERED, TIMEOUT, NOT_SENT = range(len(OUTCOMES))


@dataclass(frozen=True, slots=True)
class Pairs:
    """Validated columns in arrival order; null is status 0, NaN or NO_TIME.

    Texts are codes from 1 on, which `classes` names.
    """

    arrived_us: Integers
    baseline_status: Codes
    candidate_status: Codes
    baseline_latency_ms: Floats
    candidate_latency_ms: Floats
    outcome: Codes
    baseline_prediction: Floats
    candidate_prediction: Floats
    label: Floats
    labelled_us: Integers
    numbers: bool
    classes: tuple[str, ...]
    segment: pl.Series
    metadata: Metadata
    watermark_us: int
    digest: str

    def __len__(self) -> int:
        return len(self.arrived_us)

    @property
    def labelled(self) -> Flags:
        """Which pairs have a label."""
        return ~np.isnan(self.label)


def pairs_from_frame(
    frame: pl.DataFrame,
    metadata: Mapping[str, object],
    strictness: Strictness,
    *,
    before: pl.Series | None = None,
) -> Pairs:
    """Check every column and turn the table into arrays; BadInput names the column and the row.

    With the ids `before` (hashes of `columns.last_ids`) it is one of many parts, of which counts
    are kept and no rows: none of those ids may come again, and it has no digest.
    """
    check_names(frame.columns)
    frame = columns.uncoded(frame, ("request_id", *ANSWERS))
    columns.check_request_ids(frame["request_id"], before)
    arrived, order = columns.arrivals(frame["arrived_at"], strictness)
    if order is not None:
        return pairs_from_frame(frame[order], metadata, strictness, before=before)
    about = metadata_of(metadata)
    labelled = columns.times(frame["labelled_at"])
    _check_label_times(arrived, labelled)
    answers, classes = columns.answers([frame[name] for name in ANSWERS], strictness)
    candidate = columns.statuses(frame["candidate_status"], strictness)
    arrays: dict[str, Any] = {
        "baseline_status": columns.statuses(frame["baseline_status"], strictness),
        "candidate_status": candidate,
        "baseline_latency_ms": columns.latencies(frame["baseline_latency_ms"], strictness),
        "candidate_latency_ms": columns.latencies(frame["candidate_latency_ms"], strictness),
        "outcome": _outcomes(frame, candidate),
        "arrived_us": arrived,
        "labelled_us": labelled,
    }
    segment = columns.segments(frame["segment"])
    if before is None:
        # What is digested and kept are the names, not the codes of this file.
        segment = segment.cast(pl.String)
    numbers = dict(zip(ANSWERS, answers, strict=True))
    # Made one by one as they are read: together they are as much as the table.
    written = chain(
        (frame["request_id"], segment),
        (pl.Series(name, values) for name, values in arrays.items()),
        (
            pl.Series(name, values, nan_to_null=True)
            if classes is None
            else frame[name].cast(pl.String)
            for name, values in numbers.items()
        ),
    )
    digest = content_digest(written, about) if before is None else ""
    arrays |= numbers
    last_us = int(labelled.max(initial=NO_TIME))
    return Pairs(
        **arrays,
        numbers=classes is None,
        classes=classes or (),
        segment=segment,
        metadata=about,
        watermark_us=columns.watermark(about.watermark_us, arrived, last_us),
        digest=digest,
    )


def part_of(pairs: Pairs, rows: slice | Integers, watermark_us: int) -> Pairs:
    """Rows of a record as a record of their own, seen at this time."""
    return replace(
        pairs,
        arrived_us=pairs.arrived_us[rows],
        baseline_status=pairs.baseline_status[rows],
        candidate_status=pairs.candidate_status[rows],
        baseline_latency_ms=pairs.baseline_latency_ms[rows],
        candidate_latency_ms=pairs.candidate_latency_ms[rows],
        outcome=pairs.outcome[rows],
        baseline_prediction=pairs.baseline_prediction[rows],
        candidate_prediction=pairs.candidate_prediction[rows],
        label=pairs.label[rows],
        labelled_us=pairs.labelled_us[rows],
        segment=pairs.segment[rows],
        watermark_us=watermark_us,
    )


def check_names(names: Iterable[str]) -> None:
    """Every column of the schema but the optional ones is there."""
    present = set(names)
    missing = [name for name in PAIR_SCHEMA if name not in present and name not in OPTIONAL]
    if missing:
        raise BadInput(
            f"missing column{'s' if len(missing) > 1 else ''}: {', '.join(missing)}",
            f"the columns are {', '.join(PAIR_SCHEMA)}; only candidate_outcome may be absent",
        )
    for name in OPTIONAL:
        near = sorted(other for other in present - set(PAIR_SCHEMA) if _alike(other, name))
        if name not in present and near:
            raise BadInput(
                f"column {near[0]} is none that is known, and {name} is missing",
                f"rename it to {name}, if it is meant, or else to something less alike",
            )


def _alike(other: str, name: str) -> bool:
    """Whether a column is probably meant to be the one of this name.

    Written otherwise, with some letters too few, with more ahead of it, or by another side's name.
    """
    told, meant = _folded(other), _folded(name)
    bare = _folded(name.partition("_")[2])
    return (
        told.endswith(meant)
        or bool(get_close_matches(told, [meant], 1, ALIKE))
        or told in (f"{side}{bare}" for side in ("", *OTHER_SIDES))
    )


def _folded(name: str) -> str:
    """Letters and digits alone, and one and the same whether large or plural."""
    return "".join(filter(str.isalnum, name.casefold())).removesuffix("s")


def _check_label_times(arrived: Integers, labelled: Integers) -> None:
    reversed_ = (labelled != NO_TIME) & (labelled < arrived)
    if reversed_.any():
        row = int(reversed_.argmax())
        refuse("labelled_at", "before the request arrived", "no earlier than arrived_at", row)


def _outcomes(frame: pl.DataFrame, candidate: Codes) -> Codes:
    if "candidate_outcome" not in frame.columns:
        return np.where(candidate == 0, NOT_SENT, ANSWERED).astype(np.int16)
    found = columns.outcomes(frame["candidate_outcome"])
    silent = (found == ANSWERED) & (candidate == 0)
    if silent.any():
        refuse(
            "candidate_status",
            "null although candidate_outcome is answered",
            "the status of the answer",
            int(silent.argmax()),
        )
    return found
