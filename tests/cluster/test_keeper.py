"""The keeper: what is wanted runs, again within a second of its death, and never twice."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from local_parts import eventually, kill_role, sleeper

from cluster.identity import start_mark
from cluster.local.home import Home
from cluster.local.processes import (
    ProcessSpec,
    processes,
    recorded,
    register,
    running,
    unwant,
    want,
    wanted,
)
from cluster.local.samples import EVERY, Sampler, samples
from cluster.local.scan import members
from cluster.local.spawn import environment, launch, spawn
from cluster.local.upkeep import KEEPER, ensure_keeper


def pids(home: Home, role: str) -> list[int]:
    """The living processes of a role, as the system knows them."""
    return [member.pid for member in members(home, role)]


def start(home: Home, spec: ProcessSpec) -> int:
    """Want a process and wait for it; its pid."""
    want(home, spec)
    eventually(lambda: running(home, spec.role))
    process = running(home, spec.role)
    assert process is not None
    assert process.pid is not None
    return process.pid


def test_the_keeper_is_started_once_and_quickly(home: Home) -> None:
    """A second command finds the keeper that the first one started."""
    begun = time.monotonic()
    keeper = ensure_keeper(home)
    took = time.monotonic() - begun

    assert ensure_keeper(home) == keeper
    assert pids(home, KEEPER) == [keeper.pid]
    assert took < 2, "usually 0.1 s; commands wait for it"


def test_keepers_started_at_once_end_up_as_one(home: Home) -> None:
    """Ten commands at the same moment leave one keeper."""
    code = (
        "import sys; from pathlib import Path; from cluster.local.home import Home;"
        "from cluster.local.upkeep import ensure_keeper; ensure_keeper(Home(Path(sys.argv[1])))"
    )
    commands = [subprocess.Popen([sys.executable, "-c", code, home.path]) for _ in range(10)]

    assert [command.wait() for command in commands] == [0] * 10
    assert len(pids(home, KEEPER)) == 1


def test_a_second_keeper_ends_at_once(home: Home) -> None:
    """Started by hand beside a living one it does nothing and says so by ending with 0."""
    ensure_keeper(home)

    second = subprocess.run([sys.executable, "-m", "cluster.local.keeper", home.path], timeout=10)

    assert second.returncode == 0


def test_what_is_wanted_runs_and_what_is_not_ends(home: Home) -> None:
    """A wanted process is started and noted; an unwanted one ends and leaves no note."""
    ensure_keeper(home)
    pid = start(home, sleeper("worker"))

    assert pids(home, "worker") == [pid]
    unwant(home, "worker")

    eventually(lambda: start_mark(pid) is None)
    eventually(lambda: recorded(home, "worker") is None)


def test_a_killed_process_is_back_within_a_second(home: Home) -> None:
    """With another pid; the note counts the death and how it ended."""
    ensure_keeper(home)
    start(home, sleeper("worker"))

    killed = kill_role(home, "worker")
    took = eventually(lambda: running(home, "worker"))

    assert took < 1
    back = recorded(home, "worker")
    assert back is not None
    assert (back.pid != killed, back.deaths, back.last_exit) == (True, 1, -signal.SIGKILL)


def test_a_process_that_keeps_dying_is_slowed_down(home: Home) -> None:
    """After five quick deaths it is tried every five seconds; the note tells why."""
    ensure_keeper(home)
    spec = ProcessSpec("broken", (sys.executable, "-c", "raise SystemExit(3)"), cwd="/")

    want(home, spec)
    eventually(lambda: (seen := recorded(home, "broken")) and seen.deaths >= 5)
    deaths = recorded(home, "broken")
    time.sleep(1)

    assert deaths == recorded(home, "broken")
    assert deaths is not None
    assert (deaths.deaths, deaths.last_exit, deaths.pid) == (5, 3, None)


def test_a_program_that_does_not_exist_is_told(home: Home) -> None:
    """It counts as a death with exit code 127 and does not take the keeper down."""
    ensure_keeper(home)

    want(home, ProcessSpec("missing", ("/no/such/program",), cwd="/"))
    eventually(lambda: (seen := recorded(home, "missing")) and seen.last_exit == 127)

    assert "No such file" in home.log_file(KEEPER).read_text()
    start(home, sleeper("worker"))


def test_a_changed_spec_replaces_the_process(home: Home) -> None:
    """The former one ends before the new one starts: they would want the same port."""
    ensure_keeper(home)
    before = start(home, sleeper("worker", seconds=1000))

    changed = sleeper("worker", seconds=2000)
    want(home, changed)
    eventually(lambda: (seen := running(home, "worker")) and seen.spec == changed.digest)

    assert start_mark(before) is None
    assert len(pids(home, "worker")) == 1


def test_a_process_that_does_not_listen_is_killed_after_its_grace(home: Home) -> None:
    """SIGTERM first, SIGKILL when the promised time is over."""
    ensure_keeper(home)
    pid = start(home, sleeper("deaf", deaf=True))
    time.sleep(0.3)

    unwant(home, "deaf")
    took = eventually(lambda: start_mark(pid) is None)

    assert took > 0.4


def test_children_outlive_a_killed_keeper_and_are_adopted(home: Home) -> None:
    """The next keeper keeps the same processes; it does not start them again."""
    ensure_keeper(home)
    before = [start(home, sleeper("one")), start(home, sleeper("two"))]

    kill_role(home, KEEPER)
    assert [pids(home, "one"), pids(home, "two")] == [[pid] for pid in before]
    ensure_keeper(home)
    time.sleep(0.5)

    assert [pids(home, "one"), pids(home, "two")] == [[pid] for pid in before]
    killed = kill_role(home, "one")
    eventually(lambda: running(home, "one"), within=1)
    assert pids(home, "one") != [killed]


def test_a_spec_removed_while_no_keeper_lived_is_obeyed(home: Home) -> None:
    """The next keeper ends what nobody wants any more."""
    ensure_keeper(home)
    pid = start(home, sleeper("worker"))
    kill_role(home, KEEPER)

    unwant(home, "worker")
    ensure_keeper(home)

    eventually(lambda: start_mark(pid) is None)


def test_a_child_that_was_never_noted_is_found_and_not_doubled(home: Home) -> None:
    """A keeper killed between starting a process and noting it leaves one that is adopted."""
    spec = sleeper("worker")
    want(home, spec)
    child = spawn(home, spec, kept=True)

    ensure_keeper(home)
    eventually(lambda: running(home, "worker"))

    assert pids(home, "worker") == [child.pid]
    child.kill()
    child.wait()


def test_an_unnoted_child_that_nobody_wants_is_ended(home: Home) -> None:
    """The same, when it was unwanted before the next keeper came."""
    child = spawn(home, sleeper("worker"), kept=True)

    ensure_keeper(home)

    eventually(lambda: child.poll() is not None)


def test_a_keeper_killed_at_any_moment_neither_loses_nor_doubles(home: Home) -> None:
    """Keepers killed 0 to 120 ms after their start, in the middle of starting ten processes."""
    roles = [f"worker-{number}" for number in range(10)]
    for role in roles:
        want(home, sleeper(role))

    for moment in range(12):
        keeper = ensure_keeper(home)
        time.sleep(moment * 0.01)
        assert keeper.pid is not None
        os.kill(keeper.pid, signal.SIGKILL)
        eventually(lambda pid=keeper.pid: start_mark(pid) is None)
    ensure_keeper(home)
    eventually(lambda: all(running(home, role) for role in roles))
    time.sleep(0.3)

    assert [len(pids(home, role)) for role in roles] == [1] * 10
    assert [running(home, role).pid for role in roles] == [pids(home, role)[0] for role in roles]  # type: ignore[union-attr]


def test_what_a_dead_process_left_behind_goes_before_the_next_start(home: Home) -> None:
    """A grandchild that survived would sit on the port; it is killed first."""
    ensure_keeper(home)
    code = (
        "import subprocess, sys, time;"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1000)']);"
        "time.sleep(1000)"
    )
    start(home, ProcessSpec("parent", (sys.executable, "-c", code), cwd="/"))
    eventually(lambda: len(pids(home, "parent")) == 2)
    before = set(pids(home, "parent"))

    kill_role(home, "parent")
    eventually(lambda: len(pids(home, "parent")) == 2 and not before & set(pids(home, "parent")))


def test_rollout_processes_are_not_the_keepers_to_end(home: Home) -> None:
    """A launched process stays although nobody wants it, and its note goes with it."""
    ensure_keeper(home)
    flow = launch(home, sleeper("flow:price"))
    time.sleep(1.5)

    assert running(home, "flow:price") == flow
    assert flow in processes(home)
    kill_role(home, "flow:price")
    eventually(lambda: recorded(home, "flow:price") is None, within=3)


def test_a_child_that_took_another_role_is_not_the_keepers_to_end(home: Home) -> None:
    """A rollout started by a kept process survives that process and the next keeper."""
    code = (
        "import os, subprocess, sys, time; os.environ['PINCEX_ROLE'] = 'flow run';"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1000)']);"
        "time.sleep(1000)"
    )
    ensure_keeper(home)
    start(home, ProcessSpec("serving", (sys.executable, "-c", code), cwd="/"))
    eventually(lambda: pids(home, "flow run"))
    flow = pids(home, "flow run")

    kill_role(home, "serving")
    kill_role(home, KEEPER)
    ensure_keeper(home)
    eventually(lambda: len(pids(home, "flow run")) == 2)

    assert set(flow) < set(pids(home, "flow run"))
    unwant(home, "serving")
    eventually(lambda: not pids(home, "serving"))
    time.sleep(0.3)
    assert len(pids(home, "flow run")) == 2


def test_a_process_can_register_itself(home: Home) -> None:
    """A rollout that somebody else started is listed under the role it names."""
    register(home, "flow:price")

    assert [(seen.role, seen.pid) for seen in processes(home)] == [("flow:price", os.getpid())]


@pytest.mark.parametrize("content", ["", '{"role": "worker"'], ids=["empty", "cut"])
def test_a_half_written_spec_leaves_its_process_running(home: Home, content: str) -> None:
    """Damage to the wish does not harm what runs; the keeper says which file it was."""
    ensure_keeper(home)
    pid = start(home, sleeper("worker"))

    home.spec_file("worker").write_text(content)
    eventually(lambda: str(home.spec_file("worker")) in home.log_file(KEEPER).read_text())

    time.sleep(0.3)
    assert pids(home, "worker") == [pid]


@pytest.mark.parametrize("role", ["worker", KEEPER])
def test_a_half_written_note_is_repaired(home: Home, role: str) -> None:
    """What runs is known to the keeper; a damaged note of it is written again within seconds."""
    ensure_keeper(home)
    pid = start(home, sleeper("worker"))
    keeper = pids(home, KEEPER)

    home.run_file(role).write_text('{"role": ')
    eventually(lambda: '"pid"' in home.run_file(role).read_text(), within=3)

    assert [pids(home, "worker"), pids(home, KEEPER)] == [[pid], keeper]
    assert running(home, role) is not None


def test_a_damaged_spec_is_written_again_by_the_keeper_that_read_it(home: Home) -> None:
    """Its process goes on, and what is wanted is what was wanted before."""
    ensure_keeper(home)
    pid = start(home, sleeper("a"))
    file = home.spec_file("a")
    file.write_bytes(file.read_bytes()[:20])

    eventually(lambda: file.read_bytes()[20:])

    assert wanted(home, "a") == sleeper("a")
    assert pids(home, "a") == [pid]


def test_a_spec_damaged_while_no_keeper_lived_ends_nothing(home: Home) -> None:
    """Nobody knows what it said; removed, as its remedy says, it is as one that nobody wants."""
    ensure_keeper(home)
    pid = start(home, sleeper("a"))
    kill_role(home, KEEPER)
    home.spec_file("a").write_text("{")

    ensure_keeper(home)
    time.sleep(1.0)
    there = pids(home, "a")
    home.spec_file("a").unlink()

    assert there == [pid]
    eventually(lambda: not pids(home, "a"))


def test_a_note_damaged_while_no_keeper_lived_is_repaired(home: Home) -> None:
    """The next keeper finds the process without its note."""
    ensure_keeper(home)
    pid = start(home, sleeper("worker"))
    kill_role(home, KEEPER)
    home.run_file("worker").write_text("")
    home.run_file(KEEPER).write_text("")

    ensure_keeper(home)
    eventually(lambda: '"pid"' in home.run_file("worker").read_text(), within=3)

    assert pids(home, "worker") == [pid]


def test_children_have_their_own_session_and_no_open_files(home: Home) -> None:
    """They hold neither the terminal nor a pipe of whoever started the site."""
    ensure_keeper(home)
    pid = start(home, sleeper("worker"))
    time.sleep(0.2)

    files = [os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()]
    assert sorted(set(files)) == sorted({"/dev/null", str(home.log_file("worker"))})
    assert os.getsid(pid) == pid


def test_children_get_a_chosen_environment(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The parent's secrets stay with it; PINCEX_ settings and the marks of the site pass on."""
    monkeypatch.setenv("DATABASE_PASSWORD", "secret")
    monkeypatch.setenv("PINCEX_CHANNEL", "ops")
    spec = replace(sleeper("worker"), env={"EXTRA": "1"})
    ensure_keeper(home)
    pid = start(home, spec)

    told = psutil.Process(pid).environ()

    assert "DATABASE_PASSWORD" not in told
    assert told["PINCEX_CHANNEL"] == "ops"
    assert (told["EXTRA"], told["PINCEX_ROLE"]) == ("1", "worker")
    assert set(told) <= set(environment(home, spec, kept=True))


