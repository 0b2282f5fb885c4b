"""CPU time of the commands a person waits for, beside a bare interpreter in the same run."""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

REPEATS = {False: 7, True: 25}


def rows(full: bool) -> list[dict[str, Any]]:
    """Medians of interleaved runs, as ratios."""
    with tempfile.TemporaryDirectory(prefix="pincex-commands-") as directory:
        environment = {**os.environ, "PINCEX_HOME": directory}
        pincex = str(Path(sys.executable).with_name("pincex"))
        subprocess.run(
            [pincex, "up", "--no-wait"], env=environment, check=True, capture_output=True
        )
        try:
            return _ratios(pincex, environment, REPEATS[full])
        finally:
            subprocess.run([pincex, "down"], env=environment, check=True, capture_output=True)


def _ratios(pincex: str, environment: dict[str, str], repeats: int) -> list[dict[str, Any]]:
    commands = {
        "bare": [sys.executable, "-c", "pass"],
        "--help": [pincex, "--help"],
        "status": [pincex, "status"],
    }
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(repeats):
        for name, command in commands.items():
            seconds[name].append(_cpu(command, environment))
    bare = statistics.median(seconds["bare"])
    limits = {"--help": 5, "status": 15}
    return [
        {
            "what": f"CPU time of pincex {name} beside python -c pass ({1000 * bare:.0f} ms)",
            "measured": f"{statistics.median(seconds[name]) / bare:.1f} x",
            "reach": f"{limit} x",
        }
        for name, limit in limits.items()
    ]


def _cpu(command: list[str], environment: dict[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environment, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)
