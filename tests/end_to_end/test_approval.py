"""Promotions that wait for a person, on the real site: answered in the terminal and in Prefect.

Lived once in order, each step with what it left behind.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from cluster.ledger import Row
from flows.rehearsal.small_site import (
    MODEL,
    UNWATCHED,
    Ran,
    SmallSite,
    ended,
    eventually,
    small_site,
)
from rollout.state import Ending, Phase, Rollout

pytestmark = [pytest.mark.site, pytest.mark.long, pytest.mark.timeout(600)]

STABLE, PROVEN, UNPROVEN = "v1.0.0", "v2.0.0", "v4.0.0"
ASKING = "\n[rollout.approval]\nrequired = true\ntimeout = {timeout}\n"
OVERRIDE = ("promote-model", MODEL, UNPROVEN, "--override", "the desk asked")


@dataclass
class Site:
    """The site, and its Prefect as a person's browser talks to it."""

    here: SmallSite

    def hold_to(self, timeout: int) -> None:
        """From now on promotions wait so many seconds for a person."""
        self.here.hold_to(UNWATCHED + ASKING.format(timeout=timeout))

    @property
    def last(self) -> Rollout:
        """The newest rollout."""
        return self.here.history().rollouts[-1]

    def prefect(self, method: str, path: str, **told: Any) -> Any:
        """A request to Prefect's API, again while its database is busy."""
        url = f"{self.here.site.prefect_url}/api/{path}"
        answers: list[httpx.Response] = []

        def answered() -> bool:
            answers.append(httpx.request(method, url, timeout=20, **told))
            return answers[-1].status_code != httpx.codes.SERVICE_UNAVAILABLE

        eventually(answered, 30, "Prefect answers")
        return answers[-1].raise_for_status().json()

    def paused(self) -> list[dict[str, Any]]:
        """The flow runs that show a form."""
        runs = {"state": {"type": {"any_": ["PAUSED"]}}}
        found: list[dict[str, Any]] = self.prefect(
            "POST", "flow_runs/filter", json={"flow_runs": runs}
        )
        return found

    def resume(self, run: str, **filled: Any) -> str:
        """Send the form; Prefect's word on it."""
        path = f"flow_runs/{run}/resume"
        return str(self.prefect("POST", path, json={"run_input": filled})["status"])

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """Start a promotion and wait until its form is shown."""
        command = self.here.command(*words)
        eventually(lambda: self.here.history().open and self.last.pending, 60, "it asks")
        eventually(self.paused, 30, "the form is shown")
        return command

    def flow(self) -> int:
        """The process that holds the lock."""
        held = self.here.site.lock.holder(MODEL, "local")
        return held.pid if held else 0


@dataclass
class Outcome:
    """How a promotion ended: its command, the rollout, the ledger's rows, the route."""

    ran: Ran
    rollout: Rollout
    rows: list[Row]
    weights: dict[str, int]

    def kinds(self) -> list[str]:
        """What the ledger noted, in order, without the moves of aliases."""
        return [row.kind for row in self.rows if row.kind != "aliases"]

    def row(self, kind: str) -> Row:
        """The one row of that kind."""
        (found,) = [row for row in self.rows if row.kind == kind]
        return found


