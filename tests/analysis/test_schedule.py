"""When histograms are looked at: often while pairs are few, fixed ahead, live as in a file."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pair_tables import pairs, policy

from analysis import Outcome, judge
from analysis.blocks import (
    EARLY,
    EVERY,
    MANY,
    SELDOM,
    by_look,
    counted,
    held,
    looks_of,
    schedule_words,
)

RECORDS = st.integers(0, 40_000)
BARE = "".join(
    f"[gates.{gate}]\nfloor = 0\nfloor_ms = 0\n"
    for gate in ("latency-thresholds", "latency-mean", "p95-ratio")
)
PINNED = "[latency]\nbaseline_p95_ms = 15.5\nbaseline_p99_ms = 20.0\n"
HISTOGRAMS = ("latency-thresholds", "latency-mean", "p95-ratio")


@given(fewer=RECORDS, more=RECORDS, start=st.integers(0, 6_000))
def test_looks_know_nothing_of_the_pairs_to_come(fewer: int, more: int, start: int) -> None:
    """Those of a longer record begin with those of a shorter one, wherever judging begins."""
    fewer, more = sorted((fewer, more))
    looks = looks_of(start + more, start)

    assert looks_of(start + fewer, start).tolist() == looks[looks <= start + fewer].tolist()
    assert looks.tolist() == (start + looks_of(more)).tolist()
    assert (looks > start).all()


def test_a_look_is_never_far_behind() -> None:
    """From 64 pairs on at most a sixteenth of them are waited for, later 1,024, never fewer."""
    looks = looks_of(100_000)
    gaps = np.diff(looks, prepend=0)

    assert looks[0] == EARLY[0][0]
    assert (gaps[looks > 64] <= looks[looks > 64] / 16).all()
    assert (np.diff(gaps) >= 0).all()
    assert set(gaps[looks > EARLY[-1][1]].tolist()) == {EVERY}
    assert len(looks_of(1_000_000)) < 1_000_000 / EVERY + 150


def test_many_pairs_are_looked_at_seldom_and_the_verdict_says_so() -> None:
    """Above ten million pairs there is no early look."""
    assert set(np.diff(looks_of(2 * MANY), prepend=0).tolist()) == {SELDOM}
    assert schedule_words(2 * MANY, "pairs") == "after every 65,536 pairs"
    assert schedule_words(9, "pairs") == "after every 4 pairs at first, every 1,024 from 16,384 on"


@given(
    kinds=st.lists(st.integers(0, 3), max_size=300),
    start=st.integers(0, 40),
)
def test_counts_at_looks_are_those_of_the_pairs_before_them(kinds: list[int], start: int) -> None:
    """At looks that are not evenly spaced, from any pair on, with what came after the last one."""
    start = min(start, len(kinds))
    table = np.array(kinds, dtype=np.int16)

    seen = counted([table], 4, start)

    assert seen.looks.tolist() == looks_of(len(kinds), start).tolist()
    for look, counts in zip(seen.looks, by_look(table, 4, seen.looks, start), strict=True):
        assert counts.tolist() == np.bincount(table[start:look], minlength=4).tolist()
    assert seen.at_end[0].tolist() == np.bincount(table[start:], minlength=4).tolist()


@given(pairs=st.integers(1, 600), seed=st.integers(0, 2**16))
def test_what_a_look_saw_stands_until_the_next(pairs: int, seed: int) -> None:
    """After each pair, what the last look at or before it said; nothing before the first."""
    looks = looks_of(pairs)
    at_looks = np.random.default_rng(seed).random(len(looks)) < 0.5

    flags = held(at_looks, looks, pairs)

    for pair in range(1, pairs + 1):
        past = np.flatnonzero(looks <= pair)
        assert flags[pair - 1] == (at_looks[past[-1]] if len(past) else False)


@pytest.mark.parametrize("gate", HISTOGRAMS)
def test_a_file_fails_at_the_early_look_at_which_a_live_judge_did(gate: str) -> None:
    """With one pair fewer nothing is proven, live or not; with it the look is the same."""
    frame = pairs(1_000, seed=41, ratio=1.35)
    told = judge(frame, policy(BARE + PINNED)).finding(gate)

    assert told.decided_at is not None
    pair = told.decided_at.pair
    assert pair < EVERY
    assert pair in looks_of(len(frame))
    for live in (False, True):
        before, at = (
            judge(frame.head(n), policy(BARE + PINNED), live=live).finding(gate)
            for n in (pair - 1, pair)
        )
        assert before.outcome is not Outcome.FAIL
        assert at.outcome is Outcome.FAIL
        assert at.decided_at == told.decided_at


def test_few_labels_do_not_say_that_enough_of_them_come() -> None:
    """Shares without a level are not looked at before 1,024 pairs are due a label."""
    frame = pairs(1_100, seed=42)

    few, enough = (
        judge(frame.head(n), policy(PINNED)).finding("unlabelled-share") for n in (1_000, 1_100)
    )

    assert few.outcome is Outcome.INCONCLUSIVE
    assert enough.outcome is Outcome.PASS
