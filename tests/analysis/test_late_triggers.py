"""The sequential triggers of a watch: late harm by the second, and accuracy on a bound."""

import numpy as np
import pytest

from analysis.columns import NO_TIME
from analysis.error_gates import late_rate_bets
from analysis.late import blocks_of, counts_by_block, follow_late
from analysis.late_triggers import Answers, _blocks, accuracy, late_harm, sustained_harm
from analysis.policy import Accuracy
from analysis.triggers import Counts, Reading, Rule, State, above_in_a_row

RNG = np.random.default_rng(90)
RULE = Accuracy("within_factor", 1.75)
SECOND = 1_000_000
WATCH, LEVEL = 600.0, 0.003


def burst(rate: float, seconds: int = 60, since: int = 40, per_second: int = 50) -> Counts:
    """One error in a thousand, and from a second on this rate."""
    rates = np.where(np.arange(seconds) < since, 0.001, rate)
    return Counts(np.full(seconds, per_second), RNG.binomial(per_second, rates))


def late(counts: Counts) -> Reading:
    """What the detector says of a limit of 5 %."""
    return late_harm("late errors", counts, 0.05, LEVEL, WATCH, 60, "errors")


def test_a_burst_is_found_within_seconds() -> None:
    """Forty seconds into the watch, with the window of the burst and its rate in the sentence."""
    found = late(burst(0.5))

    assert found.state is State.FIRING
    assert found.reason.startswith("errors ")
    assert found.reason.endswith("in 1 s, proven over 5 %")


@pytest.mark.parametrize(("requests", "bad"), [(0, 0), (1, 0), (3, 2), (40, 9)])
def test_a_second_that_has_not_ended_may_be_looked_at(requests: int, bad: int) -> None:
    """One more request at the limit's own rate neither gains nor loses on average: a fair game."""

    def wealth(n: int, errors: int) -> float:
        seconds = Counts(np.array([50, 50, n]), np.array([4, 6, errors]))
        blocks = _blocks(np.arange(3), seconds.requests, 60)
        kinds = np.stack([seconds.bad, seconds.requests - seconds.bad]).astype(np.float64)
        return float(np.exp(follow_late(late_rate_bets(0.05), kinds, blocks, 60, LEVEL)[0].log_e))

    after = 0.05 * wealth(requests + 1, bad + 1) + 0.95 * wealth(requests + 1, bad)

    assert after == pytest.approx(wealth(requests, bad), rel=1e-9)


def test_what_is_under_the_limit_is_quiet() -> None:
    """Four errors in a hundred are not proven to be more than five."""
    found = late(burst(0.04, since=0, seconds=600))

    assert (found.state, found.reason) == (State.QUIET, "")


def test_silence_is_an_outcome_of_its_own() -> None:
    """Nothing at all, or nothing for a minute; a firing trigger stays one."""
    nothing = np.zeros(60, dtype=np.int64)
    quiet, harm = burst(0.0), burst(0.5)

    assert late(Counts(nothing[:0], nothing[:0])).state is State.NO_TRAFFIC
    assert late(Counts(nothing, nothing)).state is State.NO_TRAFFIC
    silent = [
        Counts(np.append(c.requests, nothing), np.append(c.bad, nothing)) for c in (quiet, harm)
    ]
    assert [late(c).state for c in silent] == [State.NO_TRAFFIC, State.FIRING]


def test_the_same_evidence_as_the_gate_finds_in_rows() -> None:
    """Counts by the second give the very path that the rows give."""
    counts = burst(0.05, seconds=90, since=0)
    counts.requests[[0, 1, 33, 34, 35, 89]] = counts.bad[[0, 1, 33, 34, 35, 89]] = 0
    second = np.repeat(np.arange(90), counts.requests)
    bad = np.concatenate([np.arange(n) < k for n, k in zip(*_both(counts), strict=True)])
    bets = late_rate_bets(0.05)
    rows = blocks_of(second * SECOND, 91 * SECOND, 60)
    filled = np.flatnonzero(counts.requests)
    seconds = _blocks(filled, counts.requests[filled], 60)
    events = counts_by_block([bad], rows)
    expected, _ = follow_late(bets, events, rows, 60, LEVEL)
    kinds = np.stack([counts.bad[filled], (counts.requests - counts.bad)[filled]]).astype(float)
    found, _ = follow_late(bets, kinds, seconds, 60, LEVEL)

    assert found.log_e == pytest.approx(expected.log_e)
    assert (found.above == expected.above).all()


