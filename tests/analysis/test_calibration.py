"""Hosts that drift, learned from an A/A window: no false rollback, and real harm still found."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from pair_tables import pairs

from analysis import BadInput, calibrate, judge, parse_policy
from analysis.calibration import autocorrelation_time, correlation
from analysis.envelope import Calibration
from analysis.findings import Outcome
from benchmarks.calibrated import before, judged, policy_of, scores, usable
from benchmarks.hosts import START_US, Hosts, table
from benchmarks.judges.worlds import Drift
from flows.calibrating import table_of


@pytest.mark.parametrize("rho", [0.5, 0.8, 0.95])
def test_equal_versions_on_drifting_hosts_are_not_rolled_back(rho: float) -> None:
    """Of 60 fresh windows and hours at most 3 + 2 sd are: the level is .05, the limit 1."""
    false = [
        bool(judged(found, scores(rng, 60, Drift(0.1, rho)), 1.0).above.any())
        for found, rng in usable(Drift(0.1, rho), 60)
    ]

    assert len(false) >= 20
    assert sum(false) <= 0.05 * len(false) + 2 * np.sqrt(0.0475 * len(false))


@pytest.mark.parametrize("rho", [0.5, 0.8])
def test_a_version_at_its_margin_is_not_proven_safe(rho: float) -> None:
    """25 % slower, margin 25 %: proven safe no more often than in .05."""
    proven = [
        bool(judged(found, scores(rng, 60, Drift(0.1, rho), 1.25), 1.25, side=-1).above.any())
        for found, rng in usable(Drift(0.1, rho), 60)
    ]

    assert sum(proven) <= 0.05 * len(proven) + 2 * np.sqrt(0.0475 * len(proven))


@pytest.mark.parametrize("rho", [0.5, 0.8])
def test_doubled_latency_is_found_within_minutes(rho: float) -> None:
    """In nearly all of the hours, in most of them within five minutes, beyond 10 %."""
    delays = []
    for found, rng in usable(Drift(0.1, rho), 40):
        above = judged(found, scores(rng, 60, Drift(0.1, rho), 2.0), 1.1, level=0.005).above
        delays.append(int(above.argmax()) + 1 if above.any() else 61)

    assert np.mean(np.array(delays) <= 60) >= 0.95
    assert np.median(delays) <= 5


def test_the_width_and_the_memory_of_the_hosts_are_learned() -> None:
    """sd of the difference .141, correlation .8: in the middle of 40 windows near the truth."""
    found = [one for one, _ in usable(Drift(0.1, 0.8), 40)]

    assert np.median([one.minute_rms for one in found]) == pytest.approx(0.141, rel=0.15)
    assert np.median([one.rho for one in found]) == pytest.approx(0.8, abs=0.06)
    assert np.median([one.tau for one in found]) == pytest.approx(60 * 9, rel=0.35)


def test_correlation_needs_no_minute_without_a_gap() -> None:
    """Pairs of minutes are found by their places; the time of white noise is 1."""
    place = np.array([0, 1, 2, 5, 6, 9])
    values = np.array([1.0, 1.0, 1.0, -1.0, -1.0, 1.0])

    assert correlation(place, values, 1) == pytest.approx(1.0)
    assert correlation(place, values, 3) == pytest.approx(-1.0)
    noise = np.random.default_rng(3).normal(size=4_000)
    assert autocorrelation_time(np.arange(4_000), noise) == pytest.approx(1.0, abs=0.25)


def long_window(minutes: int, cv: float, seed: int = 1) -> Calibration:
    """An A/A window at 5 requests a second that ended before any record here began."""
    frame = Hosts(rate=5.0, minutes=minutes, cv=cv, rho=0.5).pairs(np.random.default_rng(seed))
    found = calibrate(frame)
    assert found is not None
    return before(found)


def test_a_record_is_judged_by_what_was_learned() -> None:
    """Drifting hosts roll nothing back and prove little; twice the latency is found."""
    found = long_window(200, 0.1)
    hosts = Hosts(rate=5.0, minutes=40, cv=0.1, rho=0.5)
    slow = Hosts(rate=5.0, minutes=40, cv=0.1, rho=0.5, ratio=2.0)

    equal = judge(hosts.pairs(np.random.default_rng(2)), policy_of(found))
    doubled = judge(slow.pairs(np.random.default_rng(3)), policy_of(found))

    relative = ("frozen-p95", "frozen-p99", "latency-thresholds", "latency-mean", "p95-ratio")
    assert all(equal.finding(name).outcome is not Outcome.FAIL for name in relative)
    assert doubled.finding("latency-mean").outcome is Outcome.FAIL
    assert "these hosts alone differ by" in doubled.finding("latency-mean").reason
    assert "leave their envelope" in doubled.looks


def test_steady_hosts_prove_a_version_safe() -> None:
    """PASS of the latency gates comes from minutes, and from nowhere else."""
    found = long_window(190, 0.005)
    frame = Hosts(rate=5.0, minutes=30, cv=0.005, rho=0.5).pairs(np.random.default_rng(4))

    verdict = judge(frame, policy_of(found))
    short = judge(frame.head(200), policy_of(found))

    assert verdict.finding("frozen-p95").outcome is Outcome.PASS
    assert verdict.finding("latency-mean").outcome is Outcome.PASS
    assert short.finding("frozen-p95").outcome is Outcome.INCONCLUSIVE


TROUBLE = {
    "too short": ({"window": 3_000.0}, "under an hour"),
    "too few times": ({"tau": 4_000.0}, "autocorrelation times"),
    "too wide": ({"rms": 0.4}, "factor of 2.72"),
    "too late": ({"until_us": START_US + 600_000_000}, "after the record had begun"),
}


@pytest.mark.parametrize(("changed", "said"), TROUBLE.values(), ids=TROUBLE.keys())
def test_a_calibration_that_cannot_be_relied_on_decides_nothing(
    changed: dict[str, float], said: str
) -> None:
    """Neither FAIL by a comparison of latencies, nor PASS; the reason names it."""
    good = long_window(190, 0.005)
    values = {name: getattr(good, name) for name in good.__slots__} | changed
    found = Calibration(**values)  # type: ignore[arg-type]
    frame = Hosts(rate=5.0, minutes=30, cv=0.005, rho=0.5, ratio=1.3)

    verdict = judge(frame.pairs(np.random.default_rng(5)), policy_of(found))

    assert verdict.finding("latency-mean").outcome is Outcome.INCONCLUSIVE
    assert verdict.finding("frozen-p95").outcome is Outcome.INCONCLUSIVE
    assert said in verdict.finding("frozen-p95").reason


def test_a_longer_window_is_believed_more() -> None:
    """Four root mean squares from one to three hours, three from there on."""
    good = long_window(190, 0.05)
    short = Calibration(good.until_us, 7_200.0, *(getattr(good, n) for n in good.__slots__[2:]))

    assert (short.factor, good.factor) == (4.0, 3.0)
    assert short.envelope > good.envelope > 0.05


@pytest.mark.parametrize("rate", [0.2, 10.0])
def test_three_hours_of_requests_are_three_hours(rate: float) -> None:
    """Although the last of them came a moment before they were over; a minute less is not."""
    frame = Hosts(rate, minutes=180, cv=0.1, rho=0.5).pairs(np.random.default_rng(6))
    whole, less = calibrate(frame), calibrate(frame.filter(arrived_at_minute(frame) < 179))

    assert whole is not None
    assert less is not None
    assert (whole.window, whole.factor) == (10_800.0, 3.0)
    assert (less.window, less.factor) == (10_740.0, 4.0)


GAPS = {
    "but for the first and the last minute": ([[1, 179]], 1),
    "in every other minute": ([[m, m + 1] for m in range(0, 180, 2)], 1),
    "for two of three hours": ([[20, 140]], 40),
    "for an hour in the middle": ([[60, 120]], 60),
    "for an hour and a minute, earlier": ([[40, 101]], 79),
    "for a minute": ([[120, 121]], 120),
}


@pytest.mark.parametrize(("gaps", "minutes"), GAPS.values(), ids=GAPS.keys())
def test_a_window_is_as_long_as_its_longest_run_of_minutes(
    gaps: list[list[int]], minutes: int
) -> None:
    """Only minutes that follow each other say how long hosts stay apart: runs do not add up."""
    frame = Hosts(5.0, minutes=180, cv=0.1, rho=0.5).pairs(np.random.default_rng(6))
    minute = arrived_at_minute(frame)
    silent = [(minute >= begin) & (minute < end) for begin, end in gaps]
    found = calibrate(frame.filter(~pl.any_horizontal(silent)))

    assert found is not None
    assert (found.window, found.factor) == (60.0 * minutes, 4.0)
    assert bool(found.trouble) == (minutes < 60)
    assert not found.trouble or f"by {minutes} unbroken min" in found.trouble


def by_day(days: int, minutes: int, levels: np.ndarray) -> pl.DataFrame:
    """So many minutes each day at 2 requests a second; the ratio of a day's latencies holds."""
    rng = np.random.default_rng(8)
    second = np.arange(days)[:, None] * 86_400 + np.arange(0, 60 * minutes, 0.5)
    ratio = np.exp(levels[:, None] + rng.normal(0, 0.2, second.shape))
    arrived_us = START_US + (second * 1e6).astype(np.int64).ravel()
    return table(arrived_us, np.full(second.size, 200.0), 200.0 * ratio.ravel())


