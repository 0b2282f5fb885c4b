"""The product as a newcomer has it: the `pincex` command, asked for one JSON object."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATIENCE = 300.0


class DemoFailed(Exception):
    """A step of the demo did not do what it should; the sentence says which and why."""


@dataclass(frozen=True, slots=True)
class Ran:
    """One command: exit code, its JSON object, seconds."""

    code: int
    report: dict[str, Any]
    seconds: float


def pincex(*words: str, allowed: Sequence[int] = (0,)) -> Ran:
    """Run a verb with ``--json``; any exit code but the allowed ones ends the demo."""
    started = time.monotonic()
    command = [str(Path(sys.executable).with_name("pincex")), *words, "--json"]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        raise DemoFailed(f"pincex {' '.join(words)} took over {PATIENCE:.0f} s") from None
    try:
        report = json.loads(done.stdout)
    except ValueError:
        raise DemoFailed(f"pincex {' '.join(words)} said: {_end(done.stderr)}") from None
    if done.returncode not in allowed:
        said = report.get("error") or report.get("reason") or report
        raise DemoFailed(f"pincex {' '.join(words)} ended with {done.returncode}: {said}")
    return Ran(done.returncode, report, time.monotonic() - started)


def _end(output: bytes) -> str:
    return output.decode(errors="replace").strip()[-500:]
