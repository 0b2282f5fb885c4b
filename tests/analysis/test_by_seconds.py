"""The p95 limit second by second: a machine that stops for a moment undoes nobody."""

from itertools import product
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pair_tables import START_US, pairs, policy, seen_by, write

from analysis import Outcome, Verdict, default_policy, judge, read_record
from analysis.by_seconds import Seconds
from analysis.findings import Finding
from analysis.late import SECOND_US
from benchmarks.stalls import Stops, false_alarms

PINNED = "[latency]\nbaseline_p95_ms = 15.5\nbaseline_p99_ms = 20.0\n"
POLICY = policy(PINNED)
GATE = default_policy().gates["p95-limit"]
LEVEL = default_policy().rollback_level(GATE)


def stopped(frame: pl.DataFrame, begin: float, seconds: float) -> pl.DataFrame:
    """The machine stops: whatever arrives meanwhile waits for 200 ms, on either side."""
    first = START_US + round(begin * SECOND_US)
    last = first + round(seconds * SECOND_US)
    names = [name for name in frame.columns if name.endswith("latency_ms")]
    came = pl.col("arrived_at").cast(pl.Int64).is_between(first, last)
    return frame.with_columns(
        **{name: pl.when(came).then(pl.col(name) + 200).otherwise(name) for name in names}
    )


def limit(verdict: Verdict) -> Finding:
    """The finding of the gate."""
    return verdict.finding("p95-limit")


def after(finding: Finding) -> float:
    """Seconds from the first arrivals to the look that decided."""
    assert finding.decided_at is not None
    return (finding.decided_at.at_us - START_US) / SECOND_US


STOPS = {
    "the first second, as it was seen": (25, 0.0, 1.0, 1),
    "a moment of much traffic": (300, 2.1, 0.4, 1),
    "three seconds": (300, 1.0, 3.0, 4),
}


@pytest.mark.parametrize("name", STOPS)
def test_a_stop_of_the_machine_undoes_no_candidate(name: str) -> None:
    """Though requests counted one by one would say that harm was proven, and say so they did."""
    rate, begin, seconds, most = STOPS[name]
    verdict = judge(stopped(pairs(round(6 * rate), rate=rate), begin, seconds), POLICY)
    found = limit(verdict)

    assert found.harm is not None
    assert found.harm.above.any()
    assert found.outcome is not Outcome.FAIL
    assert verdict.decision == "INCONCLUSIVE"
    if found.harm.above[-1]:
        assert any(
            f"in {n} of the 7 seconds that harm needs" in found.reason for n in (most, most - 1)
        )


def test_one_in_five_late_is_found_within_ten_seconds(tmp_path: Path) -> None:
    """By this gate alone, in one pass of blocks too, and at most one block later."""
    file = write(tmp_path / "pairs.parquet", pairs(9_000, slow=0.2))
    one_by_one, blocks = (limit(judge(file, POLICY, blocks=both)) for both in (False, True))

    assert one_by_one.outcome is blocks.outcome is Outcome.FAIL
    assert 7 <= after(one_by_one) <= 10
    assert after(one_by_one) <= after(blocks) <= after(one_by_one) + 5


def test_a_second_tells_at_its_end() -> None:
    """No pair has to come after it, and a microsecond before it may still grow."""
    frame = pairs(9_000, slow=0.2)
    decided = limit(judge(frame, POLICY)).decided_at
    assert decided is not None
    at_the_end, before = (
        limit(judge(read_record(*seen_by(frame, decided.at_us - early)), POLICY)).outcome
        for early in (0, 1)
    )

    assert at_the_end is Outcome.FAIL
    assert before is Outcome.INCONCLUSIVE


def test_seldom_requests_are_found_as_soon_as_one_by_one() -> None:
    """With less than one a second, a second is a request."""
    found = limit(judge(pairs(600, rate=0.2, slow=0.3), POLICY))

    assert found.outcome is Outcome.FAIL
    assert found.harm is not None
    first = found.harm.first()
    assert first is not None
    assert found.decided_at is not None
    assert found.decided_at.pair <= 1.5 * first + 10


def split_of(frame: pl.DataFrame) -> tuple[pl.DataFrame, NDArray[np.bool_]]:
    """The requests as split traffic that is late on both sides alike; which the candidate got."""
    own = np.random.default_rng(3).random(len(frame)) < 0.5
    requests = frame.select(
        "request_id",
        "arrived_at",
        arm=pl.Series(np.where(own, "candidate", "baseline")),
        status=pl.lit(200),
        latency_ms="candidate_latency_ms",
    )
    return requests, own


def test_a_stop_undoes_no_segment_and_no_candidate_of_split_traffic() -> None:
    """The same claim, the same way of counting."""
    by_segment = policy(PINNED + "[gates.p95-limit]\nsegments = true\n")
    frame = stopped(pairs(1_800), 1.0, 1.5)
    segments = [f for f in judge(frame, by_segment).by_segment if f.name == "p95-limit"]
    split, _ = split_of(frame)
    halved = limit(judge(read_record(split, {"candidate_share": 0.5}), POLICY))

    for found in (*segments, halved):
        assert found.harm is not None
        assert found.harm.log_e > found.harm.threshold
        assert found.outcome is Outcome.INCONCLUSIVE
    assert "in 2 of the 7 seconds" in halved.reason or "in 3 of the 7 seconds" in halved.reason
    assert {found.segment for found in segments} == {"spot", "swap"}


def test_slow_requests_of_split_traffic_are_found() -> None:
    """On the candidate's requests alone."""
    frame = pairs(9_000, slow=0.2)
    requests, own = split_of(frame)
    split = requests.with_columns(
        latency_ms=pl.when(pl.Series(own)).then("latency_ms").otherwise(9.0)
    )
    found = limit(judge(read_record(split, {"candidate_share": 0.5}), POLICY))

    assert found.outcome is Outcome.FAIL
    assert 7 <= after(found) <= 12


@given(
    limit=st.floats(0.01, 0.9),
    shares=st.lists(st.floats(0, 1), min_size=1, max_size=4),
)
def test_wealth_never_grows_on_average_at_the_limit(limit: float, shares: list[float]) -> None:
    """Over all outcomes of a few seconds, each of two shares around the limit: the mean is 1.

    However the requests of a second hang together, all that counts is the mean of its share.
    """
    low, high = [limit * s for s in shares], [limit + (1 - limit) * s for s in shares]
    mean = 0.0
    for choice in product((0, 1), repeat=len(shares)):
        seen = np.array([(low, high)[up][at] for at, up in enumerate(choice)])
        gap = np.array(high) - np.array(low)
        up_chance = np.where(gap > 0, (limit - np.array(low)) / np.where(gap > 0, gap, 1), 0.5)
        chance = float(np.where(np.array(choice) == 1, up_chance, 1 - up_chance).prod())
        mean += chance * float(np.exp(Seconds.wealth(seen, limit)[-1]))
    assert mean == pytest.approx(1.0)


def test_no_harm_before_so_many_seconds_were_over_the_limit() -> None:
    """However bad they were."""
    ends = np.arange(1, 11) * SECOND_US
    bad = np.array([300, 300, 0, 300, 300, 0, 300, 300, 300, 300], dtype=np.float64)
    proven = Seconds(ends, np.full(10, 300.0), bad).proven(GATE, LEVEL)

    assert int(proven.argmax()) == 8


def test_simulated_stops_of_both_sides_undo_nobody() -> None:
    """One stop of a second: one by one most records are undone, by seconds none."""
    alone, both = false_alarms(Stops(0, 1.0, True), 25.0, 40, 60.0)

    assert alone > 0.5
    assert both == 0
