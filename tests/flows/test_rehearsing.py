"""A rehearsal without a site: which faults, what is told, and what is thrown away."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

from cluster.files import try_lock
from flows import rehearsing
from flows.refusal import Exit, Refused
from flows.rehearsal.end_state import require_none_passed
from flows.rehearsal.faults import FAULTS
from flows.rehearsal.rehearse import Rehearsed, lost
from flows.rehearsal.small_client import Failure
from flows.rehearsal.small_site import NotSo
from flows.rehearsal.throwaway import LOCK, PREFIX, sweep, throwaway
from rollout import rehearsal_text
from rollout.state import Decision, Ending, Judged, Phase, Revision, Rollout, Verb

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


def row(fault: str, survived: bool | None, happened: str = "promoted, then rolled back") -> Any:
    """What became of one fault."""
    return Rehearsed(fault, FAULTS[fault].what, survived, happened, 21.4, 2_530, 38, 38, 0)


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory for temporary files that is this test's own."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_all_faults_where_none_is_named_and_each_once_in_their_order() -> None:
    """The control run comes first, whatever the order of the words."""
    assert [fault.name for fault in rehearsing.chosen(None)] == list(rehearsing.EVERY)
    named = rehearsing.chosen(["envoy-killed", "none", "envoy-killed"])
    assert [fault.name for fault in named] == ["none", "envoy-killed"]


def test_an_unknown_fault_names_the_known_ones() -> None:
    """Bad input, before anything was begun."""
    with pytest.raises(Refused) as refused:
        rehearsing.chosen(["none", "earthquake"])

    assert refused.value.code == Exit.BAD_INPUT
    assert refused.value.message == (
        f"there is no fault 'earthquake'. Known: {', '.join(rehearsing.EVERY)}"
    )


SENTENCES = {
    "all": (
        [("none", True), ("envoy-killed", True)],
        "survives 1 of 1 faults, and a rollout without any.",
        Exit.DONE,
    ),
    "one not": (
        [("none", True), ("envoy-killed", False), ("flow-killed", True)],
        "survives 1 of 2 faults, and a rollout without any; not envoy-killed.",
        Exit.HARM,
    ),
    "not even without": (
        [("none", False), ("flow-killed", True)],
        "survives 1 of 1 faults, and no rollout at all.",
        Exit.HARM,
    ),
    "one unknown": (
        [("flow-killed", True), ("disk-full", None)],
        "survives 1 of 1 faults; not rehearsed: disk-full.",
        Exit.HELD,
    ),
    "one not, one unknown": (
        [("flow-killed", False), ("disk-full", None)],
        "survives 0 of 1 faults; not flow-killed; not rehearsed: disk-full.",
        Exit.HARM,
    ),
}


@pytest.mark.parametrize(("ended", "said", "code"), SENTENCES.values(), ids=SENTENCES.keys())
def test_what_is_told_and_the_exit_code(
    monkeypatch: pytest.MonkeyPatch,
    ended: list[tuple[str, bool | None]],
    said: str,
    code: Exit,
) -> None:
    """What was not seen to be survived is never called survived, and no line is too wide."""
    rows = [row(*one) for one in ended]
    monkeypatch.setattr(rehearsing, "rehearse_all", lambda *_: (rows, [Path("kept/home")]))

    ran = rehearsing.test_pipeline(rehearsing.argparse.Namespace(fault=None))

    assert ran[0] == code
    text = ran[2]
    assert text.splitlines()[-1] == f"This installation {said}" or len(text.splitlines()[-1]) <= 80
    assert f"This installation {said}" in re.sub(r"\n(?! )", " ", text)
    assert all(len(line) <= 80 for line in text.splitlines() if "kept" not in line)
    assert "PINCEX_HOME=kept/home pincex history" in text


def test_a_long_reason_is_folded() -> None:
    """Whatever an error says, the table stays 80 columns wide."""
    report = {
        "survived": 0, "faults": 1, "seconds": 300.0, "kept": [],
        "rehearsed": [
            {**rehearsing.asdict(row("disk-full", False, "a long reason " * 40)), "is_fault": True}
        ],
    }  # fmt: skip
    lines = rehearsal_text.text_of(report).splitlines()

    assert max(map(len, lines)) <= 80
    assert "38 requests failed by the fault itself" in " ".join(line.strip() for line in lines)


def sleeper(home: Path) -> subprocess.Popen[bytes]:
    """A process of a site with this home, as far as anybody can see."""
    home.mkdir(parents=True, exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)"],
        env={**os.environ, "PINCEX_HOME": str(home)},
    )


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes of the test, ended after it whatever happens."""
    processes: list[subprocess.Popen[bytes]] = []
    yield processes
    for process in processes:
        process.kill()
        process.wait()


