"""What was scraped of a version that serves, by the second: no more than is known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.counters import Samples, grown
from cluster.second_scrapes import seconds_of

SINCE = 100.0
INF = {"le": "+Inf"}


def scraped(*samples: tuple[float, float]) -> list[tuple[dict[str, str], Samples]]:
    """One series, at seconds since the moment."""
    return [({}, [(SINCE + at, value) for at, value in samples])]


@given(st.lists(st.tuples(st.floats(0.01, 3), st.integers(0, 40), st.booleans()), max_size=30))
def test_every_request_is_counted_in_the_second_of_its_scrape(
    steps: list[tuple[float, int, bool]],
) -> None:
    """The one that has not ended is told apart; a counter that began again loses nothing."""
    at, value, samples = SINCE, 0, [(SINCE, 0.0)]
    for gap, step, anew in steps:
        at, value = at + gap, step if anew else value + step
        samples.append((at, float(value)))
    seen = seconds_of([({}, samples)], [], [], SINCE, at, 1.0)
    whole = [one for one in samples if one[0] < SINCE + len(seen.requests)]

    assert int(seen.requests.sum()) == grown(whole, SINCE)
    assert int(seen.requests.sum()) + seen.unfinished[0] == grown(samples, SINCE)
    assert len(seen.requests) == int(at - SINCE)


HISTOGRAM = [
    ({"le": "0.1"}, [(SINCE, 0.0), (SINCE + 1.5, 60.0)]),
    ({"le": "0.5"}, [(SINCE, 0.0), (SINCE + 1.5, 90.0)]),
    ({"le": "+Inf"}, [(SINCE, 0.0), (SINCE + 1.5, 100.0)]),
]


@pytest.mark.parametrize(
    ("limit", "slow"),
    [(0.05, 40), (0.1, 40), (0.2, 10), (0.5, 10), (0.6, None)],
    ids=["under all bounds", "at a bound", "between two", "at the last", "over all bounds"],
)
def test_slow_is_what_certainly_was(limit: float, slow: int | None) -> None:
    """By the lowest bound that is not under the limit; where there is none, nobody knows."""
    requests = scraped((0, 0), (1.5, 100), (3.0, 100))
    seen = seconds_of(requests, [], HISTOGRAM, SINCE, SINCE + 3, limit)

    assert seen.timed.tolist() == [0, 100, 0]
    assert (None if seen.slow is None else seen.slow.tolist()) == (slow and [0, slow, 0])


@pytest.mark.parametrize(
    ("requests", "silent"),
    [([], 90.0), (scraped((-5, 7)), 90.0), (scraped((0, 0), (30, 9)), 60.0)],
    ids=["no series", "from before", "no more"],
)
def test_what_is_scraped_no_more_is_silent(
    requests: list[tuple[dict[str, str], Samples]], silent: float
) -> None:
    """Since the last scrape, or since the watch began."""
    seen = seconds_of(requests, [], [], SINCE, SINCE + 90, 1.0)

    assert seen.silent_for == silent
    assert seen.slow is None
