"""Real parts that the tests of this room share: model folders, processes, addresses."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpx

from demo.features import FEATURES
from demo.forecasters import Ewma, Forecaster
from demo.train import save
from models.manifest import MANIFEST_NAME, canonical, digest, manifest_of

EXAMPLE = [0.01 + place / 1000 for place in range(len(FEATURES))]
BODY = {"features": dict(zip(FEATURES, EXAMPLE, strict=True))}
PYTHON = Path(sys.executable)


def model_folder(directory: Path, model: Forecaster | None = None) -> Path:
    """An MLflow model directory that needs neither MLflow nor scikit-learn to load."""
    return save(model or Ewma(), directory, EXAMPLE)


def site_copy(directory: Path, model: Forecaster | None = None) -> str:
    """A model folder with its manifest beside it, as servers load it; returns the digest."""
    manifest = manifest_of(model_folder(directory, model))
    (directory / MANIFEST_NAME).write_bytes(canonical(manifest))
    return digest(manifest)


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@dataclass
class Served:
    """A model server of this test."""

    process: subprocess.Popen[bytes]
    url: str
    records: Path
    log: Path

    def rows(self, pattern: str) -> list[bytes]:
        """All rows of the files that match, without what was announced before them."""
        lines = [line for path in self.records.glob(pattern) for line in path.open("rb")]
        return [line for line in lines if b'"id"' in line]


def server_argv(directory: Path, digest: str, records: Path, port: int) -> list[str]:
    """The command line of a server of v1.0.0."""
    return [
        str(PYTHON),
        *("-m", "models.server", "--name", "price-predictor", "--version", "v1.0.0"),
        *("--directory", str(directory), "--manifest-sha256", digest, "--port", str(port)),
        *("--instance", "1", "--records", str(records), "--labels", str(records / "labels.jsonl")),
    ]


@contextmanager
def model_server(
    home: Path, model: Forecaster | None = None, environment: Mapping[str, str] | None = None
) -> Iterator[Served]:
    """A real server process, ready; killed by its own pid afterwards."""
    directory, records, port = home / "model", home / "records", free_port()
    argv = server_argv(directory, site_copy(directory, model), records, port)
    log = home / "server.log"
    with log.open("wb") as output, process(argv, output, environment) as running:
        url = f"http://127.0.0.1:{port}"
        wait_for(f"{url}/readyz", running)
        yield Served(running, url, records, log)


@contextmanager
def process(
    argv: list[str], output: IO[bytes], environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A child that does not outlive the block."""
    running = subprocess.Popen(argv, stdout=output, stderr=output, env=environment)
    try:
        yield running
    finally:
        running.kill()
        running.wait()


def wait_for(url: str, running: subprocess.Popen[bytes], seconds: float = 60) -> None:
    """Until the address answers 200; fails at once when its process ends."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert running.poll() is None, f"the process ended with {running.returncode}"
        try:
            if httpx.get(url, timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.02)
    raise AssertionError(f"{url} is not ready after {seconds} s")
