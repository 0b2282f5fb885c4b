"""A promotion that is watched, on the real site: each trigger undoes it, and nothing else does."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cluster.local.processes import running
from flows.rehearsal.small_site import MODEL, POLICY, SmallSite, eventually, small_site
from rollout.history import Served
from rollout.state import Ending, Phase, Rollout

pytestmark = [pytest.mark.site, pytest.mark.long, pytest.mark.timeout(600)]

STABLE, TURNING, OTHER = "v1.0.0", "v6.0.0", "v2.0.0"
NEVER = 10_000
# A "minute" is a second; a gate of weight 1e-12 proves nothing before the watch is over.
WATCH = """
[rollout.watch]
seconds = {seconds}
minute = 1
min_requests = 20

[rollout.live_rules.errors]
minutes = {errors}

[rollout.live_rules.response_time]
minutes = {slow}

[rollout.live_rules.health]
every = 0.5

[gates.errors-late-absolute]
weight = {late_errors}

[gates.accuracy-absolute]
weight = {accuracy}
"""
RULES = {
    "seconds": 60,
    "errors": NEVER,
    "slow": NEVER,
    "late_errors": 1e-12,
    "accuracy": 1e-12,
    "late_slow": 1e-12,
}


@dataclass
class Watched:
    """The site, and the switch of the version that turns bad."""

    here: SmallSite
    switch: Path

    def policy(self, **changes: Any) -> None:
        """What the next promotion is held to; triggers that are not named never fire."""
        numbers = {**RULES, **changes}
        gross = f"[gates.gross-frozen-p95]\nfloor_ms = 400.0\nweight = {numbers['late_slow']}\n"
        plain = POLICY.replace("[gates.gross-frozen-p95]\nfloor_ms = 400.0\n", gross)
        text = plain + WATCH.format(**numbers)
        (self.here.home.path / "policy.toml").write_text(text)

    def promote(self, **changes: Any) -> dict[str, Any]:
        """Give all traffic to the version that may turn bad; it is watched from then on."""
        self.switch.unlink(missing_ok=True)
        self.policy(**changes)
        ran = self.here.pincex("promote-model", MODEL, TURNING, "--override", "a test")
        assert ran.code == 0, ran
        return ran.report

    def turn(self, said: str) -> None:
        """From now on it is bad."""
        draft = self.switch.with_suffix(".draft")
        draft.write_text(said)
        draft.rename(self.switch)

    @property
    def last(self) -> Rollout:
        """The newest rollout."""
        return self.here.history().rollouts[-1]

    @property
    def champion(self) -> Served:
        """What serves, and how it came to."""
        champion = self.here.history().champion
        assert champion is not None
        return champion

    def closed(self, within: float = 45.0) -> Rollout:
        """The newest rollout, once it is closed and nobody holds the lock."""
        eventually(lambda: self.last.closed, within, "the rollout is closed")
        holder = self.here.site.lock.holder
        eventually(lambda: holder(MODEL, "local") is None, 15, "the process ends")
        return self.last

    def state(self, name: str) -> str | None:
        """What status says of a trigger."""
        return self._readings().get(name)

    def states(self) -> set[str]:
        """What status says of all triggers, each once."""
        return set(self._readings().values())

    def _readings(self) -> dict[str, str]:
        watch = self.here.status()["watch"] or {"triggers": []}
        return {each["name"]: each["state"] for each in watch["triggers"]}

    def flow(self) -> int:
        """The process that holds the lock."""
        held = self.here.site.lock.holder(MODEL, "local")
        assert held is not None
        return held.pid


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """A site whose champion is good, and that knows a version that can turn bad."""
    directory = tmp_path_factory.mktemp("watch")
    switch = directory / "switch"
    script = Path(__file__).with_name("turning_model.py")
    command = [sys.executable, "-W", "ignore", str(script), str(directory / "turning"), str(switch)]
    subprocess.run(command, capture_output=True, check=True)
    with small_site(directory) as here:
        made = here.pincex("register-model", MODEL, TURNING, str(directory / "turning"))
        assert made.code == 0, made
        yield Watched(here, switch)


@pytest.fixture(autouse=True)
def champion_again(watched: Watched) -> Iterator[None]:
    """After each test the good version serves again and nothing is open."""
    yield
    watched.switch.unlink(missing_ok=True)
    if watched.champion.revision.version != STABLE:
        assert watched.here.pincex("rollback-model", MODEL).code == 0


FIRINGS = {
    "errors for two minutes": ({"errors": 2}, "fail 0.12", "errors ", "of 2 minutes in a row"),
    "late errors": ({"late_errors": 0.06}, "fail 0.5", "errors ", "proven over 5 %"),
    "response time for five minutes": ({"slow": 5}, "slow 0.12", "p95 over ", "of 5 minutes"),
    "late response time": ({"late_slow": 0.1}, "slow 0.5", "p95 over ", "proven in more than half"),
    "accuracy": ({"accuracy": 0.06}, "wrong 1", "accuracy ", "proven below 85 %"),
}


@pytest.mark.parametrize(
    ("triggers", "harm", "begins", "says"), FIRINGS.values(), ids=FIRINGS.keys()
)
def test_each_trigger_undoes_by_itself(
    watched: Watched, triggers: dict[str, Any], harm: str, begins: str, says: str
) -> None:
    """Traffic, ledger, aliases and the mark in the registry; the sentence says what fired."""
    with watched.here.load():
        report = watched.promote(**triggers)
        time.sleep(2.0)
        quiet = watched.champion.revision.version
        watched.turn(harm)
        last = watched.closed()

    assert (report["phase"], report["watch_seconds"]) == ("WATCHING", 60)
    assert quiet == TURNING
    assert (last.closed, last.phase) == (Ending.ROLLED_BACK, Phase.ROLLED_BACK)
    assert last.reason.startswith(begins)
    assert says in last.reason
    assert (watched.champion.revision.version, watched.champion.verb) == (STABLE, "watch")
    assert watched.here.rows("served")[-1].data["override"] == last.reason
    assert watched.here.status()["weights"] == {STABLE: 100}
    assert watched.here.alias("champion") == STABLE
    marks = watched.here.pincex("model-status", MODEL).report["versions"]
    assert [m["validation_status"] for m in marks if m["version"] == TURNING] == ["rejected"]


def test_failed_health_checks_undo(watched: Watched) -> None:
    """A server that answers no more is noticed without any traffic."""
    watched.promote()
    server = running(watched.here.home, f"{MODEL}@{TURNING}#1")
    assert server is not None
    assert server.pid is not None
    os.kill(server.pid, signal.SIGSTOP)
    try:
        eventually(lambda: watched.champion.verb == "watch", 30, "the watch undoes")
    finally:
        os.kill(server.pid, signal.SIGCONT)
    last = watched.closed()

    assert last.closed is Ending.ROLLED_BACK
    assert last.reason.startswith("a server failed 3 health checks in a row")


def test_a_healthy_watch_ends_with_the_promotion(watched: Watched) -> None:
    """With every trigger as sharp as it is in the policy, none fires; the challenger is settled."""
    with watched.here.load() as client:
        watched.promote(
            seconds=25, errors=2, slow=5, late_errors=0.06, accuracy=0.06, late_slow=0.1
        )
        eventually(lambda: watched.states() == {"QUIET"}, 22, "every trigger is quiet")
        last = watched.closed()

    assert (last.closed, last.reason) == (
        Ending.PROMOTED,
        "a test; watched for 25 s, no trigger fired",
    )
    assert watched.here.alias("champion") == TURNING
    assert client.failures == []


def test_without_traffic_nothing_fires_and_nothing_is_called_quiet(watched: Watched) -> None:
    """The closing sentence names what could not be judged."""
    watched.promote(seconds=20, errors=2, slow=5, late_errors=0.06, accuracy=0.06, late_slow=0.1)
    eventually(lambda: watched.state("errors") == "NO_TRAFFIC", 18, "no traffic is said")
    last = watched.closed()

    assert last.closed is Ending.PROMOTED
    assert last.reason.endswith(
        "not judged: errors, response time, accuracy, late errors, late response time"
    )


def test_without_labels_accuracy_is_not_judged(watched: Watched) -> None:
    """Requests that nobody labels are no reason to undo."""
    watched.promote(seconds=15, accuracy=0.06)
    watched.turn("wrong 1")
    port = watched.here.home.site().ports.endpoint
    said: list[str | None] = []
    deadline = time.monotonic() + 14
    while time.monotonic() < deadline and "NO_LABELS" not in said:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        body = json.dumps({"features": {"a": 0.5, "b": 0.5}})
        connection.request("POST", "/predict", body)
        connection.getresponse().read()
        connection.close()
        said.append(watched.state("accuracy"))
    last = watched.closed()

    assert "NO_LABELS" in said
    assert last.closed is Ending.PROMOTED
    assert "accuracy" in last.reason


@pytest.mark.parametrize("harm", [True, False], ids=["harm while nobody looked", "no harm"])
def test_a_killed_watch_goes_on(watched: Watched, harm: bool) -> None:
    """The keeper resumes it; its end is still the one of the ledger."""
    with watched.here.load():
        watched.promote(seconds=15, late_errors=0.06)
        until = watched.last.watch and watched.last.watch.until
        os.kill(watched.flow(), signal.SIGKILL)
        if harm:
            watched.turn("fail 0.5")
        last = watched.closed(60.0)

    assert until is not None
    closed_at = watched.here.rows("rollout-closed")[-1].at
    if harm:
        assert last.closed is Ending.ROLLED_BACK
        assert watched.champion.revision.version == STABLE
    else:
        assert last.closed is Ending.PROMOTED
        assert (closed_at - until).total_seconds() < 20
        assert closed_at >= until


def test_a_rollback_preempts_the_watch(watched: Watched) -> None:
    """`rollback-model` waits for nobody; the watch is closed and undoes nothing any more."""
    watched.promote()
    ran = watched.here.pincex("rollback-model", MODEL, "--reason", "it is slow")

    assert ran.code == 0
    first, second = watched.here.history().rollouts[-2:]
    assert (first.closed, first.reason) == (Ending.ABANDONED, "rollback-model: it is slow")
    assert second.closed is Ending.ROLLED_BACK
    assert watched.champion.revision.version == STABLE
    assert watched.here.alias("champion") == STABLE


def test_a_deploy_during_a_watch(watched: Watched) -> None:
    """It names the watch and how long it runs; one that ends soon is waited for."""
    watched.promote(seconds=300)
    refused = watched.here.pincex("deploy-model", MODEL, OTHER)
    assert watched.here.pincex("rollback-model", MODEL).code == 0

    assert refused.code == 1
    assert refused.report["error"].startswith(
        f"the promotion of {MODEL} {TURNING} is being watched for another "
    )
    assert f"pincex rollback-model {MODEL}" in refused.report["hint"]

    watched.promote(seconds=12)
    started = watched.here.pincex("deploy-model", MODEL, OTHER, "--no-follow")
    assert started.code == 0
    assert "waiting for the watch of v6.0.0 to end" in started.said
    deployed = [one for one in watched.here.history().rollouts if one.candidate.version == TURNING]
    assert deployed[-1].closed is Ending.PROMOTED
    eventually(lambda: watched.last.candidate.version == OTHER, 30, "the deploy is open")
