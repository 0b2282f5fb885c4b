"""A release step as a process: its time, its last words, whoever else runs one, what it leaves."""

import sys
from pathlib import Path

import pytest

from cluster.errors import LostLock, NotReady
from cluster.local.home import Home
from cluster.local.processes import ProcessSpec
from cluster.local.release_step import role_of, run_to_its_end
from cluster.local.scan import kill, members, wait_gone
from cluster.local.spawn import spawn

ROLE = role_of("prices", "v1.0.0", "grow")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A site of its own, of which nothing runs."""
    made = Home(tmp_path / "site")
    made.create()
    return made


def spec(code: str, role: str = ROLE) -> ProcessSpec:
    """A step that runs some Python."""
    return ProcessSpec(role, (sys.executable, "-c", code), "/")


def run(home: Home, code: str, within: float = 60.0) -> None:
    """The step `grow` to its end."""
    run_to_its_end(home, spec(code), "release step grow", within, lease_check=lambda: None)


def test_its_own_last_line_is_why_it_failed(home: Home) -> None:
    """What an earlier try printed says nothing about this one."""
    with pytest.raises(NotReady, match="release step grow failed: exit code 1; no table"):
        run(home, "raise SystemExit('no table')")
    with pytest.raises(NotReady) as silent:
        run(home, "raise SystemExit(3)")

    assert str(silent.value) == "release step grow failed: exit code 3"
    assert silent.value.lasting


def test_its_last_line_is_quoted_without_its_password(home: Home) -> None:
    """The ledger keeps for ever why it failed; its own log is its own matter."""
    with pytest.raises(NotReady, match=r"no table at postgres://db/x, password=\*\*\*") as failed:
        run(home, "raise SystemExit('no table at postgres://me:pa55@db/x, password=pa55')")

    assert "pa55" not in f"{failed.value} {failed.value.hint}"


def test_a_program_that_is_not_there_is_its_own_fault(home: Home) -> None:
    """Waiting would not bring it."""
    missing = ProcessSpec(ROLE, ("/no/such/program",), "/")
    with pytest.raises(NotReady, match="cannot start") as refused:
        run_to_its_end(home, missing, "release step grow", 60.0, lease_check=lambda: None)

    assert refused.value.lasting


def test_one_that_takes_too_long_is_ended(home: Home) -> None:
    """And has failed."""
    with pytest.raises(NotReady, match="not over after"):
        run(home, "import time; time.sleep(600)", within=0.5)

    assert not wait_gone(members(home, ROLE), 10.0)


def test_what_it_leaves_running_is_ended_with_it(home: Home) -> None:
    """Nobody would stop it later."""
    asleep = "[sys.executable, '-c', 'import time; time.sleep(600)']"
    run(home, f"import subprocess, sys; subprocess.Popen({asleep})")

    assert not wait_gone(members(home, ROLE), 10.0)


@pytest.mark.parametrize("version", ["v1.0.0", "v0.9.0"], ids=["the same", "of another version"])
def test_a_step_that_was_left_behind_is_waited_for(home: Home, version: str) -> None:
    """Two at once could meet on one table."""
    slow = spec("import time; time.sleep(1)", role_of("prices", version, "shrink"))
    left = spawn(home, slow, kept=False)
    run(home, "")

    assert left.poll() == 0


@pytest.mark.long
def test_the_wait_for_another_step_is_no_part_of_its_own_time(home: Home) -> None:
    """It would be ended half way for what another one took."""
    slow = "import time; time.sleep(5)"
    left = spawn(home, spec(slow), kept=False)
    run(home, slow, within=9.0)

    assert left.poll() == 0


def test_who_lost_the_lock_ends_its_own_step_and_no_other(home: Home) -> None:
    """Whoever took over may run the same step by now."""
    other = []

    def taken_over() -> None:
        if members(home, ROLE):
            other.append(spawn(home, spec("import time; time.sleep(600)"), kept=False))
            raise LostLock("taken over")

    with pytest.raises(LostLock):
        run_to_its_end(
            home, spec("import time; time.sleep(60)"), "grow", 60.0, lease_check=taken_over
        )
    (kept,) = [one for one in members(home, ROLE) if one.pid == other[0].pid]
    own = [one for one in members(home, ROLE) if one.pid != other[0].pid]

    assert not wait_gone(own, 10.0)
    assert other[0].poll() is None
    kill([kept])
    other[0].wait()