def test_two_minutes_a_day_calibrate_nothing() -> None:
    """Sixty-one pieces of hosts that hold a level for a day were an hour of hosts that do not."""
    levels = np.random.default_rng(9).normal(0, 0.02, 61)

    found = calibrate(by_day(61, 2, levels))

    assert found is not None
    assert found.window == 120.0
    assert "by 2 unbroken min" in found.trouble


def test_what_lies_beyond_a_gap_is_heard_where_it_says_worse() -> None:
    """Hours in which hosts agree are relied on alone, not beside a day on which they do not."""
    one = calibrate(by_day(1, 180, np.zeros(1)))
    two = calibrate(by_day(2, 180, np.array([0.0, 0.3])))

    assert one is not None
    assert two is not None
    assert (one.trouble, one.window, two.window) == ("", 10_800.0, 10_800.0)
    assert two.rms > 5 * one.rms
    assert "autocorrelation times" in two.trouble


def test_an_autocorrelation_without_an_end_is_longer_than_a_window_allows() -> None:
    """A lag that no two minutes tell of does not count as none."""
    place = np.array([0, 1, 1_440, 1_441, 2_880, 2_881])

    assert correlation(place, np.ones(6), 2) == 1.0
    assert 5 * autocorrelation_time(place, np.ones(6)) > 2
    assert 5 * autocorrelation_time(np.arange(180), np.ones(180)) > 180


