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

from benchmarks.small_client import Client
from cluster.identity import start_mark
from cluster.ledger import Row
from cluster.local.home import Home
from cluster.local.scan import members
from flows.site import Site
from rollout.history import History

ROOT = Path(__file__).resolve().parent.parent
MODEL = "price"
RATE = 120.0
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
        """`down`, and require that nothing is left."""
        self.pincex("down")
        left = members(self.home)
        assert left == [], f"left over after down: {left}"


def ended(process: subprocess.Popen[str], begun: float) -> Ran:
    """Wait for a command."""
    out, err = process.communicate(timeout=PATIENCE)
    report = json.loads(out) if out.strip() else {}
    return Ran(process.returncode, report, err, time.monotonic() - begun)


def small_models(directory: Path) -> None:
    """Save the versions in a process of its own, so that no SDK is imported here."""
    subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "benchmarks.small_models", str(directory)],
        cwd=ROOT,
        env={**os.environ, "MLFLOW_ENABLE_ASYNC_LOGGING": "false"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
    )


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
        assert ended(up, time.monotonic()).code == 0
        for place in sorted(models.iterdir()):
            made = here.pincex("register-model", MODEL, place.name, str(place))
            assert made.code == 0, made
        first = here.pincex("deploy-model", MODEL, "v1.0.0", "--first")
        assert first.code == 0, first
        yield here
    finally:
        here.end()
        shutil.rmtree(models, ignore_errors=True)


def eventually(truth: Callable[[], object], within: float, what: str) -> float:
    """Wait until `truth()` holds; the seconds it took. Fails otherwise."""
    begun = time.monotonic()
    while not truth():
        assert time.monotonic() - begun < within, f"not within {within:g} s: {what}"
        time.sleep(0.02)
    return time.monotonic() - begun


def alive(pid: int, mark: str | None) -> bool:
    """Whether that very process still runs."""
    return start_mark(pid) == mark
