"""Numbers as people read them."""

import re
import shlex
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.words import (
    bar,
    clock,
    count,
    date_and_clock,
    duration,
    milliseconds,
    percent,
    shell_word,
)

DURATIONS = {
    0: "0 ms",
    0.0412: "41.2 ms",
    0.9994: "999 ms",
    0.9995: "1 s",
    16.4: "16 s",
    99.4: "99 s",
    100: "2 min",
    240: "4 min",
    5399: "90 min",
    5400: "2 h",
    10_800: "3 h",
    86_400: "24 h",
    172_800: "2 days",
}


@pytest.mark.parametrize(("seconds", "text"), DURATIONS.items(), ids=DURATIONS.values())
def test_durations_as_people_say_them(seconds: float, text: str) -> None:
    """Milliseconds, seconds, minutes, hours, days."""
    assert duration(seconds) == text


@given(st.floats(0, 1e7))
def test_a_duration_is_never_far_off(seconds: float) -> None:
    """Whatever unit it is said in, at most a third is lost by rounding."""
    number, unit = duration(seconds).split()
    sizes = {"ms": 0.001, "s": 1, "min": 60, "h": 3600, "days": 86_400}
    said = float(number) * sizes[unit]

    assert abs(said - seconds) <= 0.34 * seconds + 1e-9
    assert "e" not in number or seconds < 1e-6


PERCENTS = {
    None: "unknown",
    0: "0.00 %",
    0.0011: "0.11 %",
    0.05: "5.00 %",
    0.8914: "89.1 %",
    1: "100.0 %",
}


@pytest.mark.parametrize(("fraction", "text"), PERCENTS.items(), ids=PERCENTS.values())
def test_percent(fraction: float | None, text: str) -> None:
    """Two places below ten percent, one above."""
    assert percent(fraction) == text


MILLISECONDS = {
    0.0412: "41.2 ms",
    0.9: "900 ms",
    0.9994: "999 ms",
    0.9996: "1 s",
    2.0: "2 s",
    150.0: "2 min",
}


@pytest.mark.parametrize(("seconds", "text"), MILLISECONDS.items(), ids=MILLISECONDS.values())
def test_milliseconds_until_they_are_seconds(seconds: float, text: str) -> None:
    """Above a second people say seconds."""
    assert milliseconds(seconds) == text


def test_counts_are_in_full() -> None:
    """With thousands separated."""
    assert [count(n) for n in (0, 999, 41_206, 1_000_000)] == ["0", "999", "41,206", "1,000,000"]


def test_times_are_local_with_their_offset() -> None:
    """The same moment, however it was given, and a date where it may be another day."""
    moment = datetime(2026, 1, 5, 12, tzinfo=UTC)
    elsewhere = moment.astimezone(timezone(timedelta(hours=5, minutes=30)))

    assert clock(moment) == clock(elsewhere)
    assert re.fullmatch(r"\d\d:\d\d:\d\d \([+-]\d\d:\d\d\)", clock(moment))
    assert date_and_clock(moment) == f"{moment.astimezone():%Y-%m-%d} {clock(moment)}"


BARS = {
    "nothing known": (0.0, 0.0, "|          +          |"),
    "safe": (0.0, 1.0, "|          +==========|"),
    "harm": (1.0, 0.0, "|==========+          |"),
    "on the way": (-0.3, 0.7, "|          +=======   |"),
    "beyond either end": (7.0, 7.0, "|==========+==========|"),
}


@pytest.mark.parametrize(("harm", "safe", "drawn"), BARS.values(), ids=BARS.keys())
def test_the_bar_fills_towards_either_boundary(harm: float, safe: float, drawn: str) -> None:
    """Left for harm, right for safety."""
    assert bar(harm, safe) == drawn


@given(st.floats(-5, 5), st.floats(-5, 5), st.integers(1, 40))
def test_the_bar_keeps_its_width(harm: float, safe: float, half: int) -> None:
    """Whatever the evidence, both halves stand where they stand."""
    drawn = bar(harm, safe, half)

    assert len(drawn) == 2 * half + 3
    assert drawn[half + 1] == "+"


@given(st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=20))
def test_a_word_of_a_command_is_read_by_a_shell_as_it_is(word: str) -> None:
    """Whatever it is made of."""
    assert shlex.split(f"pincex verify {shell_word(word)} --json") == [
        "pincex", "verify", word, "--json",
    ]  # fmt: skip


@pytest.mark.parametrize("path", ["/var/p_1/a-b.json", "/site/logs/price@v1.0.0#1.log", "a:b"])
def test_a_plain_path_is_not_quoted(path: str) -> None:
    """It can be read as it is."""
    assert shell_word(path) == path