def dead(process: subprocess.Popen[bytes]) -> bool:
    """Whether it ended; it would have slept for a minute."""
    return process.poll() is not None


def test_a_directory_is_thrown_away_with_its_processes(
    temporary: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    """Also where what is done in it fails."""
    with suppress(KeyboardInterrupt), throwaway(False) as place:
        started.append(sleeper(place.site / "home"))
        raise KeyboardInterrupt

    assert dead(started[0])
    assert list(temporary.iterdir()) == []


def test_what_is_kept_stays_and_is_not_swept(
    temporary: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    """Files for whoever looks into them; no process."""
    with throwaway(False) as place:
        started.append(sleeper(place.site / "home"))
        (place.site / "home" / "word").write_text("why")
        place.keep()

    assert dead(started[0])
    assert sweep() == []
    assert (place.site / "home" / "word").read_text() == "why"


def test_what_a_killed_rehearsal_left_is_swept(
    temporary: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    """Its processes and its files; those of another site stay."""
    left, other = temporary / f"{PREFIX}left", temporary / "other"
    started += [sleeper(left / "site" / "home"), sleeper(other / "home")]
    (left / LOCK).touch()

    assert sweep() == [left]
    assert dead(started[0])
    assert psutil.pid_exists(started[1].pid)
    assert list(temporary.iterdir()) == [other]


def test_a_rehearsal_that_runs_is_left_alone(
    temporary: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    """Its maker holds the lock, by whatever process."""
    with throwaway(False) as place:
        started.append(sleeper(place.site / "home"))
        assert sweep() == []
        assert started[0].poll() is None
        held = os.open(place.path / LOCK, os.O_RDWR)
        assert not try_lock(held)
        os.close(held)


def test_a_signal_ends_a_rehearsal_in_order(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first is taken as Ctrl-C, a second one does not disturb, and handlers are as before."""
    before = [signal.getsignal(each) for each in rehearsing.ENDING]
    cleared: list[str] = []

    def rehearse_all(*_: Any) -> Any:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)
        finally:
            os.kill(os.getpid(), signal.SIGINT)
            cleared.append("all")

    monkeypatch.setattr(rehearsing, "rehearse_all", rehearse_all)
    with pytest.raises(Refused) as refused:
        rehearsing.test_pipeline(rehearsing.argparse.Namespace(fault=["none"]))

    assert refused.value.code == Exit.HELD
    assert refused.value.changed == "Nothing of your site was touched."
    assert cleared == ["all"]
    assert [signal.getsignal(each) for each in rehearsing.ENDING] == before


def judged(decision: Decision) -> Judged:
    """A verdict."""
    return Judged(decision, "because", 500, NOW, None, "evidence/price-v2.0.0", "e" * 64)


def rollout(**how: Any) -> Rollout:
    """A shadow of v2.0.0."""
    stable, candidate = Revision("v1.0.0", "1" * 64), Revision("v2.0.0", "2" * 64)
    return Rollout(
        "r-1", Verb.DEPLOY, "price", "local", stable, candidate, "", 1.0, 1000.0, "ann", NOW,
        Phase.SHADOW, **how,
    )  # fmt: skip


PASSES = {
    "a bad one with a PASS": ({"judged": judged(Decision.PROMOTE)}, "v2.0.0"),
    "a bad one promoted all the same": ({"closed": Ending.PROMOTED}, "v2.0.0"),
}


@pytest.mark.parametrize(("how", "bad"), PASSES.values(), ids=PASSES.keys())
def test_nothing_bad_may_pass(how: dict[str, Any], bad: str) -> None:
    """By a verdict or without one; what is not bad may."""
    require_none_passed([rollout(**how)], {"v3.0.0"})
    require_none_passed([rollout(judged=judged(Decision.ROLLBACK))], {bad})
    with pytest.raises(NotSo, match=f"{bad}, which is bad, passed"):
        require_none_passed([rollout(**how)], {bad})


def test_only_what_nobody_could_answer_is_excused() -> None:
    """From the death of the only proxy until clients are answered, and a second for stragglers."""
    failures = [Failure(at, "ConnectionError") for at in (9.9, 10.0, 12.0, 12.9, 13.1)]

    assert [one.at for one in lost(failures, (10.0, 12.0))] == [9.9, 13.1]
    assert lost(failures, None) == failures
