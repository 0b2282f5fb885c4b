"""Commands of two people at the same instant: one wins, the other is told, and all of it agrees.

Twenty pairs, those of whole rollouts in the long run; more: `python -m benchmarks races --full`.
"""

import random
from collections.abc import Iterator

import pytest
from story_parts import Story

from benchmarks.race_pairs import RACES, rest
from benchmarks.races import Raced, race
from flows.rehearsal.small_client import Client
from flows.rehearsal.small_site import SmallSite

pytestmark = [pytest.mark.site, pytest.mark.timeout(400)]

PAIRS = {
    "rollback, rollback": 7,
    "register, register": 3,
    "register, register other files": 3,
    "rollback, foreign alias": 3,
    "promote at traffic, rollback": 1,
    "promote, promote": 1,
    "deploy, rollback": 1,
    "resume, promote": 1,
}


@pytest.fixture(scope="module")
def client(story: Story) -> Iterator[Client]:
    """Requests from outside all the while, none of which may fail."""
    with story.here.load() as running:
        yield running
    rest(story.here)
    assert running.failures == []
    assert running.doubled == 0


def test_there_are_twenty() -> None:
    """As many as were promised."""
    assert sum(PAIRS.values()) == 20


@pytest.mark.parametrize(
    ("name", "count"),
    [
        pytest.param(name, count, id=name, marks=[pytest.mark.long] if count == 1 else [])
        for name, count in PAIRS.items()
    ],
)
def test_of_two_commands_at_once(here: SmallSite, client: Client, name: str, count: int) -> None:
    """Traffic, ledger and aliases agree, nobody holds the lock, nothing is owed or left up."""
    chance = random.Random(name)
    raced: list[Raced] = [race(here, RACES[name], chance) for _ in range(count)]

    assert [one.wrong for one in raced] == [()] * count
    assert sum(one.ended == "wrong" for one in raced) == 0
    if name == "rollback, rollback":
        assert "one won" in {one.ended for one in raced}, "none of them was a race"
