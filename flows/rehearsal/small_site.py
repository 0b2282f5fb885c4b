"""A real site with small models: Envoy, MLflow, Prefect, the keeper, and `pincex` as processes."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cluster.identity import start_mark
from cluster.ledger import Row
from cluster.local.down import down
from cluster.local.home import Home
from cluster.local.scan import members
from flows.local_site import CHECKOUT as ROOT
from flows.progress_file import read
from flows.rehearsal.small_client import Client
from flows.site import Site
from rollout.history import History

MODEL = "price"
RATE = 60.0
"""Requests a second: enough for a verdict in seconds, little for two sites on two cores."""
PATIENCE = 180.0
POLICY = """
# Margins so wide that a few hundred pairs prove safety, and limits on latency so high that a
# machine with other things to do does not break them.
[drift]
kind = "none"
reason = "both versions share one machine and the same seconds"

[budgets]
min_pairs = 300

[time]
label_window = 10.0

[latency]
baseline_p95_ms = 3.0

[gates.errors-paired]
margin = 0.01

[gates.p95-limit]
limit_ms = 400.0

[gates.frozen-p95]
margin = 2.0
floor_ms = 400.0

[gates.gross-frozen-p95]
floor_ms = 400.0

[gates.frozen-p99]
floor_ms = 400.0

[gates.latency-thresholds]
floor_ms = 400.0

[gates.latency-mean]
floor_ms = 400.0

[gates.p95-ratio]
floor_ms = 400.0

[gates.accuracy-paired]
margin = 0.05

[gates.coverage]
max_not_sent = 0.002

[rollout.shadow]
max_seconds = 120
"""
UNWATCHED = f"{POLICY}\n[rollout.watch]\nseconds = 0\n"


class NotSo(AssertionError):
    """What has to be so is not; the sentence says what, and what is so instead."""


def require(truth: object, otherwise: str) -> None:
    """NotSo, in these words, unless it is true."""
    if not truth:
        raise NotSo(otherwise)


@dataclass(frozen=True, slots=True)
class Ran:
    """One command: exit code, its one JSON object, what it said to people, seconds."""

    code: int
    report: dict[str, Any]
    said: str
    seconds: float


@dataclass
class SmallSite:
    """One site in a directory of its own; nothing of it is alive after `end`."""

    directory: Path
    python: str = sys.executable
    home: Home = field(init=False)

    def __post_init__(self) -> None:
        self.home = Home(self.directory / "home")
        self.home.path.mkdir()

    def hold_to(self, policy: str) -> None:
        """Make it the policy of every rollout from now on."""
        (self.home.path / "policy.toml").write_text(policy)

    @property
    def site(self) -> Site:
        """The site's adapters, read from this process."""
        return Site("local", self.home)

    def command(self, *words: str) -> subprocess.Popen[str]:
        """Start a command; the caller waits for it with `ended`."""
        return subprocess.Popen(
            [self.python, "-m", "flows.cli", *words, "--json"],
            cwd=ROOT,
            env={**os.environ, "PINCEX_HOME": str(self.home.path)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def pincex(self, *words: str) -> Ran:
        """Run a command to its end."""
        begun = time.monotonic()
        return ended(self.command(*words), begun)

    def status(self) -> dict[str, Any]:
        """What `pincex status` says of the model."""
        found: dict[str, Any] = self.pincex("status").report["models"][0]
        return found

    def differing(self) -> list[str]:
        """What does not agree, and what could not be compared."""
        found = self.status()
        return [*found["differences"], *found["not_compared"]]

    def history(self) -> History:
        """The ledger of the model, folded."""
        return self.site.history(MODEL)

    def rows(self, kind: str | None = None) -> list[Row]:
        """The ledger's rows of the model."""
        return [row for row in self.site.ledger.rows(component=MODEL) if kind in (None, row.kind)]

    def alias(self, name: str) -> str | None:
        """The release that an alias of the registry names."""
        return self.site.registry.aliases(MODEL).get(name)

    @contextmanager
    def load(self, rate: float = RATE) -> Iterator[Client]:
        """Requests from outside over a block."""
        with Client(self.home.site().endpoint, rate) as client:
            yield client

    def end(self) -> None:
        """What `down` does, and require that nothing is left."""
        down(self.home)
        left = members(self.home)
        require(not left, f"left over after down: {left}")


def ended(process: subprocess.Popen[str], begun: float) -> Ran:
    """Wait for a command; one that does not end is killed, and that is NotSo."""
    try:
        out, err = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise NotSo(f"not ended within {PATIENCE:g} s: {process.args!r}") from None
    report = json.loads(out) if out.strip() else {}
    return Ran(process.returncode, report, err, time.monotonic() - begun)


def small_models(directory: Path) -> None:
    """Save the versions in a process of its own, so that no SDK is imported here."""
    made = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "flows.rehearsal.small_models", str(directory)],
        cwd=ROOT,
        env={**os.environ, "MLFLOW_ENABLE_ASYNC_LOGGING": "false"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    require(made.returncode == 0, f"the small models cannot be made: {made.stderr.strip()[-500:]}")


@contextmanager
def small_site(
    directory: Path, policy: str = POLICY, python: str = sys.executable
) -> Iterator[SmallSite]:
    """A running site whose champion is v1.0.0 and that knows all the small versions."""
    here = SmallSite(directory, python)
    here.hold_to(policy)
    models = directory / "models"
    try:
        up = here.command("up")
        small_models(models)
        if ended(up, time.monotonic()).code != 0:
            # Where the machine is busy, the same again goes on waiting.
            _done(here.pincex("up"), "up")
        for place in sorted(models.iterdir()):
            made = here.pincex("register-model", MODEL, place.name, str(place))
            _done(made, f"register-model {place.name}")
        first = here.pincex("deploy-model", MODEL, "v1.0.0", "--first")
        _done(first, "deploy-model v1.0.0 --first")
        yield here
    finally:
        here.end()
        shutil.rmtree(models, ignore_errors=True)


def _done(ran: Ran, words: str) -> None:
    require(ran.code == 0, f"{words} ended with {ran.code}: {ran.report.get('error', ran.said)}")


def copied(here: SmallSite, rollout_id: str) -> int:
    """How many pairs the last look of this rollout saw; 0 before the first."""
    progress = read(here.site, MODEL)
    own = progress is not None and progress["rollout"] == rollout_id
    return int(progress["pairs"]) if own and progress is not None else 0


def eventually(truth: Callable[[], object], within: float, what: str) -> float:
    """Wait until `truth()` holds; the seconds it took. Fails otherwise."""
    begun = time.monotonic()
    while not truth():
        require(time.monotonic() - begun < within, f"not within {within:g} s: {what}")
        time.sleep(0.02)
    return time.monotonic() - begun


def alive(pid: int, mark: str | None) -> bool:
    """Whether that very process still runs."""
    return start_mark(pid) == mark
