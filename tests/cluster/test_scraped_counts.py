"""Counters as a Prometheus keeps them: turned into whole requests, whatever restarts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.counters import grown, still
from cluster.errors import Unavailable
from cluster.prometheus import Metrics, Prometheus


@given(
    before=st.lists(st.integers(0, 50), min_size=1, max_size=5),
    after=st.lists(st.lists(st.integers(0, 50), max_size=5), max_size=4),
)
def test_what_a_counter_grew_by_is_what_was_counted(
    before: list[int], after: list[list[int]]
) -> None:
    """Each life of a process begins at nothing; what came before the moment is left out."""
    samples, value, at = [], 0, 0.0
    for step in before:
        value, at = value + step, at + 1
        samples.append((at, float(value)))
    since, expected = at, 0
    for number, life in enumerate(after):
        # A restart is seen as a fall: the first value of a new life is lower than the last one.
        value = value if number == 0 else 0
        last = samples[-1][1]
        for step in life:
            value, at = value + step, at + 1
            expected += value - last if value >= last else value
            last = value
            samples.append((at, float(value)))

    assert grown(samples, since) == expected


@pytest.mark.parametrize(
    ("samples", "count"),
    [
        ([], 0),
        ([(1.0, 100.0)], 0),
        ([(1.0, 100.0), (3.0, 130.0)], 30),
        ([(3.0, 40.0), (4.0, 45.0)], 45),
        ([(1.0, 100.0), (3.0, 130.0), (4.0, 7.0), (5.0, 9.0)], 39),
    ],
    ids=["no series", "nothing since", "grew", "born since", "began again"],
)
def test_counts_since_a_moment(samples: list[tuple[float, float]], count: int) -> None:
    """A series that was born since counts from nothing; one from before does not count its past."""
    assert grown(samples, 2.0) == count


OLD = [(1.0, 100.0), (2.0, 130.0)]


@pytest.mark.parametrize(
    ("series", "seconds"),
    [
        ([], None),
        ([[]], None),
        ([OLD], -1.0),
        ([[*OLD, (4.0, 130.0), (9.0, 130.0)]], 6.0),
        ([[*OLD, (4.0, 131.0), (9.0, 131.0)]], 5.0),
        ([[*OLD, (9.0, 131.0)]], 0.0),
        ([[*OLD, (4.0, 1.0), (9.0, 1.0)]], 5.0),
        ([[(1.0, 5.0), (9.0, 5.0)], [(5.0, 1.0), (9.0, 1.0)]], 4.0),
        ([[(1.0, 5.0), (9.0, 5.0)], [(1.0, 7.0), (6.0, 7.0)]], 3.0),
        ([[(1.0, 5.0), (9.0, 5.0)], [(1.0, 7.0)]], -2.0),
    ],
    ids=[
        "no series", "no sample", "not scraped since", "none since", "one since", "still growing",
        "began again", "a first error since", "the other pod was scraped earlier",
        "the other pod was not scraped since",
    ],
)  # fmt: skip
def test_requests_stand_still_from_the_last_that_was_counted_to_the_last_scrape(
    series: list[list[tuple[float, float]]], seconds: float | None
) -> None:
    """Of several counters it is the last growth of any, until where all of them are known."""
    assert still(series, 3.0) == seconds


def test_a_server_that_does_not_answer_is_unavailable() -> None:
    """Neither no requests nor harm: an error of its own, with the address."""
    from datetime import UTC, datetime

    seen = Prometheus(Metrics("http://127.0.0.1:9"))

    with pytest.raises(Unavailable, match=r"the metrics at http://127\.0\.0\.1:9 cannot be had"):
        seen.before("prices", "v1.0.0", datetime.now(UTC), 50, 10.0)
