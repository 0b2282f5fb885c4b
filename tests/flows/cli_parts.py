"""The command as people run it, in this process or in one of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flows.cli import main

COMMAND = (sys.executable, "-m", "flows.cli")
ERROR_KEYS = {"error", "hint", "changed"}


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def report(self) -> dict[str, Any]:
        """The one JSON object on stdout; anything else there fails the test."""
        report = json.loads(self.out)
        assert isinstance(report, dict)
        assert self.out.count("\n") == 1
        return report


class Cli:
    """`pincex` on a site of its own, in this process."""

    def __init__(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.home = home
        self._capsys = capsys

    def __call__(self, *arguments: str | Path) -> Ran:
        """Run one command."""
        self._capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        out, err = self._capsys.readouterr()
        return Ran(code, out, err)


def child(*arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> Ran:
    """Run one command in a process of its own."""
    done = subprocess.run(
        [*COMMAND, *arguments],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)
