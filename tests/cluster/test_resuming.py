"""A rollout that lost its process goes on: the keeper starts its resume, once at a time."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from local_parts import eventually, kill_role

from cluster.errors import StateDamaged
from cluster.ledger import Ledger
from cluster.local.down import down
from cluster.local.home import Home
from cluster.local.processes import running
from cluster.local.scan import members
from cluster.local.upkeep import KEEPER, ensure_keeper, resume_argv
from cluster.lock import Lock

RESUME = """
import sys, time
from pathlib import Path
from cluster.lock import Lock, held
home, component, region, seconds = Path(sys.argv[1]), *sys.argv[2:]
(home / "resumed").open("a").write(f"{component} {region}\\n")
with held(Lock(home / "ledger.sqlite"), component, region, "resume", 60):
    time.sleep(float(seconds))
"""


class Rollouts:
    """The ledger and lock of a home, and a resume command that writes down that it ran."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.ledger, self.lock = Ledger(home.ledger), Lock(home.ledger)

    def keep(self, seconds: float) -> None:
        """Start the keeper with a resume that takes `seconds`."""
        script = self.home.path / "resume.py"
        script.write_text(RESUME)
        words = (str(script), str(self.home.path), "{component}", "{region}", str(seconds))
        ensure_keeper(self.home, (sys.executable, *words))

    def note(self, kind: str) -> None:
        """Add a row about the rollout of `price`."""
        self.ledger.append(kind, component="price", region="local", actor="ann", data={})

    def resumed(self) -> list[str]:
        """What the resume command wrote, run by run."""
        file = self.home.path / "resumed"
        return file.read_text().splitlines() if file.exists() else []


@pytest.fixture
def rollouts(home: Home) -> Iterator[Rollouts]:
    """No rollout yet."""
    made = Rollouts(home)
    yield made
    made.ledger.close()
    made.lock.close()


def test_an_open_rollout_without_a_process_is_resumed(rollouts: Rollouts) -> None:
    """Within two seconds, for its component and region, and not twice while it runs."""
    rollouts.keep(seconds=1000)
    rollouts.note("rollout-opened")

    took = eventually(rollouts.resumed)
    time.sleep(1.5)

    assert took < 2
    assert rollouts.resumed() == ["price local"]
    assert running(rollouts.home, "resume:price@local") is not None


@pytest.mark.parametrize(
    "kinds", [[], ["rollout-opened", "rollout-closed"]], ids=["none", "closed"]
)
def test_nothing_is_resumed_without_an_open_rollout(rollouts: Rollouts, kinds: list[str]) -> None:
    """A closed rollout needs nobody."""
    for kind in kinds:
        rollouts.note(kind)

    rollouts.keep(seconds=0)
    time.sleep(1.2)

    assert rollouts.resumed() == []


def test_a_held_rollout_is_left_to_its_process(rollouts: Rollouts) -> None:
    """As long as its process lives and renews; when it gave up its lock, resume comes."""
    lease = rollouts.lock.acquire("price", "local", "deploy-model", 60)
    rollouts.note("rollout-opened")
    rollouts.keep(seconds=1000)
    time.sleep(1.2)
    assert rollouts.resumed() == []

    lease.release()

    assert eventually(rollouts.resumed) < 2


def test_a_resume_that_is_slow_to_take_the_lock_is_not_doubled(rollouts: Rollouts) -> None:
    """It lives, so nobody else starts one, although the lock is still free."""
    code = "open('resumed', 'a').write('slow\\n'); import time; time.sleep(1000)"
    ensure_keeper(rollouts.home, (sys.executable, "-c", code))
    rollouts.note("rollout-opened")
    eventually(rollouts.resumed)

    time.sleep(2.5)

    assert rollouts.resumed() == ["slow"]


