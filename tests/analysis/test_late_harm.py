"""Late harm: the vectorised recursion is the recursion, over whole seconds, up to the horizon."""

import numpy as np
import pytest

from analysis import paired
from analysis.bets import Bets
from analysis.error_gates import late_rate_bets
from analysis.late import Blocks, blocks_of, counts_by_block, follow_late

RNG = np.random.default_rng(61)
SECOND = np.array([0, 0, 1, 1, 1, 4, 5, 5, 9])
ARRIVED = 1_760_000_000_000_000 + SECOND * 1_000_000 + np.arange(9)
END = int(ARRIVED[0]) + 60_000_000


def by_hand(bets: Bets, counts: np.ndarray, seconds: list[int], horizon: int) -> list[float]:
    """R_t = e_t (R_{t-1} + 1) for each second, also the empty ones."""
    wealth = np.zeros(bets.gains.shape[1])
    path = []
    for second in range(max(seconds) + 1):
        start = 1.0 if second < horizon else 0.0
        gained = np.ones_like(wealth)
        if second in seconds:
            gained = np.exp(counts[:, seconds.index(second)] @ bets.gains)
        wealth = gained * (wealth + start)
        if second in seconds:
            path.append(float(np.log(np.exp(bets.log_weights) @ wealth / horizon)))
    return path


@pytest.mark.parametrize("horizon", [3, 7, 1800])
def test_the_path_is_the_recursion_done_by_hand(horizon: int) -> None:
    """Empty seconds start anew too, and after the horizon nothing starts."""
    blocks = blocks_of(ARRIVED, END, horizon)
    flags = RNG.random((2, 9)) < 0.4
    counts = counts_by_block([flags[0] & ~flags[1], flags[1] & ~flags[0]], blocks)
    bets = paired.harm_bets(0.0)
    expected = by_hand(bets, counts, [0, 1, 4, 5, 9], horizon)

    for length in range(1, 6):
        part = Blocks(*(getattr(blocks, name)[:length] for name in Blocks.__slots__))
        trace, _ = follow_late(bets, counts[:, :length], part, horizon, 0.05)
        assert trace.log_e == pytest.approx(expected[length - 1])


def test_a_second_that_may_still_grow_is_left_out() -> None:
    """A block is judged once the watermark has passed its end."""
    last = int(ARRIVED[-1])

    assert len(blocks_of(ARRIVED, last, 1800).stop) == 4
    assert len(blocks_of(ARRIVED, last // 1_000_000 * 1_000_000 + 1_000_000, 1800).stop) == 5


def test_counts_per_second_add_up() -> None:
    """The last kind is the rest."""
    flags = SECOND % 2 == 1
    counts = counts_by_block([flags], blocks_of(ARRIVED, END, 1800))

    assert counts.tolist() == [[0, 3, 0, 2, 1], [2, 0, 1, 0, 0]]


def test_the_strongest_window_is_that_of_the_burst() -> None:
    """What the reason quotes begins where the errors began."""
    index = np.arange(100)
    counts = np.stack([np.where(index >= 80, 20.0, 0.0), np.where(index >= 80, 30.0, 50.0)])
    blocks = Blocks(index, index + 1, index, np.ones(100))

    trace, window = follow_late(late_rate_bets(0.05), counts, blocks, 1800, 0.003)

    first = trace.first()
    assert first is not None
    assert 80 <= first <= 82
    assert window == 80


def test_nothing_arrived_is_no_evidence() -> None:
    """An empty record has a path without looks."""
    blocks = blocks_of(ARRIVED[:0], END, 1800)
    trace, _ = follow_late(
        late_rate_bets(0.05), counts_by_block([ARRIVED[:0] > 0], blocks), blocks, 1800, 0.05
    )

    assert trace.first() is None
    assert trace.log_e == pytest.approx(-np.log(1800))
