"""`test-pipeline` on real sites: what is survived, and what is not."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from planted import NO_GATES, NO_RESTART, planted_python

from benchmarks.kill_stages import returned
from flows.rehearsal.faults import FAULTS
from flows.rehearsal.pipeline import REHEARSED
from flows.rehearsal.rehearse import rehearse
from flows.rehearsal.small_site import ROOT, UNWATCHED, SmallSite, eventually
from flows.rehearsal.throwaway import PREFIX
from flows.rehearsing import EVERY

pytestmark = [pytest.mark.site, pytest.mark.timeout(1900)]

PATIENCE = 1850.0


def started(temporary: Path, *words: str, python: str = sys.executable) -> subprocess.Popen[str]:
    """The command, with a directory for temporary files of its own and a home nobody uses."""
    return subprocess.Popen(
        [python, "-m", "flows.cli", "test-pipeline", *words, "--json"],
        cwd=ROOT,
        env={
            **os.environ,
            "TMPDIR": str(temporary),
            "PINCEX_HOME": str(temporary / "mine"),
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def below(temporary: Path) -> list[psutil.Process]:
    """Processes whose home lies there."""
    found = []
    for process in psutil.process_iter():
        try:
            home = process.environ().get("PINCEX_HOME", "")
        except (psutil.Error, OSError):
            continue
        if home.startswith(f"{temporary}/{PREFIX}"):
            found.append(process)
    return found


def places(temporary: Path) -> list[Path]:
    """What rehearsals made there."""
    return sorted(temporary.glob(f"*{PREFIX}*"))


@pytest.fixture
def temporary(tmp_path: Path) -> Iterator[Path]:
    """Where a rehearsal may make its site; nothing runs there afterwards."""
    yield tmp_path
    assert below(tmp_path) == []


def told(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Its one JSON object."""
    out, err = process.communicate(timeout=PATIENCE)
    report: dict[str, Any] = json.loads(out)
    print(err, json.dumps(report, indent=1))
    return report


@pytest.mark.faults
@pytest.mark.parametrize(
    ("fault", "how", "sent"),
    [
        pytest.param("flow-killed", "promoted, then rolled back in", 300, id="flow-killed"),
        pytest.param("damaged-model", "cannot be started: model.pkl", 0, id="damaged-model"),
    ],
)
def test_a_fault_is_survived(here: SmallSite, fault: str, how: str, sent: int) -> None:
    """A complete rollout with it: what is right came of it, nothing is open, no request failed."""
    returned(here)
    here.hold_to(REHEARSED)
    with here.load() as client:
        row = rehearse(here, client, FAULTS[fault])
    here.hold_to(UNWATCHED)

    assert row.survived, row
    assert how in row.happened
    assert row.failed == 0
    assert row.sent > sent
    assert here.history().open is None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "kill -9"])
def test_a_rehearsal_that_is_ended_leaves_nothing(temporary: Path, number: signal.Signals) -> None:
    """Ctrl-C ends all of it; after a kill the next rehearsal does."""
    process = started(temporary, "--fault", "none")
    eventually(lambda: len(below(temporary)) > 3, 120, "the site is being started")
    process.send_signal(number)
    out, _ = process.communicate(timeout=120)

    if number == signal.SIGINT:
        assert process.returncode == 4
        assert json.loads(out)["hint"] == "pincex test-pipeline"
    else:
        (left,) = places(temporary)
        following = started(temporary, "--fault", "none")
        eventually(lambda: places(temporary) not in ([left], []), 120, "it is swept")
        following.send_signal(signal.SIGINT)
        _, said = following.communicate(timeout=120)
        assert f"ended and removed what an earlier rehearsal left: {left}" in said
    assert below(temporary) == []
    assert places(temporary) == []


@pytest.mark.faults
def test_this_installation_survives_every_fault(temporary: Path) -> None:
    """Root rehearses all of them; who may not mount a disk hears which one was not."""
    process = started(temporary)
    report = told(process)
    unknown = [row["fault"] for row in report["rehearsed"] if row["survived"] is None]

    assert [row["fault"] for row in report["rehearsed"]] == list(EVERY)
    assert [row for row in report["rehearsed"] if row["survived"] is False] == []
    assert process.returncode == (4 if unknown else 0)
    assert unknown == [] or os.getuid() != 0
    assert report["kept"] == []
    assert places(temporary) == []


BROKEN = {
    "Envoy is not started again": (NO_RESTART, "envoy-killed", "the Envoy is back"),
    "the gates let everything pass": (
        NO_GATES,
        "failing-candidate",
        "earned PROMOTE, ROLLBACK is right",
    ),
}


@pytest.mark.faults
@pytest.mark.parametrize(("code", "fault", "said"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_installation_is_found(
    temporary: Path, tmp_path_factory: pytest.TempPathFactory, code: str, fault: str, said: str
) -> None:
    """It says no, why, and where the site lies; the fault after it gets a site that is whole."""
    python = planted_python(tmp_path_factory.mktemp("planted") / "broken", code)
    process = started(temporary, "--fault", "none", fault, "damaged-model", python=python)
    report = told(process)
    rows = {row["fault"]: row for row in report["rehearsed"]}

    assert process.returncode == 3
    assert {name: row["survived"] for name, row in rows.items()} == {
        "none": True,
        fault: False,
        "damaged-model": True,
    }
    assert said in rows[fault]["happened"]
    (kept,) = report["kept"]
    assert (Path(kept) / "ledger.sqlite").is_file()
    assert below(temporary) == []