def test_a_killed_resume_is_resumed(rollouts: Rollouts) -> None:
    """Killed in the middle, the rollout gets another process, after a pause."""
    rollouts.keep(seconds=1000)
    rollouts.note("rollout-opened")
    eventually(lambda: rollouts.lock.holder("price", "local"))

    kill_role(rollouts.home, "resume:price@local")

    eventually(lambda: len(rollouts.resumed()) == 2, within=5)


def test_a_resume_that_fails_is_tried_ever_more_slowly(rollouts: Rollouts) -> None:
    """One that ends at once without closing the rollout does not run in a tight loop."""
    rollouts.keep(seconds=0)
    rollouts.note("rollout-opened")
    eventually(rollouts.resumed)

    time.sleep(4)

    assert 2 <= len(rollouts.resumed()) <= 3


def test_the_killed_keeper_and_the_killed_process_both_come_back(rollouts: Rollouts) -> None:
    """After both were killed, the next command's keeper resumes by the command said before."""
    rollouts.keep(seconds=1000)
    rollouts.note("rollout-opened")
    eventually(lambda: rollouts.lock.holder("price", "local"))
    kill_role(rollouts.home, KEEPER)
    kill_role(rollouts.home, "resume:price@local")

    ensure_keeper(rollouts.home)

    eventually(lambda: len(rollouts.resumed()) == 2, within=5)


def test_down_ends_the_resume_and_up_goes_on(rollouts: Rollouts) -> None:
    """`down` leaves the rollout open and nothing alive; the next keeper resumes it."""
    rollouts.keep(seconds=1000)
    rollouts.note("rollout-opened")
    eventually(lambda: rollouts.lock.holder("price", "local"))

    assert down(rollouts.home) == ["keeper", "resume:price@local"]
    assert members(rollouts.home) == []
    ensure_keeper(rollouts.home)

    eventually(lambda: len(rollouts.resumed()) == 2)


def test_a_damaged_ledger_does_not_stop_the_keeper(rollouts: Rollouts) -> None:
    """It says so and goes on keeping; a ledger put back is looked at again."""
    rollouts.keep(seconds=1000)
    rollouts.note("rollout-opened")
    rollouts.ledger.close()
    rollouts.lock.close()
    good = rollouts.home.ledger.read_bytes()
    eventually(rollouts.resumed)
    keeper = running(rollouts.home, KEEPER)

    down(rollouts.home)
    rollouts.home.ledger.write_bytes(b"no database" * 100)
    ensure_keeper(rollouts.home)
    eventually(lambda: "is damaged" in rollouts.home.log_file(KEEPER).read_text())
    os.replace(_copy(rollouts.home.path / "backup", good), rollouts.home.ledger)

    eventually(lambda: len(rollouts.resumed()) == 2, within=8)
    assert running(rollouts.home, KEEPER) != keeper


def _copy(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "content", ["", "{}", '{"resume_argv": 7}'], ids=["empty", "none", "wrong"]
)
def test_a_damaged_resume_command_is_named(home: Home, content: str) -> None:
    """With the remedy; a command that says it anew is obeyed."""
    home.keeper_file.write_text(content)
    with pytest.raises(StateDamaged, match=str(home.keeper_file)) as caught:
        resume_argv(home)
    assert caught.value.hint

    ensure_keeper(home, ("pincex", "resume", "{component}"))

    assert resume_argv(home) == ("pincex", "resume", "{component}")


def test_the_keeper_ends_by_sigterm_and_leaves_its_children(rollouts: Rollouts) -> None:
    """A stopped keeper stops nothing else: that is what `down` is for."""
    rollouts.keep(seconds=1000)
    rollouts.note("rollout-opened")
    eventually(lambda: rollouts.lock.holder("price", "local"))
    keeper = running(rollouts.home, KEEPER)
    assert keeper is not None
    assert keeper.pid is not None

    os.kill(keeper.pid, signal.SIGTERM)

    eventually(lambda: running(rollouts.home, KEEPER) is None)
    assert running(rollouts.home, "resume:price@local") is not None
