"""Whatever is wrong with a record that would pass, it does not: it is refused or proves nothing."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TypeAlias

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pair_tables import METADATA, ONE_MACHINE, pairs, policy, write

from analysis import (
    BadInput,
    JudgePolicy,
    Outcome,
    Verdict,
    judge,
    page,
    parse_policy,
    read_pairs,
    read_record,
)

POLICY = policy("[latency]\nbaseline_p95_ms = 15.5\n")
SOUND = pairs(6_500)
ROWS = len(SOUND)
ANSWERS = ("baseline_prediction", "candidate_prediction", "label")
NUMBERS = (*ANSWERS, "baseline_latency_ms", "candidate_latency_ms")
STATUSES = ("baseline_status", "candidate_status")
NEEDED = [name for name in SOUND.columns if name != "candidate_outcome"]

Record: TypeAlias = "tuple[pl.DataFrame, dict[str, str]]"
WAYS = ("frame", "file", "blocks")


def judged(way: str, record: Record, folder: Path) -> str:
    """The decision about a record by one of the ways in, or that it was refused."""
    try:
        return judged_by(way, record, folder).decision
    except BadInput:
        return "refused"


def judged_by(way: str, record: Record, folder: Path, by: JudgePolicy = POLICY) -> Verdict:
    """The verdict about a record by one of the ways in."""
    frame, metadata = record
    if way == "frame":
        return judge(read_record(frame, {**METADATA, **metadata}), by)
    path = write(folder / "pairs.parquet", frame, **metadata)
    return judge(path, by, blocks=way == "blocks")


def at(frame: pl.DataFrame, column: str, rows: np.ndarray, value: object) -> pl.DataFrame:
    """A value in some rows of a column."""
    flags = pl.Series(np.isin(np.arange(len(frame)), rows))
    kind = frame.schema[column]
    put = pl.lit(value, dtype=kind)
    return frame.with_columns(pl.when(flags).then(put).otherwise(pl.col(column)).alias(column))


def moved(frame: pl.DataFrame, row: int, seconds: int) -> pl.DataFrame:
    """One row earlier or later; all labels came two seconds after their requests."""
    here = pl.int_range(pl.len()) == row % len(frame)
    far = pl.when(here).then(timedelta(seconds=seconds)).otherwise(timedelta())
    frame = frame.with_columns(arrived_at=pl.col("arrived_at") + far)
    return frame.with_columns(labelled_at=pl.col("arrived_at") + timedelta(seconds=2))


def some(draw: st.DrawFn, least: int, most: int = ROWS) -> np.ndarray:
    """Rows here and there, at least so many."""
    rng = np.random.default_rng(draw(st.integers(0, 1_000)))
    return rng.choice(ROWS, size=draw(st.integers(least, most)), replace=False)


@st.composite
def short(draw: st.DrawFn) -> Record:
    """Nothing, or next to nothing."""
    return SOUND.head(draw(st.integers(0, 60))), {}


@st.composite
def infinite(draw: st.DrawFn) -> Record:
    """A single infinite number is enough."""
    value = draw(st.sampled_from([np.inf, -np.inf]))
    return at(SOUND, draw(st.sampled_from(NUMBERS)), some(draw, 1), value), {}


@st.composite
def nan(draw: st.DrawFn) -> Record:
    """Half of a column at least: in a frame NaN is a hole."""
    return at(SOUND, draw(st.sampled_from(NUMBERS)), some(draw, ROWS // 2), np.nan), {}


@st.composite
def constant(draw: st.DrawFn) -> Record:
    """One answer to everything, everything at once, or one latency for all of a side."""
    side = draw(st.sampled_from(["candidate", "baseline", None]))
    if side is not None and draw(st.booleans()):
        ms = draw(st.sampled_from([0.0, -0.0, 8.0, 1e-3]))
        known = SOUND.with_columns(pl.lit(ms).alias(f"{side}_latency_ms"))
        return at(known, f"{side}_latency_ms", some(draw, 1, 10), None), {}
    if draw(st.booleans()):
        begin = SOUND["arrived_at"][0]
        late = begin + timedelta(seconds=3)
        return SOUND.with_columns(arrived_at=pl.lit(begin), labelled_at=pl.lit(late)), {}
    value = pl.lit(draw(st.sampled_from([0.0, 1.0, 17.5, "buy"])))
    return SOUND.with_columns(value.alias(name) for name in ANSWERS), {}


@st.composite
def stale(draw: st.DrawFn) -> Record:
    """Nothing came for more than a day before the look."""
    silence = timedelta(hours=draw(st.integers(25, 100_000)))
    last = max(SOUND["arrived_at"].max(), SOUND["labelled_at"].max())
    return SOUND, {"watermark": (last + silence).isoformat()}


@st.composite
def stray(draw: st.DrawFn) -> Record:
    """A hundredth of the rows at most stands far from all others, which may be in one second."""
    begin, number = SOUND["arrived_at"][0], draw(st.integers(1, ROWS // 100))
    ahead = draw(st.booleans())
    far = timedelta(hours=draw(st.integers(*((170, 300_000) if ahead else (25, 300_000)))))
    few = pl.int_range(ROWS) < number if ahead else pl.int_range(ROWS) >= ROWS - number
    others = pl.lit(begin) if draw(st.booleans()) else pl.col("arrived_at")
    moved = pl.col("arrived_at") - far if ahead else pl.col("arrived_at") + far
    frame = SOUND.with_columns(arrived_at=pl.when(few).then(moved).otherwise(others))
    return frame.with_columns(labelled_at=pl.col("arrived_at") + timedelta(seconds=2)), {}


@st.composite
def duplicated(draw: st.DrawFn) -> Record:
    """Requests that are there twice, side by side or far apart."""
    rows = np.sort(np.append(np.arange(ROWS), some(draw, 1)))
    return SOUND[rows], {}


@st.composite
def unpaired(draw: st.DrawFn) -> Record:
    """Copies that were never sent, or rows without the answer of either side."""
    side, rows = draw(st.sampled_from(["candidate", "baseline"])), some(draw, ROWS // 4)
    frame = SOUND
    for name in (f"{side}_status", f"{side}_latency_ms", f"{side}_prediction"):
        frame = at(frame, name, rows, None)
    if side == "candidate":
        frame = at(frame, "candidate_outcome", rows, "not_sent")
    return frame, {}


@st.composite
def reversed_time(draw: st.DrawFn) -> Record:
    """Labels that came before their request."""
    back = pl.duration(seconds=draw(st.integers(10, 10_000)))
    return SOUND.with_columns(labelled_at=pl.col("arrived_at") - back), {}


@st.composite
def mistyped(draw: st.DrawFn) -> Record:
    """Numbers as texts, texts as numbers, times that are none, statuses that do not exist."""
    wrong = [
        *(pl.col(name).cast(pl.String) for name in (*STATUSES, *NUMBERS)),
        pl.col("arrived_at").dt.timestamp("ms"),
        pl.col("labelled_at").dt.timestamp("ms"),
        pl.lit(7).alias("request_id"),
        pl.lit("done").alias("candidate_outcome"),
        *(pl.lit(20).alias(name) for name in STATUSES),
    ]
    return SOUND.with_columns(draw(st.sampled_from(wrong))), {}


@st.composite
def misspelt(draw: st.DrawFn) -> Record:
    """A column under a name with a letter less."""
    name = draw(st.sampled_from(SOUND.columns))
    place = draw(st.integers(0, len(name) - 1))
    return SOUND.rename({name: name[:place] + name[place + 1 :]}), {}


@st.composite
def dropped(draw: st.DrawFn) -> Record:
    """A column that is not there."""
    return SOUND.drop(draw(st.sampled_from(NEEDED))), {}


FAULTS: dict[str, Callable[[], st.SearchStrategy[Record]]] = {
    "short": short,
    "infinite": infinite,
    "NaN": nan,
    "constant": constant,
    "stale": stale,
    "stray": stray,
    "duplicated": duplicated,
    "unpaired": unpaired,
    "reversed": reversed_time,
    "mistyped": mistyped,
    "misspelt": misspelt,
    "dropped": dropped,
}


@pytest.mark.parametrize("way", WAYS)
def test_the_sound_record_passes(way: str, tmp_path: Path) -> None:
    """Else nothing below says anything."""
    assert judged(way, (SOUND, {}), tmp_path) == "PROMOTE"


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_no_fault_leads_to_a_pass(
    fault: Callable[[], st.SearchStrategy[Record]], tmp_path: Path
) -> None:
    """By every way in."""

    @settings(max_examples=12)
    @given(record=fault(), way=st.sampled_from(WAYS))
    def holds(record: Record, way: str) -> None:
        assert judged(way, record, tmp_path) in ("refused", "INCONCLUSIVE", "ROLLBACK")

    holds()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("frame", "metadata", "gate", "said"),
    [
        pytest.param(
            SOUND, {"watermark": "2026-01-01T00:00:00Z"}, "coverage",
            "stale: nothing had come for 83.6 days before this look", id="stale",
        ),
        pytest.param(
            SOUND.with_columns(pl.lit(1.0).alias(name) for name in ANSWERS), {}, "accuracy-paired",
            "every answer and every label is the same, so that a constant would be as right",
            id="constant answers",
        ),
        pytest.param(
            SOUND.with_columns(arrived_at=pl.lit(SOUND["arrived_at"][0])), {}, "sample-integrity",
            "all rows arrived in the same second", id="all at once",
        ),
        pytest.param(
            moved(SOUND.with_columns(arrived_at=pl.lit(SOUND["arrived_at"][0])), -1, 3_600),
            {}, "sample-integrity", "nearly all rows arrived in the same second",
            id="all but one at once",
        ),
        pytest.param(
            SOUND.with_columns(candidate_latency_ms=pl.lit(8.0)), {}, "sample-integrity",
            "every answer of the candidate took 8 ms: a constant, or rounded until none differs",
            id="constant latency",
        ),
        pytest.param(
            moved(SOUND, -1, 365 * 86_400), {}, "sample-integrity",
            "stale: at most 65 rows came in the last 365.0 days", id="one a year later",
        ),
        pytest.param(
            moved(SOUND, 0, -365 * 86_400), {}, "sample-integrity",
            "at most 65 rows came in the first 365.0 days: was their clock right?",
            id="one a year ahead",
        ),
    ],
)  # fmt: skip
def test_what_proves_nothing_says_why(
    way: str, frame: pl.DataFrame, metadata: dict[str, str], gate: str, said: str, tmp_path: Path
) -> None:
    """INCONCLUSIVE, with the reason in words."""
    verdict = judged_by(way, (frame, metadata), tmp_path)
    assert verdict.finding(gate).outcome is Outcome.INCONCLUSIVE
    assert said in verdict.finding(gate).reason
    assert verdict.decision == "INCONCLUSIVE"


@pytest.mark.parametrize("way", WAYS)
def test_a_label_that_comes_late_is_no_silence(way: str, tmp_path: Path) -> None:
    """Two days after the last request: the record was looked at when it came."""
    last = SOUND["arrived_at"].max() + timedelta(days=2)
    late = at(SOUND, "labelled_at", np.array([17]), last)
    assert judged(way, (late, {}), tmp_path) == "PROMOTE"


FAR = {
    "latencies of no end": {"candidate_latency_ms": 1e308, "baseline_latency_ms": 1e308},
    "latencies of next to nothing": {"candidate_latency_ms": 5e-324, "baseline_latency_ms": 5e-324},
    "latencies of nothing": {"candidate_latency_ms": 0.0, "baseline_latency_ms": 0.0},
    "labels of next to nothing": {"label": 5e-324},
    "answers far from all": {"candidate_prediction": 1e308, "baseline_prediction": 5e-324},
}


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("values", FAR.values(), ids=FAR.keys())
def test_numbers_as_far_as_they_go_are_judged_and_shown(values: dict[str, float]) -> None:
    """No warning with the paths of our code, and a page; nothing of it passes."""
    text = ONE_MACHINE + "[latency]\nreference_pairs = 500\n"
    frame = SOUND.with_columns(pl.lit(value).alias(name) for name, value in values.items())
    read = read_pairs(frame)
    verdict = judge(read, parse_policy(text))
    assert verdict.decision != "PROMOTE"
    assert "</html>" in page(verdict, read, text)


@pytest.mark.parametrize("way", WAYS)
def test_a_closed_market_is_no_fault(way: str, tmp_path: Path) -> None:
    """From Friday on nothing comes until Monday: a hundred rows of it are of today."""
    monday = pl.int_range(ROWS) >= ROWS - 150
    frame = SOUND.with_columns(
        pl.when(monday).then(pl.col(name) + timedelta(hours=64)).otherwise(pl.col(name))
        for name in ("arrived_at", "labelled_at")
    )
    found = judged_by(way, (frame, {}), tmp_path).finding("sample-integrity")
    assert found.outcome is Outcome.PASS


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("quantile", ["p95", "p99"])
def test_seconds_for_milliseconds_are_no_past_quantile(
    way: str, quantile: str, tmp_path: Path
) -> None:
    """The champion itself is always over it: what both sides always are proves nothing safe."""
    by = policy(f"[latency]\nbaseline_{quantile}_ms = 0.0155\n")
    slower = SOUND.with_columns(candidate_latency_ms=pl.col("baseline_latency_ms") * 1.5)
    for frame in (SOUND, slower):
        found = judged_by(way, (frame, {}), tmp_path, by).finding(f"frozen-{quantile}")
        assert found.outcome is Outcome.INCONCLUSIVE
        assert f"in 100 % of requests, so that it is no {quantile} of these" in found.reason


@pytest.mark.parametrize("value", [0.0, -0.0])
def test_a_zero_is_a_zero_whatever_its_sign(value: float, tmp_path: Path) -> None:
    """An answer that differs in that alone is the same answer."""
    frame = SOUND.with_columns(pl.lit(0.0).alias(name) for name in ANSWERS)
    frame = frame.with_columns(candidate_prediction=pl.lit(value))
    assert judged("frame", (frame, {}), tmp_path) == "INCONCLUSIVE"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "name",
    [
        "Candidate_Outcome", "candidateOutcome", "candidate outcome", "candidate_outcomes",
        "model_candidate_outcome", "outcome", "Outcomes", "challenger_outcome", "canary.outcome",
    ],
)  # fmt: skip
def test_an_outcome_by_another_name_is_refused(way: str, name: str, tmp_path: Path) -> None:
    """Timeouts that nobody reads would pass."""
    frame = SOUND.drop("candidate_outcome").with_columns(pl.lit("timeout").alias(name))
    with pytest.raises(BadInput, match=f"column {name} is none that is known") as refused:
        judged_by(way, (frame, {}), tmp_path)
    assert "rename it to candidate_outcome" in refused.value.hint


@pytest.mark.parametrize(
    "name",
    [
        "candidate_score", "candidate_version", "trade_outcome", "notes", "model_name", "region",
        "outcome_of_trade", "candidate",
    ],
)  # fmt: skip
def test_a_column_of_ones_own_is_none_that_is_misspelt(name: str, tmp_path: Path) -> None:
    """It stands beside those of the schema, of which an optional one may be missing."""
    frame = SOUND.rename({"candidate_outcome": name})
    assert judged("file", (frame, {}), tmp_path) == "PROMOTE"


def test_a_wait_for_labels_is_no_silence() -> None:
    """A record that is looked at when the last label's window has passed is none that is stale."""
    last = SOUND["arrived_at"].max()
    waited = {"watermark": (last + timedelta(days=7, hours=20)).isoformat()}
    week = policy("[latency]\nbaseline_p95_ms = 15.5\n[time]\nlabel_window = 604800\n")
    rows = SOUND.with_columns(
        label=pl.when(pl.int_range(ROWS) % 100 > 0).then("label"),
        labelled_at=pl.when(pl.int_range(ROWS) % 100 > 0).then("labelled_at"),
    )
    found = judge(read_record(rows, {**METADATA, **waited}), week).finding("coverage")
    assert found.outcome is Outcome.PASS
