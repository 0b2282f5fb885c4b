"""The champion against a copy of itself: false alarms counted, offset and drift told."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from pair_tables import pairs, policy

from analysis import read_pairs
from analysis.control import control, windows
from benchmarks.hosts import Hosts
from flows.controlling import controlled, report_of, text_of

SHORT = "[time]\nhorizon = 60.0\nlabel_window = 5.0\n[latency]\nreference_pairs = 500\n"


def copy(n: int = 9_000, ratio: float = 1.0) -> pl.DataFrame:
    """A copy that answers the same, on the same machine, mirrored with an offset."""
    frame = pairs(n, rate=20.0, only_candidate_wrong=0.0, only_baseline_wrong=0.0, ratio=ratio)
    return frame.with_columns(candidate_prediction="baseline_prediction")


def test_a_true_copy_makes_no_more_false_alarms_than_promised() -> None:
    """Seven windows of a minute: none rolled back, no answer differs, no offset."""
    found = control(copy(), policy(SHORT))
    assert (found.windows, found.rollbacks, dict(found.by_gate)) == (7, 0, {})
    assert found.expected == pytest.approx(0.35)
    assert (found.different.value, found.surprising) == (0.0, False)
    assert found.offset.value == pytest.approx(0.0, abs=0.01)


def test_the_mirror_offset_is_told_with_its_interval() -> None:
    """A copy whose answers take 4 % longer, which is nobody's harm."""
    found = control(copy(ratio=1.04), policy(SHORT))
    assert found.offset.low is not None
    assert found.offset.high is not None
    assert found.offset.low < 0.04 < found.offset.high
    assert found.offset.value == pytest.approx(0.04, abs=0.01)
    assert found.rollbacks == 0


def test_hosts_that_drift_are_seen_to_break_a_promise_that_denies_it() -> None:
    """The same version on two hosts, judged as if they were one machine: more than promised."""
    hosts = Hosts(rate=20.0, minutes=40, cv=0.5, rho=0.5)
    frame = hosts.pairs(np.random.default_rng(3))
    asked = policy("[time]\nhorizon = 120.0\n[latency]\nreference_pairs = 500\n")
    # Answers take 200 ms, so that the limit of 100 ms is one that the champion does not keep.
    code, report, said = controlled(read_pairs(frame), asked)
    assert code == 3
    assert report["false_rollbacks"] > 3 * report["expected_at_most"]
    assert report["by_gate"]
    assert report["beyond_limits"] == {"p95-limit": report["windows"]}
    assert "p95-limit" not in report["by_gate"]
    assert "more than promised" in said
    assert "pincex calibrate" in said


def test_one_far_row_costs_no_steps_through_empty_time() -> None:
    """Windows stay on the grid of the first row, and the day of the far one has one."""
    frame = copy()
    far = pl.when(pl.int_range(pl.len()) == len(frame) - 1).then(pl.duration(days=2_500_000))
    moved = frame.with_columns(
        pl.col(name) + far.otherwise(pl.duration()) for name in ("arrived_at", "labelled_at")
    )
    late = moved["arrived_at"].max() + timedelta(hours=1)
    read = read_pairs(moved, {"watermark": late.isoformat()})
    parts = list(windows(read, policy(SHORT)))
    begin = int(read.arrived_us[0])
    assert [len(part) for part in parts][-1] == 1
    assert sum(map(len, parts)) == len(frame)
    offsets = [(int(part.arrived_us[0]) - begin) // 60_000_000 for part in parts]
    assert offsets == sorted(set(offsets))
    assert offsets[-1] > 3_000_000_000


def test_windows_are_whole_and_know_no_label_of_later() -> None:
    """Each row once, in windows of the horizon; a label that came too late is not there."""
    read = read_pairs(copy())
    parts = list(windows(read, policy(SHORT)))
    assert [len(part) for part in parts] == [
        np.count_nonzero((read.arrived_us - read.arrived_us[0]) // 60_000_000 == place)
        for place in range(7)
    ]
    for place, part in enumerate(parts[:-1]):
        end = int(read.arrived_us[0]) + 60_000_000 * (place + 1)
        # Nothing is waited for once the last label has come; here all come within 3 s.
        assert part.watermark_us == max(end, int(part.labelled_us.max()))


def test_a_window_waits_for_labels_that_do_not_come() -> None:
    """Until their own window has passed, and no longer."""
    rare = pl.int_range(pl.len()) % 50 > 0
    frame = copy().with_columns(
        pl.when(rare).then(name).alias(name) for name in ("label", "labelled_at")
    )
    read = read_pairs(frame)
    for place, part in enumerate(list(windows(read, policy(SHORT)))[:-1]):
        assert part.watermark_us == int(read.arrived_us[0]) + 60_000_000 * (place + 1) + 5_000_000


def test_a_week_to_wait_for_labels_makes_no_window_stale() -> None:
    """Whose labels came in seconds: a copy earns as many promotions as with a short one."""
    long = SHORT.replace("label_window = 5.0", "label_window = 604800.0")
    short, week = control(copy(), policy(SHORT)), control(copy(), policy(long))
    assert (week.windows, week.promoted) == (short.windows, short.promoted)


def test_less_than_a_window_controls_nothing() -> None:
    """That is said, and is no success."""
    code, report, said = controlled(read_pairs(copy(600)), policy(SHORT))
    assert (code, report["windows"]) == (4, 0)
    assert said.startswith("no whole window of 60 s")


def test_the_report_and_the_words_agree() -> None:
    """What is printed is what was counted."""
    found = control(copy(), policy(SHORT))
    assert report_of(found)["false_rollbacks"] == found.rollbacks
    assert text_of(found).startswith("0 false ROLLBACK in 7 windows of 60 s; the policy allows")
