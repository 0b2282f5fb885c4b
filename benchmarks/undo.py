"""How long an undo takes: from the moment the evidence sufficed until traffic had moved.

That moment is recomputed afterwards from the rows and labels alone, at every millisecond, as if
somebody had looked without pause; the rules are the policy's own, at full length. The promotions
run in processes forked from one that has everything loaded: without Prefect's record, but a
hundred of them take minutes, not an hour. One server per version, for the same reason.
"""

import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.sufficing import Sufficing
from cluster.local.home import Home
from flows.promote import promote_model
from flows.recorder import Unrecorded
from flows.rehearsal.small_client import Client
from flows.rehearsal.small_site import MODEL, POLICY, ROOT, SmallSite, eventually, small_site
from flows.site import Site
from rollout.policy import parse
from rollout.state import Ending, Phase

FORKS = multiprocessing.get_context("forkserver")
ALONE = "\n[rollout]\nreplicas = 1\n"
# The harm here is errors and wrong forecasts; a machine with other things to do is no reason.
PATIENT = "\n[rollout.live_rules.response_time]\nfloor_ms = 5000\n"
STABLE, TURNING = "v1.0.0", "v6.0.0"
QUIET = 2.0
PATIENCE = 60.0
HARMS = {
    "half of the requests fail": "fail 0.5",
    "one request in five fails": "fail 0.2",
    "every forecast is ten times too high": "wrong 1",
}
FULL, SHORT = (50, 25, 25), (2, 1, 2)


@dataclass(frozen=True, slots=True)
class Undone:
    """One undo, in seconds: from the begin of the harm and from the evidence to traffic moved.

    Moved is when the ledger had it confirmed; `client` is until the last request that the undone
    version answered was sent.
    """

    harm: float
    evidence: float
    client: float
    late_failures: int
    runbook: float
    load: float


def rows(full: bool) -> list[dict[str, Any]]:
    """One site under load; one promotion after the other that turns bad and is undone."""
    with tempfile.TemporaryDirectory(prefix="pincex-undo-") as place:
        directory = Path(place)
        switch = directory / "switch"
        _turning_model(directory / "turning", switch)
        # Forked before there is a thread.
        FORKS.set_forkserver_preload(["flows.promote", "flows.watch", "models.past"])
        FORKS.Process(target=str).start()
        with small_site(directory, f"{POLICY}{ALONE}{PATIENT}") as here, here.load() as client:
            made = here.pincex("register-model", MODEL, TURNING, str(directory / "turning"))
            assert made.code == 0, made
            found = {
                name: [_undo(here, client, switch, said) for _ in range(count)]
                for (name, said), count in zip(HARMS.items(), FULL if full else SHORT, strict=True)
            }
    every = [undone for several in found.values() for undone in several]
    return [_row(name, several) for name, several in {**found, "all": every}.items()]


def _row(name: str, several: list[Undone]) -> dict[str, Any]:
    def spread(values: list[float]) -> str:
        median, high = np.quantile(values, [0.5, 0.95])
        return f"{median:.2f} / {high:.2f} / {max(values):.2f} s"

    return {
        "what turned bad": name,
        "undos": len(several),
        "harm began to evidence": spread([one.harm - one.evidence for one in several]),
        "evidence to traffic moved: median / p95 / max": spread([one.evidence for one in several]),
        "to the last request it got": spread([one.client for one in several]),
        "harm began to traffic moved": spread([one.harm for one in several]),
        "by the runbook's own rule": f"{min(one.runbook for one in several):.0f} s or more",
        "failed later": sum(one.late_failures for one in several),
        "waiting for a core": f"{max(one.load for one in several):.0f} at most",
    }


def _undo(here: SmallSite, client: Client, switch: Path, said: str) -> Undone:
    """Promote, turn bad, wait for the undo; then find out when the evidence sufficed."""
    flow = FORKS.Process(target=_promote, args=(str(here.home.path),))
    flow.start()
    eventually(lambda: _watching(here), PATIENCE, "it is watched")
    time.sleep(QUIET)
    rollout = here.history().open
    assert rollout is not None, "undone before it turned bad"
    begun = _turn(switch, said)
    eventually(lambda: here.history().rollouts[-1].closed, PATIENCE, f"{said} is undone")
    flow.join()
    switch.unlink()
    last = here.history().rollouts[-1]
    assert (last.id, last.closed) == (rollout.id, Ending.ROLLED_BACK), last
    moved = here.rows("traffic")[-1]
    assert moved.data["weights"] == {STABLE: 100}, moved
    at = moved.at.timestamp()
    sufficed = Sufficing(here.site, last, parse(last.policy_text)).moment(begun, at)
    undone = Undone(
        harm=at - begun,
        evidence=at - sufficed,
        client=client.latest[TURNING] - sufficed,
        late_failures=sum(failure.at > at + 1 for failure in client.failures),
        runbook=_by_the_runbook(last.policy_text),
        load=os.getloadavg()[0],
    )
    print(f"{said}: {undone} {last.reason}", file=sys.stderr, flush=True)
    return undone


def _promote(home: str) -> None:
    """All traffic to the version that will turn bad, and its watch to its end."""
    promote_model(Site("local", Home(Path(home))), MODEL, TURNING, "a benchmark", Unrecorded())


def _watching(here: SmallSite) -> bool:
    opened = here.history().open
    return opened is not None and opened.phase is Phase.WATCHING


def _by_the_runbook(policy_text: str) -> float:
    """Seconds of harm that its rule on errors waits for at least: whole minutes in a row."""
    policy = parse(policy_text)
    return float(policy.live_rules.errors.minutes * policy.watch.minute)


def _turn(switch: Path, said: str) -> float:
    """From now on it is bad; the moment."""
    draft = switch.with_suffix(".draft")
    draft.write_text(said)
    draft.rename(switch)
    return time.time()


def _turning_model(directory: Path, switch: Path) -> None:
    script = ROOT / "tests" / "end_to_end" / "turning_model.py"
    command = [sys.executable, "-W", "ignore", str(script), str(directory), str(switch)]
    subprocess.run(command, capture_output=True, check=True)