def test_many_lines_are_counted_in_blocks_to_the_same_calibration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As they are one by one, but for the end, which is that of the last second."""
    frame = Hosts(2.0, minutes=70, cv=0.1, rho=0.5).pairs(np.random.default_rng(7))
    one_by_one = calibrate(frame)
    assert one_by_one is not None
    for name, write in (("a.parquet", frame.write_parquet), ("a.jsonl", frame.write_ndjson)):
        write(tmp_path / name)
        with monkeypatch.context() as few:
            few.setattr("analysis.read.MANY", 1_000)
            few.setattr("analysis.lines.MANY", 1_000)
            found = calibrate(tmp_path / name)

        assert found is not None
        assert found.until_us % 1_000_000 == 0
        assert replace(found, until_us=0) == replace(one_by_one, until_us=0)


def arrived_at_minute(frame: pl.DataFrame) -> pl.Series:
    """Whole minutes since the start."""
    return (frame["arrived_at"].dt.timestamp("us") - START_US) // 60_000_000


def test_healthy_pairs_of_one_second_are_no_window() -> None:
    """Two minutes at least."""
    assert calibrate(pairs(200)) is None


def test_hosts_that_never_differ_were_not_measured() -> None:
    """A copy with the very latencies of the champion gives no table that a policy would take."""
    frame = pairs(4_000, rate=10.0)
    frame = frame.with_columns(candidate_latency_ms=pl.col("baseline_latency_ms"))
    found = calibrate(frame)
    assert found is not None
    assert replace(found, window=20_000.0).trouble == (
        "latencies of the hosts never differ, so that nobody measured them"
    )


BAD = {
    "a number is missing": ("rms", None, "without rms"),
    "no offset": ("until", "2026-01-01T00:00:00", "a time with its offset"),
    "correlation of 1": ("rho", "1.0", "rho is 1"),
    "negative": ("tau", "-1.0", "tau is -1"),
    "text": ("window", '"long"', "window is 'long'"),
    "wider than any": ("rms", "1e9", "rms is 1e+09 it must lie between 1e-09 and 1"),
    "hosts that never differ": ("rms", "0", "rms is 0"),
    "minutes that never differ": ("minute_rms", "0", "minute_rms is 0"),
    "blocks of no time": ("block", "0", "block is 0"),
}


@pytest.mark.parametrize(("key", "value", "said"), BAD.values(), ids=BAD.keys())
def test_a_table_that_was_changed_by_hand_is_refused(
    key: str, value: str | None, said: str
) -> None:
    """Each error names the key."""
    until = datetime(2026, 1, 1, tzinfo=UTC) - timedelta(days=1)
    found = Calibration(round(until.timestamp() * 1e6), 11_000.0, 60.0, 0.1, 0.1, 0.5, 180.0)
    lines = [line for line in table_of(found).splitlines() if not line.startswith(f"{key} ")]
    lines += [f"{key} = {value}"] if value else []

    with pytest.raises(BadInput) as refused:
        parse_policy("\n".join(lines))
    assert said in f"{refused.value.message} {refused.value.hint}"
