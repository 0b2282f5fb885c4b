"""`pincex status --watch`: drawn over on a terminal, a block for each change in a pipe."""

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cli_parts import COMMAND, Cli
from evidence_parts import MODEL, kept_evidence

from cluster.local.home import Home
from flows.effects import close
from flows.site import Site
from rollout.state import Ending

PATIENCE = 20.0


@pytest.fixture
def here(tmp_path: Path) -> Site:
    """A site that is down, with a shadow that is open."""
    home = Home(tmp_path / "home")
    kept_evidence(home.path)
    home.create()
    return Site("local", home)


@contextmanager
def watching(here: Site, stdout: int) -> Iterator["subprocess.Popen[bytes]"]:
    """`status --watch` in a process of its own, ended with the block."""
    environment = {**os.environ, "PINCEX_HOME": str(here.home.path), "TERM": "xterm"}
    environment.pop("NO_COLOR", None)
    process = subprocess.Popen(
        [*COMMAND, "status", "--watch"],
        env=environment, stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE,
        preexec_fn=_heard,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _heard() -> None:
    """A job in the background of a shell is born deaf to Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def until(descriptor: int, words: str, said: str = "") -> str:
    """What can be read until these words came."""
    deadline = time.monotonic() + PATIENCE
    while words not in said:
        ready, _, _ = select.select([descriptor], [], [], deadline - time.monotonic())
        assert ready, f"no {words!r} within {PATIENCE:g} s in {said!r}"
        said += os.read(descriptor, 65536).decode()
    return said


def interrupt(process: "subprocess.Popen[bytes]") -> tuple[int, bytes]:
    """Ctrl-C: exit code, and what it said to people."""
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE)
    return process.returncode, said


def test_a_pipe_gets_a_block_for_each_change_and_none_without(here: Site) -> None:
    """Without control codes, until Ctrl-C, which is no error."""
    reader, writer = os.pipe()
    with watching(here, writer) as process:
        os.close(writer)
        first = until(reader, "endpoint ")
        time.sleep(2.5)
        (rollout,) = here.history(MODEL).rollouts
        close(here, rollout, Ending.ROLLED_BACK, "errors 9 %")
        said = until(reader, "\n\n", until(reader, "every 1 s", first.partition("endpoint ")[2]))
        ended = interrupt(process)
    os.close(reader)

    assert ended == (0, b"")
    assert "challenger v2.0.0" in first
    assert (first + said).count("every 1 s; Ctrl-C ends it") == 3 - 1
    assert "challenger" not in said.partition("every 1 s")[2]
    assert "\x1b" not in first + said


def test_a_terminal_is_drawn_over(here: Site) -> None:
    """From the first line on, in 80 columns, and no more lines than it has."""
    leader, follower = pty.openpty()
    with watching(here, follower) as process:
        os.close(follower)
        said = until(leader, "\x1b[0J", until(leader, "\x1b[0J").partition("\x1b[0J")[2])
        ended = interrupt(process)
    os.close(leader)

    assert ended == (0, b"")
    assert said.startswith("\x1b[")
    height = int(said[2 : said.index("A")])
    assert 5 < height < 24
    assert said.count("\x1b[2K") == height
    assert all(len(line) <= 80 + len("\x1b[2K\r") for line in said.split("\n")[1:])


def test_whoever_stops_reading_ends_it(here: Site) -> None:
    """Although nothing changed that would have been written."""
    reader, writer = os.pipe()
    with watching(here, writer) as process:
        os.close(writer)
        until(reader, "endpoint ")
        os.close(reader)
        _, said = process.communicate(timeout=PATIENCE)

        assert (process.returncode, said) == (0, b"")


def test_a_later_look_that_fails_is_shown_and_looked_again(here: Site) -> None:
    """The file of the site is damaged, and mended: it goes on."""
    place = here.home.site_file
    whole = place.read_text()
    reader, writer = os.pipe()
    with watching(here, writer) as process:
        os.close(writer)
        until(reader, "endpoint ")
        place.write_text("{")
        broken = until(reader, "hint: ")
        place.write_text(whole)
        until(reader, "endpoint ")
        ended = interrupt(process)
    os.close(reader)

    assert "error: " in broken
    assert ended == (0, b"")


def test_it_is_no_one_object(cli: Cli) -> None:
    """`--json` prints exactly one."""
    ran = cli("status", "--watch", "--json")

    assert ran.code == 2
    assert "--json is exactly one object" in ran.report["error"]
    assert ran.report["hint"] == "pincex status --json, repeated"


def test_where_there_is_nothing_to_look_at_it_says_so_once(cli: Cli) -> None:
    """As `status` does."""
    ran = cli("status", "--watch")

    assert ran.code == 1
    assert "there is no site" in ran.err
    assert ran.out == ""


def test_looking_again_imports_no_sdk() -> None:
    """It costs what `status` costs, once a second."""
    code = "import sys, flows.looking; print([m for m in ('numpy', 'httpx') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
