"""Two promotions of one model at once: no command takes the other's success for its own."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cluster.identity import start_mark
from cluster.local.home import Home
from cluster.local.processes import Running
from flows.effects import served
from flows.follow import Following, _taken_over
from flows.openers import open_rollout
from flows.site import Site
from rollout.policy import default_policy_text
from rollout.state import Phase, Revision, Rollout, Verb

V1, V2 = (Revision(f"v{n}.0.0", str(n) * 64) for n in (1, 2))


@pytest.fixture
def here(tmp_path: Path) -> Site:
    """A site whose promotion of v2.0.0 is watched by this very process."""
    made = Site("local", Home(tmp_path / "home"))
    opened = open_rollout(
        made, "price", Verb.PROMOTE, V1, V2, default_policy_text(), 1.0, 1.0, override="a test"
    )
    served(made, opened, V2)
    watching(made, opened)
    made.lock.acquire("price", "local", "promote-model price", 60)
    return made


def watching(here: Site, opened: Rollout) -> None:
    """Its watch begins."""
    here.ledger.append(
        "phase",
        component="price",
        region="local",
        actor="ann",
        data={
            "rollout": opened.id,
            "phase": str(Phase.WATCHING),
            "override": "a test",
            "seconds": 600,
            "past_p95_ms": None,
        },
    )


def process(pid: int, mark: str | None) -> Running:
    """The flow process that a command started."""
    return Running("flow", pid, mark, 0.0, False, "", 10.0)


OWN = process(os.getpid(), start_mark(os.getpid()))
CASES = {
    "its own process watches": (OWN, True),
    "another process watches, its own still begins": (
        process(os.getppid(), start_mark(os.getppid())),
        False,
    ),
    "its own process died, and the keeper goes on": (process(os.getppid(), "another"), True),
    "it only follows": (None, True),
}


@pytest.mark.parametrize(("running", "done"), CASES.values(), ids=CASES.keys())
def test_a_promotion_is_done_where_its_own_process_watches(
    here: Site, running: Running | None, done: bool
) -> None:
    """The loser waits for what its own process says: the conflict."""
    followed = Following(here, "price", None, running, True, frozenset(), datetime.now(UTC))
    progress = {"phase": "WATCHING", "at": datetime.now(UTC).isoformat()}

    ended = _taken_over(followed, progress)

    assert (ended is not None) is done