def _both(counts: Counts) -> tuple[list[int], list[int]]:
    return counts.requests.tolist(), counts.bad.tolist()


def test_it_fires_at_the_look_at_which_the_evidence_suffices() -> None:
    """Not a second earlier or later than the e-process with the watch as its horizon."""
    counts = burst(0.09, seconds=120, since=0)
    kinds = np.stack([counts.bad, counts.requests - counts.bad]).astype(float)
    blocks = _blocks(np.arange(120), counts.requests, int(WATCH))
    trace, _ = follow_late(late_rate_bets(0.05), kinds, blocks, int(WATCH), LEVEL)
    looks = [late(Counts(counts.requests[:n], counts.bad[:n])) for n in range(1, 121)]

    fired = [look.state is State.FIRING for look in looks]
    assert fired.index(True) == trace.first()


def slow(share: float, bad_seconds: range, per_second: int = 50) -> Reading:
    """Two minutes with 3 % slow requests, and `share` of them in some of the seconds."""
    rates = [share if second in bad_seconds else 0.03 for second in range(120)]
    counts = Counts(np.full(120, per_second), RNG.binomial(per_second, rates))
    return sustained_harm("late response time", counts, 0.05, 0.006, WATCH, 60, "p95 over 26 ms")


def test_a_machine_that_stops_for_a_moment_proves_nothing() -> None:
    """All requests of five seconds are slow: quiet. Of thirty seconds: harm, and it says so."""
    moment, sustained = slow(1.0, range(60, 65)), slow(0.5, range(60, 90))

    assert moment.state is State.QUIET
    assert sustained.state is State.FIRING
    assert sustained.reason.startswith("p95 over 26 ms in 2")
    assert sustained.reason.endswith("seconds, proven in more than half")


@pytest.mark.parametrize("rate", [0.5, 1.0, 3.0])
def test_few_requests_that_are_all_slow_are_harm(rate: float) -> None:
    """A second with a single request can be over the limit, too."""
    requests = RNG.poisson(rate, 120)

    found = sustained_harm("x", Counts(requests, requests), 0.05, 0.05, 200.0, 60, "x")

    assert found.state is State.FIRING


@pytest.mark.parametrize("per_second", [1, 5, 13, 14, 19, 20, 21, 130])
def test_at_the_limit_a_second_is_over_it_at_most_every_other_time(per_second: int) -> None:
    """1,000 watches of 200 s at exactly 5 %: alarms within the level, whatever n times 5 % is."""
    requests = np.full(200, per_second)
    bad = RNG.binomial(per_second, 0.05, (1000, 200))
    fired = [
        sustained_harm("x", Counts(requests, one), 0.05, 0.05, 200.0, 60, "x").state for one in bad
    ]

    assert fired.count(State.FIRING) <= 65


@pytest.mark.parametrize("per_second", [5, 50])
def test_at_the_limit_it_alarms_no_more_often_than_its_level(per_second: int) -> None:
    """1,000 watches of 200 s at exactly 5 %, level .05: the upper Wilson bound of 5 % is 6.5 %."""
    level, runs = 0.05, 1000
    errors = RNG.binomial(per_second, 0.05, (runs, 200))
    requests = np.full(200, per_second)
    fired = sum(
        late_harm("x", Counts(requests, one), 0.05, level, 200.0, 60, "x").state is State.FIRING
        for one in errors
    )

    assert fired / runs <= 0.065


def test_its_false_alarms_are_its_level_over_the_watch() -> None:
    """An upper bound, and said to be one."""
    found = late(burst(0.0))

    assert found.alarms_per_hour == pytest.approx(LEVEL * 6)
    assert found.bound


