"""Judging a file re-plays the looks of the live judge that watched it grow."""

import numpy as np
import polars as pl
import pytest
from pair_tables import START_US, TIMESTAMP, pairs, policy, seen_by

from analysis import Pairs, judge, read_pairs
from analysis.clock import arrival_clock, label_clock

FAST = "[budgets]\nmin_pairs = 100\n[latency]\nbaseline_p95_ms = 15.5\n"
SECOND = 1_000_000


def live(frame: pl.DataFrame, at_us: int) -> Pairs:
    """What a judge sees at this time."""
    rows, metadata = seen_by(frame, at_us)
    return read_pairs(rows, metadata)


STREAMS = {
    "healthy": pairs(6_500, seed=21),
    "errors": pairs(1_500, seed=22, errors=(0.0, 0.02)),
    "wrong": pairs(2_000, seed=23, only_candidate_wrong=0.12, label_delay=1.0),
    "slow": pairs(1_500, seed=24, slow=0.12),
    "no better, no worse": pairs(1_500, seed=25, both_wrong=0.12, only_candidate_wrong=0.05),
}


@pytest.mark.parametrize("frame", STREAMS.values(), ids=STREAMS.keys())
@pytest.mark.parametrize("every", [0.9, 2.3], ids=["often", "seldom"])
def test_a_file_agrees_with_every_live_look_at_it(frame: pl.DataFrame, every: float) -> None:
    """FAIL latches at the same look; PROMOTE stood at the first look that any prefix knows of."""
    end = read_pairs(frame).watermark_us
    times = [*range(START_US + SECOND, end, round(every * SECOND)), end]
    whole = judge(frame, policy(FAST))

    looks = [judge(live(frame, at), policy(FAST), live=True) for at in times]

    failed = [look for look in looks if look.verdict == "FAIL"]
    assert [look.verdict for look in looks].count("FAIL") == len(looks) - next(
        (i for i, look in enumerate(looks) if look.verdict == "FAIL"), len(looks)
    )
    assert all(look.decided_at == whole.decided_at for look in failed)
    stood = [look.stood_at for look in looks if look.stood_at]
    assert {whole.stood_at} == (set(stood) or {None})
    assert looks[-1].verdict == whole.verdict


def test_the_first_failing_prefix_is_the_look_that_decided() -> None:
    """Judged pair by pair, harm is proven after exactly the pair that the whole file names."""
    frame = pairs(120, seed=26, slow=0.5)
    decided = judge(frame, policy(FAST)).decided_at

    assert decided is not None
    assert judge(frame.head(decided.pair - 1), policy(FAST)).verdict == "INCONCLUSIVE"
    assert judge(frame.head(decided.pair), policy(FAST)).verdict == "FAIL"


def _labelled(delays: list[float | None], watermark: float) -> Pairs:
    """Pairs a second apart, labels after these delays in seconds."""
    base = pairs(len(delays))
    arrived = pl.Series([START_US + index * SECOND for index in range(len(delays))])
    told = pl.Series([None if d is None else d * SECOND for d in delays], dtype=pl.Float64)
    frame = base.with_columns(
        arrived_at=arrived.cast(TIMESTAMP),
        labelled_at=(arrived + told.cast(pl.Int64)).cast(TIMESTAMP),
        label=pl.when(told.is_null()).then(None).otherwise("label"),
    )
    at = pl.Series([START_US + round(watermark * SECOND)]).cast(TIMESTAMP)[0]
    return read_pairs(frame.sort("arrived_at"), {"watermark": at.isoformat()})


def test_labels_are_admitted_in_order_of_arrival() -> None:
    """A quick label waits for the slow one before it, or for the end of its window."""
    table = _labelled([5.0, 1.0, None, 1.0, 2.0, 1.0], watermark=100.0)

    clock, in_time = label_clock(table, window=10.0)

    seconds = ((clock.at_us - START_US) / SECOND).tolist()
    assert seconds == [5.0, 5.0, 12.0, 12.0, 12.0, 12.0]
    assert in_time.tolist() == [True, True, False, True, True, True]


def test_what_waits_for_a_label_is_not_judged() -> None:
    """Pairs behind an open label are pending until the watermark has passed it."""
    table = _labelled([1.0, None, 1.0], watermark=10.5)

    assert len(label_clock(table, window=10.0)[0].at_us) == 1
    assert len(label_clock(table, window=9.0)[0].at_us) == 3


def test_a_label_after_its_window_is_none() -> None:
    """Whether judged before it came or after, the pair counts the same."""
    clock, in_time = label_clock(_labelled([20.0], watermark=100.0), window=10.0)

    assert in_time.tolist() == [False]
    assert (clock.at_us[0] - START_US) / SECOND == 10.0


def test_a_look_counts_the_pairs_that_had_arrived() -> None:
    """The look at a label names all pairs seen by then."""
    clock, _ = label_clock(_labelled([2.0, 2.0, 0.5, 0.5, 0.5], watermark=100.0), window=10.0)

    assert clock.arrived.tolist() == [3, 4, 4, 4, 5]
    assert np.all(np.diff(clock.at_us) >= 0)


def test_looks_of_counts_are_arrivals() -> None:
    """One look after every pair."""
    table = read_pairs(pairs(5))

    assert arrival_clock(table).arrived.tolist() == [1, 2, 3, 4, 5]
