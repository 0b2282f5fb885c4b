"""`pincex history` in terminals of several widths, and in a pipe."""

import fcntl
import json
import os
import pty
import struct
import subprocess
import termios
from pathlib import Path

import pytest
from cli_parts import COMMAND

from cluster.local.home import Home
from flows.site import Site
from rollout.status_text import history

NAME = "price-predictor-of-the-european-night-desk"
LONG = "v2.1.0-rc.3+build.20261130.europe-west4.night-desk.hotfix-of-the-second-hour"
FOLDER = "/srv/pincex/evidence/price-predictor-of-the-european-night-desk-v2.1.0-f903468a023d"
WHY = f"the desk asked for it after {FOLDER} was read by two of us;  see\nINC-20261130-77"
REVISION = {"version": "v2.1.0", "digest": "ab" * 32}
ROWS = (
    ("traffic", {"weights": {"v2.1.0": 100}, "mirrored": None}),
    ("served", {"from": {**REVISION, "version": LONG}, "to": REVISION, "verb": "rollback-model",
                "evidence_digest": None, "override": WHY}),
    ("verdict", {"decision": "PROMOTE", "pairs": 10_855, "evidence_digest": "d1cee2eb77",
                 "reason": "accuracy 88.7 % against 86.1 %; errors, p95 and coverage proven within"
                 " limits, every segment by name among them"}),
)  # fmt: skip


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """That of a site with a short row and long ones."""
    home = Home(tmp_path / "home")
    home.create()
    here = Site("local", home)
    for kind, data in ROWS:
        here.ledger.append(
            kind, component=NAME, region=here.region, actor="deploy-robot", data=data
        )
    without = {key: told for key, told in os.environ.items() if key not in ("COLUMNS", "LINES")}
    return {**without, "PINCEX_HOME": str(home.path)}


def on_terminal(columns: int, environment: dict[str, str]) -> list[str]:
    """The lines that a terminal of so many columns gets."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen([*COMMAND, "history"], env=environment, stdout=follower) as process:
        os.close(follower)
        said = b""
        # Linux ends what nobody writes to any more with EIO, not with nothing.
        try:
            while part := os.read(leader, 65536):
                said += part
        except OSError:
            pass
    os.close(leader)
    assert process.returncode == 0
    return said.decode().splitlines()


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_lines_fit_the_terminal_and_what_is_pasted_stays_whole(
    columns: int, environment: dict[str, str]
) -> None:
    """Wider is only a word that is longer than a line, and it stands alone."""
    lines = on_terminal(columns, environment)

    for line in lines:
        assert len(line) <= columns or len(line.split()) == 1, line
    words = " ".join(lines).split()
    for whole in (LONG, FOLDER, "INC-20261130-77", f"{NAME}:", "d1cee2eb)"):
        assert whole in words
    assert words == " ".join(in_a_pipe(environment)).split()


@pytest.mark.parametrize("columns", range(52, 68))
def test_no_line_begins_with_the_unit_of_a_number_above(columns: int) -> None:
    """Wherever the lines end."""
    data = {"component": NAME, "decision": "PROMOTE", "reason": "p95 14.2 ms, 21 % of 1,024 pairs"}
    row = {"seq": 1, "at": "2026-11-30T23:00:00+00:00", "actor": "ann", "component": "price"}
    lines = history([{**row, "kind": "step-judged", "data": data, "hash": "ab" * 32}], columns)

    assert not {line.split()[0] for line in lines} & {"%", "ms,", "pairs"}
    assert "p95 14.2 ms, 21 % of 1,024 pairs" in " ".join(" ".join(lines).split())


def test_only_the_first_line_of_a_row_begins_with_its_number(environment: dict[str, str]) -> None:
    """The others stand below its date."""
    lines = on_terminal(80, environment)

    assert [line[:5] for line in lines if line[:5].strip()][:3] == ["   1 ", "   2 ", "   3 "]
    assert max(map(len, lines)) > 70


def test_a_wide_terminal_has_rows_on_one_line_again(environment: dict[str, str]) -> None:
    """Room that is there is used."""
    assert len(on_terminal(400, environment)) == len(ROWS) + 1


def in_a_pipe(environment: dict[str, str]) -> list[str]:
    """What another program reads."""
    done = subprocess.run([*COMMAND, "history"], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")[:-1]


def test_a_pipe_gets_each_row_on_a_line_that_can_be_searched(environment: dict[str, str]) -> None:
    """As wide as it is; and the object is what the ledger has."""
    lines = in_a_pipe(environment)
    json_words = [*COMMAND, "history", "--json"]
    told = json.loads(subprocess.run(json_words, env=environment, capture_output=True).stdout)

    assert len(lines) == len(ROWS) + 1
    assert WHY.split()[-1] in lines[1]
    assert [row["data"] for row in told["rows"]] == [data for _, data in ROWS]