def answers(
    right: list[bool],
    delays: list[float | None],
    *,
    watermark: float = 1000.0,
    numbers: bool = True,
) -> Answers:
    """A request a second; right ones forecast what came."""
    arrived = np.arange(len(right)) * SECOND
    told = [NO_TIME if d is None else round(n * SECOND + d * SECOND) for n, d in enumerate(delays)]
    label = np.array([np.nan if d is None else 1.0 for d in delays])
    prediction = np.where(right, 1.0, 3.0)
    return Answers(
        arrived,
        prediction,
        label,
        np.array(told, dtype=np.int64),
        numbers,
        round(watermark * SECOND),
    )


def judged(table: Answers, window: float = 100.0) -> Reading:
    """Against 85 %."""
    return accuracy("accuracy", table, RULE, 0.85, LEVEL, window, WATCH)


def share_right(share: float, n: int) -> list[bool]:
    """So many right ones, spread evenly."""
    return [number % 20 < 20 * share for number in range(n)]


N = 400
LATE = [1.0] * N
ACCURACIES = {
    "nobody asked": (answers([], []), State.NO_TRAFFIC, "no request so far"),
    "no label": (answers([True] * N, [None] * N), State.NO_LABELS, "for 400 requests"),
    "labels too late": (answers([False] * N, [101.0] * N), State.NO_LABELS, "for 400 requests"),
    "all right": (answers([True] * N, LATE, watermark=402), State.QUIET, ""),
    "as good as asked for": (answers(share_right(0.85, N), LATE, watermark=402), State.QUIET, ""),
    "far below": (answers(share_right(0.5, N), LATE), State.FIRING, "proven below 85 %"),
    "texts that differ": (
        answers([False] * N, LATE, numbers=False),
        State.FIRING,
        "proven below 85 %",
    ),
    "labels stopped": (
        answers([True] * N, [1.0] * 100 + [None] * 300, watermark=400),
        State.NOT_JUDGED,
        "no label for 300 s",
    ),
}


@pytest.mark.parametrize(("table", "state", "said"), ACCURACIES.values(), ids=ACCURACIES.keys())
def test_accuracy_on_a_bound(table: Answers, state: State, said: str) -> None:
    """Only proof fires; what is missing has its own words."""
    found = judged(table)

    assert found.state is state
    assert said in found.reason


def test_a_point_below_the_floor_is_no_proof() -> None:
    """Two wrong of ten are 80 %, and far too few to undo a promotion."""
    found = judged(answers([False, False, *[True] * 8], [1.0] * 10, watermark=12))

    assert found.state is State.QUIET
    assert found.now.startswith("80 % (")


def test_missing_labels_speak_for_nobody() -> None:
    """Wrong or right, without a label in time they count as right."""
    table = answers([False] * N, [1.0 if n % 20 < 2 else None for n in range(N)])

    assert judged(table).state is not State.FIRING


def test_labels_are_judged_in_order_of_arrival() -> None:
    """Wrong answers whose labels are quick do not overtake one that is still awaited."""
    table = answers([False] * 60, [None, *[0.1] * 59], watermark=62)

    assert judged(table).state is State.NO_LABELS
    assert judged(table, window=10.0).state is State.FIRING


def test_a_healthy_hour_at_the_demos_traffic_is_quiet() -> None:
    """300 requests/s, .1 % errors, 3 % slow, 88 % right: all is quiet."""
    per_second = np.full(3600, 300)
    errors, waits = (Counts(per_second, RNG.binomial(300, rate, 3600)) for rate in (0.001, 0.03))
    n = 300 * 600
    arrived = np.arange(n) * (SECOND // 300)
    prediction = np.where(RNG.random(n) < 0.88, 1.0, 3.0)
    told = Answers(arrived, prediction, np.ones(n), arrived + SECOND, True, 602 * SECOND)
    readings = [
        above_in_a_row(Rule("errors", 0.05, 2, 100), errors, 60, "errors"),
        above_in_a_row(Rule("response time", 0.05, 5, 100), waits, 60, "slow"),
        late_harm("late errors", errors, 0.05, LEVEL, 3600.0, 60, "errors"),
        sustained_harm("late response time", waits, 0.05, LEVEL, 3600.0, 60, "slow"),
        accuracy("accuracy", told, RULE, 0.85, LEVEL, 300.0, 600.0),
    ]

    assert {reading.state for reading in readings} == {State.QUIET}
    assert sum(one.alarms_per_hour or 0.0 for one in readings[:2]) < 1e-12
