"""The guard: blocks that agree open it, blocks that differ or are too few keep it shut."""

import numpy as np
import polars as pl
import pytest
from pair_tables import pairs

from analysis import judge, parse_policy, read_pairs
from analysis.drift import Guard, guard_of, scores_of
from benchmarks.hosts import START_US, Hosts, table

DRIFT = parse_policy("").drift
QUIET = Hosts(rate=50.0, minutes=8, cv=0.0, rho=0.0)


def guard(frame: pl.DataFrame, watermark_s: float = 480.0) -> Guard:
    """The guard over this table as seen some seconds after its start."""
    at = pl.Series([START_US + round(watermark_s * 1e6)]).cast(pl.Datetime("us", "UTC"))[0]
    pairs = read_pairs(frame, {"watermark": at.isoformat()})
    return guard_of(scores_of(pairs), pairs.watermark_us, DRIFT)


def test_five_blocks_that_agree_open_it() -> None:
    """Not before the end of the fifth."""
    found = guard(QUIET.pairs(np.random.default_rng(1)))

    assert found.passed.tolist() == [False] * 4 + [True] * 4
    assert not found.trouble()
    ends = found.end_us
    assert found.open_at(np.array([ends[4] - 1, ends[4], ends[7] + 10**9])).tolist() == [
        False,
        True,
        True,
    ]


def test_thin_traffic_needs_a_sixth() -> None:
    """Below 20 requests a second."""
    found = guard(Hosts(5.0, 8, 0.0, 0.0).pairs(np.random.default_rng(2)))

    assert found.passed.tolist() == [False] * 5 + [True] * 3


def test_blocks_that_differ_keep_it_shut() -> None:
    """The reason holds the dispersion and what chance allows."""
    found = guard(Hosts(50.0, 8, 0.1, 0.5).pairs(np.random.default_rng(3)))

    assert not found.passed.any()
    assert found.dispersion[-1] > found.allowed[-1]
    assert "the hosts drift: dispersion" in found.trouble()


def test_an_unfinished_block_does_not_count() -> None:
    """Only what is complete at the watermark."""
    frame = QUIET.pairs(np.random.default_rng(4)).filter(
        pl.col("arrived_at") < pl.lit(START_US + 299_000_000).cast(pl.Datetime("us", "UTC"))
    )

    assert len(guard(frame, 299.9).end_us) == 4
    assert guard(frame, 299.9).trouble().startswith("4 of 5 one-minute blocks")
    assert len(guard(frame, 300.0).end_us) == 5


def test_its_false_alarms_are_a_matter_of_its_level() -> None:
    """On quiet hosts the guard is shut at the end in at most a few of 200 shadows."""
    rng = np.random.default_rng(5)

    shut = sum(not guard(Hosts(20.0, 6, 0.0, 0.0).pairs(rng)).passed[-1] for _ in range(200))

    assert shut <= 2


def test_constant_latencies_do_not_divide_by_nothing() -> None:
    """Rounding alone bounds the variance from below."""
    arrived = START_US + np.arange(0, 480_000_000, 40_000)
    steady = np.full(len(arrived), 10.0)

    assert guard(table(arrived, steady, steady)).passed[-1]


@pytest.mark.parametrize("minutes", [4, 8])
def test_no_small_difference_decides_before_it_opens(minutes: int) -> None:
    """A third slower is harm on one machine at once, behind the guard after five minutes."""
    frame = Hosts(50.0, minutes, 0.0, 0.0, ratio=1.33).pairs(np.random.default_rng(6))
    limits = "[gates.p95-limit]\nlimit_ms = 1e6\n"
    alone = parse_policy('[drift]\nkind = "none"\nreason = "one machine"\n' + limits)

    guarded = judge(frame, parse_policy(limits)).finding("frozen-p95")

    assert judge(frame, alone).finding("frozen-p95").outcome == "FAIL"
    assert guarded.outcome == ("FAIL" if minutes > 5 else "INCONCLUSIVE")
    if minutes < 5:
        assert "blocks that the drift guard needs" in guarded.reason


def test_gross_harm_does_not_wait() -> None:
    """Twice as slow fails within the first minutes, guard or not."""
    frame = Hosts(100.0, 2, 0.0, 0.0, ratio=2.0).pairs(np.random.default_rng(7))

    verdict = judge(frame, parse_policy("[gates.p95-limit]\nlimit_ms = 1e6\n"))

    assert verdict.finding("gross-frozen-p95").outcome == "FAIL"
    assert verdict.finding("frozen-p95").outcome == "INCONCLUSIVE"
    assert verdict.decision == "ROLLBACK"


def test_no_promotion_before_it_has_passed() -> None:
    """Even where the frozen gate itself is advisory."""
    text = "[gates.frozen-p95]\nblocking = false\n"
    verdict = judge(pairs(8_000), parse_policy(text))

    assert verdict.decision == "INCONCLUSIVE"
    assert "blocks that the drift guard needs" in verdict.reason
    reason = '[drift]\nkind = "none"\nreason = "one machine"\n'
    assert judge(pairs(8_000), parse_policy(reason + text)).decision == "PROMOTE"
