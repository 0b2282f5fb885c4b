"""The outbox: errands are due when their time has come and done once."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cluster.outbox import Errand, Outbox

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    """An empty outbox."""
    return Outbox(tmp_path / "ledger.sqlite")


def test_an_errand_is_due_from_its_time_on(outbox: Outbox) -> None:
    """Before it is not told; at and after it is, as it was ordered."""
    outbox.enqueue("report-7", "report", {"rollout": 7}, NOON)

    assert outbox.due(NOON - timedelta(seconds=1)) == []
    assert outbox.due(NOON) == [Errand("report-7", "report", {"rollout": 7}, NOON)]


def test_the_longest_waiting_errand_comes_first(outbox: Outbox) -> None:
    """Errands are told by due time, not by the order in which they came in."""
    outbox.enqueue("late", "message", {}, NOON)
    outbox.enqueue("early", "message", {}, NOON - timedelta(hours=1))

    assert [errand.key for errand in outbox.due(NOON)] == ["early", "late"]


def test_a_done_errand_is_not_told_again(outbox: Outbox) -> None:
    """Only the first `done` counts; a key that was never ordered is not done either."""
    outbox.enqueue("once", "message", {}, NOON)

    assert [outbox.done("once"), outbox.done("once"), outbox.done("never")] == [True, False, False]
    assert outbox.due(NOON) == []


def test_the_same_errand_ordered_twice_is_one(outbox: Outbox) -> None:
    """A repeated order is refused by its key, also after it was done, and changes nothing."""
    assert outbox.enqueue("once", "message", {"text": "first"}, NOON)
    assert not outbox.enqueue("once", "message", {"text": "second"}, NOON)
    assert [errand.payload for errand in outbox.due(NOON)] == [{"text": "first"}]

    outbox.done("once")

    assert not outbox.enqueue("once", "message", {}, NOON)


def test_errands_outlive_the_process(outbox: Outbox, tmp_path: Path) -> None:
    """What one connection ordered another one is told."""
    outbox.enqueue("kept", "message", {}, NOON)
    outbox.close()

    assert [errand.key for errand in Outbox(tmp_path / "ledger.sqlite").due(NOON)] == ["kept"]
