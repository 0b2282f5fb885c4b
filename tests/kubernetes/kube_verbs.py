"""Verbs as a person has them run: a process, from a folder of one's own, in one namespace."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PATIENCE = 600.0


class Verbs:
    """Runs verbs in a namespace, as a kubeconfig says; `folder` is their `$PINCEX_HOME`."""

    kubeconfig: Path
    namespace: str
    folder: Path
    environment: Mapping[str, str] = {}

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a verb of the namespace; `ended` waits for it."""
        way = ("--namespace", self.namespace, "--kubeconfig", str(self.kubeconfig))
        return self.begun(*words, *way)

    def begun(self, *words: str) -> subprocess.Popen[str]:
        """Start a verb that knows no namespace."""
        return subprocess.Popen(
            [sys.executable, "-m", "flows.cli", *words, "--json"],
            env={**os.environ, "PINCEX_HOME": str(self.folder), **self.environment},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, *words: str) -> tuple[int, dict[str, Any], str]:
        """Run a verb to its end: exit code, report, and what it said besides."""
        return ended(self.start(*words))

    def must(self, code: int, *words: str) -> dict[str, Any]:
        """What a verb reports that ends with this exit code."""
        done, report, said = self.run(*words)
        assert done == code, (words, report, said)
        return report


def ended(process: subprocess.Popen[str]) -> tuple[int, dict[str, Any], str]:
    """Wait for a verb: exit code, report, and what it said besides."""
    told, said = process.communicate(timeout=PATIENCE)
    return process.returncode, json.loads(told), said