def test_a_long_log_is_put_aside_when_its_process_starts(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One former log is kept, so that restarts do not fill the disk."""
    monkeypatch.setattr("cluster.local.spawn.LOG_BYTES", 10)
    home.log_file("worker").write_text("long enough to be put aside")

    spawn(home, ProcessSpec("worker", (sys.executable, "-c", "print(7)"), "/"), kept=True).wait()

    assert home.log_file("worker").read_text() == "7\n"
    assert home.log_file("worker").with_suffix(".log.1").exists()


def test_the_keeper_of_a_removed_site_ends_everything(home: Home) -> None:
    """`rm -r` of the directory without `down` leaves no process behind."""
    ensure_keeper(home)
    start(home, sleeper("worker"))

    def removed() -> bool:
        # What the keeper wrote meanwhile makes `rm` fail, and is removed the next time.
        subprocess.run(["rm", "-rf", home.path], check=False)
        return not home.path.exists()

    eventually(removed, within=10)
    eventually(lambda: members(home) == [], within=10)


def test_samples_tell_the_machine_and_who_died(home: Home) -> None:
    """Each few seconds, so that alerts can be told later; the keeper counts every death."""
    ensure_keeper(home)
    start(home, sleeper("worker"))
    kill_role(home, "worker")

    eventually(
        lambda: any(one.deaths.get("worker") == 1 for one in samples(home)), within=3 * EVERY
    )
    last = samples(home)[-1]
    assert abs(last.at - time.time()) < 3 * EVERY
    assert 0 < last.memory < 1
    assert last.cpu is None or 0 <= last.cpu <= 1


def test_a_torn_sample_is_no_sample_and_the_next_one_is_whole(home: Home) -> None:
    """A keeper that was killed in the middle of a line leaves that line behind, and no more."""
    home.lay_out()
    sampler = Sampler(home)
    sampler.tick(0.0, 100.0, {"a": 1})
    sampler.tick(EVERY / 2, 102.0, {"a": 1})
    with home.samples.open("ab") as file:
        file.write(b'\n{"at": 105.0, "cpu"')
    Sampler(home).tick(2 * EVERY, 110.0, {"a": 2})

    assert [(one.at, one.deaths) for one in samples(home)] == [
        (100.0, {"a": 1}),
        (110.0, {"a": 2}),
    ]
