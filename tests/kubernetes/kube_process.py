"""Processes of a cluster, known by pid and start mark: started, found again, ended by id."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cluster.identity import start_mark


@dataclass(frozen=True, slots=True)
class Parts:
    """What runs of one cluster; `directory` holds `processes.json` and a log per part."""

    directory: Path

    def start(
        self,
        role: str,
        argv: Sequence[str],
        *,
        bound: bool,
        env: Mapping[str, str] | None = None,
        namespace: str | None = None,
    ) -> None:
        """Start a part in a session of its own; when `bound` it dies with the caller.

        With a `namespace`, in that network namespace, without the new /sys of `ip netns exec`.
        """
        entered = ["nsenter", f"--net=/run/netns/{namespace}", "--"] if namespace else []
        # setpriv and nsenter execute what follows: the pid is that of the part itself.
        dying = ["setpriv", "--pdeathsig", "SIGKILL", "--"] if bound else []
        with open(self.log(role), "ab") as log:
            begun = subprocess.Popen(
                [*entered, *dying, *argv],
                cwd=self.directory, env={**os.environ, **(env or {})}, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        mark = start_mark(begun.pid)
        self._write({**self._noted(), role: (begun.pid, mark)})

    def log(self, role: str) -> Path:
        """What a part prints."""
        return self.directory / f"{role}.log"

    def last_words(self, role: str) -> str:
        """The end of a part's log, for the error that says it did not start."""
        lines = self.log(role).read_text(errors="replace").splitlines()
        return " | ".join(line[:300] for line in lines[-4:]) or "(nothing was printed)"

    def alive(self) -> dict[str, int]:
        """Role and pid of the parts that run, in the order in which they were started."""
        return {role: pid for role, (pid, mark) in self._noted().items() if _is(pid, mark)}

    def stop(self, role: str, grace: float = 10.0) -> None:
        """End a part: SIGTERM, then SIGKILL after `grace` seconds; nothing where it is dead."""
        pid, mark = self._noted().get(role, (0, None))
        for signum, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, 10.0)):
            if pid and _is(pid, mark):
                os.kill(pid, signum)
                _wait_gone(pid, mark, patience)
        left = self._noted()
        left.pop(role, None)
        self._write(left)

    def stop_all(self) -> list[str]:
        """End every part, the last started first; the roles that were still running."""
        running = list(self.alive())
        for role in reversed(self._noted()):
            self.stop(role)
        return running

    def _noted(self) -> dict[str, tuple[int, str | None]]:
        file = self.directory / "processes.json"
        if not file.exists():
            return {}
        return {role: (pid, mark) for role, (pid, mark) in json.loads(file.read_text()).items()}

    def _write(self, noted: Mapping[str, tuple[int, str | None]]) -> None:
        draft = self.directory / "processes.draft"
        draft.write_text(json.dumps(noted, indent=1))
        os.replace(draft, self.directory / "processes.json")


def _is(pid: int, mark: str | None) -> bool:
    return mark is not None and start_mark(pid) == mark


def _wait_gone(pid: int, mark: str | None, patience: float) -> None:
    deadline = time.monotonic() + patience
    while _is(pid, mark) and time.monotonic() < deadline:
        time.sleep(0.02)
    # Our own child must be waited for; that of an earlier command is init's.
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