def outcome(site: Site, command: subprocess.Popen[str], begun: float) -> Outcome:
    """Wait for the command and note what is so."""
    ran = ended(command, begun)
    rows = [row for row in site.here.rows() if row.data.get("rollout") == site.last.id]
    return Outcome(ran, site.last, rows, site.here.status()["weights"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site of its own under requests from outside, none of which may fail."""
    directory = tmp_path_factory.mktemp("approval")
    with small_site(directory, UNWATCHED) as here, here.load() as client:
        yield Site(here)
        assert client.failures == []


@pytest.fixture(scope="module")
def given_up(site: Site) -> Outcome:
    """Nobody answers in time."""
    site.hold_to(2)
    return outcome(site, site.here.command(*OVERRIDE), time.monotonic())


@dataclass
class Killed:
    """What was seen around a `kill -9` while a form was shown."""

    ended: Outcome
    status: dict[str, Any]
    refused: Ran
    approved: Ran
    too_late: Ran
    left: str
    resumed: int


@pytest.fixture(scope="module")
def killed(site: Site, given_up: Outcome) -> Killed:
    """The flow process dies while it is paused, another waits on, the terminal approves."""
    site.hold_to(600)
    begun = time.monotonic()
    command = site.begin(*OVERRIDE)
    (left,) = site.paused()
    victim = site.flow()
    os.kill(victim, signal.SIGKILL)
    refused = site.here.pincex("approve", MODEL, "--refuse")
    status = site.here.status()
    eventually(lambda: site.flow() not in (0, victim), 30, "another process waits")
    eventually(lambda: [run for run in site.paused() if run["id"] != left["id"]], 30, "its form")
    approved = site.here.pincex("approve", MODEL, "--reason", "I looked")
    too_late = site.here.pincex("approve", MODEL, "--refuse", "--reason", "I was slow")
    end = outcome(site, command, begun)
    log = (site.here.home.logs / "keeper.log").read_text()
    state = site.prefect("GET", f"flow_runs/{left['id']}")["state"]["type"]
    assert site.here.pincex("rollback-model", MODEL).code == 0
    return Killed(end, status, refused, approved, too_late, state, log.count("resumed as"))


@dataclass
class InPrefect:
    """What Prefect said to two forms, and how the promotion ended."""

    ended: Outcome
    description: str
    nameless: str
    filled: str
    again: str
    history: str


@pytest.fixture(scope="module")
def in_prefect(site: Site, killed: Killed) -> InPrefect:
    """A proven version, approved beside its verdict."""
    proven = site.here.pincex("deploy-model", MODEL, PROVEN)
    assert proven.report["decision"] == "PROMOTE", proven
    begun = time.monotonic()
    command = site.begin("promote-model", MODEL)
    (run,) = site.paused()
    keys = run["state"]["state_details"]["run_input_keyset"]
    shown = site.prefect("GET", f"flow_runs/{run['id']}/input/{keys['description']}")
    nameless = site.resume(run["id"], approve=True)
    filled = site.resume(run["id"], approve=True, name="Grace", reason="all gates")
    again = site.resume(run["id"], approve=False, name="Ada")
    end = outcome(site, command, begun)
    done = site.here.pincex("history", MODEL)
    assert site.here.pincex("rollback-model", MODEL).code == 0
    return InPrefect(end, str(shown), nameless, filled, again, str(done.report))


@pytest.fixture(scope="module")
def refused(site: Site, in_prefect: InPrefect) -> Outcome:
    """The same version on its kept evidence; somebody says no."""
    begun = time.monotonic()
    command = site.begin("promote-model", MODEL, PROVEN)
    assert site.here.pincex("approve", MODEL, "--refuse", "--reason", "not on Fridays").code == 0
    return outcome(site, command, begun)


def test_a_promotion_that_nobody_approves_is_given_up(given_up: Outcome) -> None:
    """Traffic stayed, the command says so, and the rollout is closed."""
    assert given_up.ran.code == 4
    assert given_up.rollout.closed is Ending.EXPIRED
    assert given_up.rollout.reason == "nobody approved it within 2 s"
    assert given_up.kinds() == ["rollout-opened", "approval-asked", "rollout-closed"]
    assert given_up.weights == {STABLE: 100}
    assert "waiting for approval until " in given_up.ran.said


def test_a_killed_wait_goes_on_and_the_terminal_approves(killed: Killed) -> None:
    """Neither lost nor promoted by the kill; resumed once; the ledger names who."""
    assert killed.refused.code == 2
    assert killed.status["approval"]["state"] == "asked"
    assert killed.status["weights"] == {STABLE: 100}
    assert killed.resumed == 1
    assert killed.left == "CRASHED"
    assert killed.approved.code == 0
    assert killed.ended.ran.code == 0
    assert killed.ended.rollout.closed is Ending.PROMOTED
    row = killed.ended.row("approved")
    assert (row.data["how"], row.data["reason"]) == ("the terminal", "I looked")
    assert row.data["rollout"] == killed.ended.rollout.id
    assert killed.ended.weights == {UNPROVEN: 100}


def test_a_second_answer_is_told_about_the_first(killed: Killed) -> None:
    """It changes nothing."""
    assert killed.too_late.code == 1
    assert "was approved by " in killed.too_late.report["error"]
    assert "refused" not in killed.ended.kinds()


def test_prefect_approves_beside_the_verdict(in_prefect: InPrefect) -> None:
    """The form is checked; who filled it in is in the ledger; it is judged once more first."""
    assert f"Promote {MODEL} {PROVEN} over {STABLE}?" in in_prefect.description
    assert "- accuracy-paired: **proven**, " in in_prefect.description
    assert (in_prefect.nameless, in_prefect.filled, in_prefect.again) == (
        "REJECT",
        "ACCEPT",
        "ABORT",
    )
    end = in_prefect.ended
    assert (end.ran.code, end.rollout.closed) == (0, Ending.PROMOTED)
    row = end.row("approved")
    assert (row.actor, row.data["how"], row.data["reason"]) == ("Grace", "Prefect", "all gates")
    assert row.data["evidence_digest"] == end.row("approval-asked").data["evidence_digest"]
    after = end.kinds()[end.kinds().index("approved") :]
    assert after[:3] == ["approved", "verdict", "phase"]
    assert "Grace" in in_prefect.history
    assert end.weights == {PROVEN: 100}


def test_a_refusal_takes_the_version_out(refused: Outcome) -> None:
    """The champion goes on; the reason is the one that was given."""
    assert refused.ran.code == 4
    assert refused.ran.report["ending"] == "REFUSED"
    assert refused.ran.report["reason"].endswith("refused it: not on Fridays")
    assert (refused.rollout.closed, refused.rollout.phase) == (Ending.REFUSED, Phase.ROLLED_BACK)
    assert refused.weights == {STABLE: 100}
