"""`kill -9` of every process in every phase: the site ends whole, and never with a wrong PASS.

By default a handful of cells; all of them with PINCEX_KILLS=all, as `python -m benchmarks kills
--full` does.
"""

import os
from collections.abc import Iterator

import pytest
from story_parts import Story

from benchmarks.kill_stages import Stage, prove, returned
from benchmarks.kills import HAS, PHASES, SHORT, STEPS, WATCHED, Victim, kill
from flows.rehearsal.small_client import Client
from flows.rehearsal.small_site import MODEL, SmallSite
from rollout.state import Phase

pytestmark = [pytest.mark.site, pytest.mark.timeout(400)]

ALL = [*PHASES, *STEPS]
CHOSEN = ALL if os.environ.get("PINCEX_KILLS") == "all" else SHORT
LONG = [pytest.mark.long]
# What only the proxy's own death may cost: requests of the seconds in which nothing listened.
COSTLY = {Victim.ENVOY}


@pytest.fixture(scope="module")
def client(story: Story) -> Iterator[Client]:
    """Requests from outside, after the story has proven v2.0.0."""
    story.here.hold_to(WATCHED)
    with story.here.load() as running:
        if any(stage.name == Phase.WATCHING for stage, _ in CHOSEN):
            # A promotion is watched as the policy of its PASS says.
            returned(story.here)
            prove(story.here)
            assert story.here.pincex("promote-model", MODEL).code == 0
        yield running


def test_the_table_has_every_phase() -> None:
    """A phase added to the code has to be killed in, too."""
    assert set(HAS) == set(Phase)
    assert {stage.name for stage, _ in PHASES} == set(Phase)
    assert [cell for cell in SHORT if cell not in ALL] == []


@pytest.mark.parametrize(
    ("stage", "victim"),
    [
        pytest.param(*cell, id=f"{cell[0].name}: {cell[1]}", marks=[] if number < 2 else LONG)
        for number, cell in enumerate(CHOSEN)
    ],
)
def test_a_killed_process(here: SmallSite, client: Client, stage: Stage, victim: Victim) -> None:
    """One healthy version serves, ledger and alias agree, and a bad version never passes."""
    outcome = kill(here, client, stage, victim)
    print(f"{stage.name}, {victim}: {outcome}")

    assert outcome.failed == 0 or victim in COSTLY
    assert client.doubled == 0
