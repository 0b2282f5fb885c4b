"""The outside client as a process: started, read, waited for, ended."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from demo.commands import DemoFailed

LONGEST = 900.0
SEED = 20261123


class Outside:
    """A client process at a steady rate; its stats are a file that it replaces as it goes."""

    def __init__(self, endpoint: str, rate: float, stats: Path) -> None:
        self._stats = stats
        stats.unlink(missing_ok=True)
        command = [
            *(sys.executable, "-m", "demo.client", endpoint, "--rate", str(rate)),
            *("--seconds", str(LONGEST), "--seed", str(SEED), "--stats", str(stats)),
        ]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def stats(self) -> dict[str, Any]:
        """What it counted so far."""
        deadline = time.monotonic() + 30
        while not self._stats.is_file():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise DemoFailed("the outside client did not start")
            time.sleep(0.05)
        content: dict[str, Any] = json.loads(self._stats.read_text())
        return content

    def wait_for_answers(self, number: int) -> None:
        """Until so many requests were answered."""
        deadline = time.monotonic() + LONGEST
        while self.stats()["answered"] < number:
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise DemoFailed(f"the client got no {number} answers")
            time.sleep(0.2)

    def last_answer(self, version: str, settled: float) -> float:
        """When the last answer of a version arrived, once `settled` seconds passed without one."""
        while True:
            last: float = self.stats()["last_answer"].get(version, 0.0)
            if time.time() - last > settled:
                return last
            time.sleep(0.1)

    def end(self) -> dict[str, Any]:
        """Stop it; every request in flight is waited for."""
        if self._process.poll() is None:
            self._process.terminate()
        self._process.wait(timeout=60)
        return self.stats()
