"""The process of a worker in a cluster: a Prefect worker, started again whenever it ends.

Prefect's own worker ends after minutes without its server. What rolls out beside it, and whoever
undoes by `kubectl exec`, must not end with it, so it is a child here, as is what registers the
deployments. As process 1 of its container it collects what processes leave that nobody waits for.
"""

import contextlib
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import NoReturn

from flows.prefect_api import PrefectLost, Server, configured, ensure_pool
from flows.refusal import Refused, bad_input

CHECKOUT = Path(__file__).resolve().parent.parent
DECLARED = Path("manifests") / "worker" / "prefect.yaml"
PREFECT = (sys.executable, "-m", "prefect", "--no-prompt")
PAUSE = 5.0
GRACE = 5
CANNOT = 126
"""A shell's exit code for what cannot be started."""
AT_ONCE = 4
"""Flow runs at a time: each of them starts a process, or follows one."""


class Stopped(Exception):
    """Somebody ends us: SIGTERM, as from a kubelet, or Ctrl-C."""


def main() -> int:
    """Work until stopped; exit code 2 where the environment does not say for whom."""
    try:
        server, pool = _told()
    except Refused as refused:
        say(f"error: {refused.message}. {refused.changed}\nhint: {refused.hint}")
        return int(refused.code)
    # Where prefect.yaml finds the flows, when it is registered and when one is run.
    os.environ["PINCEX_CHECKOUT"] = str(CHECKOUT)
    os.chdir(CHECKOUT)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    try:
        work(server, pool)
    except Stopped:
        say("stopped")
        return 0


def work(server: Server, pool: str) -> NoReturn:
    """Have the deployments registered, then a Prefect worker, for ever."""
    while not registered(server, pool):
        time.sleep(PAUSE)
    while True:
        code = run(
            *(*PREFECT, "worker", "start", "--pool", pool, "--name", pool, "--type", "process"),
            *("--limit", str(AT_ONCE), "--install-policy", "never", "--with-healthcheck"),
        )
        say(f"the Prefect worker ended with {code}; started again in {PAUSE:g} s")
        time.sleep(PAUSE)


def registered(server: Server, pool: str) -> bool:
    """Whether the server has the work pool and, as this version declares them, the deployments."""
    try:
        ensure_pool(server, pool)
    except PrefectLost as error:
        say(f"Prefect does not answer as it should: {error}; asked again in {PAUSE:g} s")
        return False
    return run(*PREFECT, "deploy", "--all", "--prefect-file", str(DECLARED)) == 0


def run(*argv: str) -> int:
    """Run a program to its end; its exit code, or the negative number of the signal."""
    try:
        child = os.posix_spawn(argv[0], argv, os.environ)
    except OSError as error:
        # No room for one more process is no reason to end the others.
        say(f"{argv[0]} cannot be started: {error.strerror}")
        return CANNOT
    try:
        return _collected(child)
    except Stopped:
        # Prefect's worker would wait for its flow runs, which only follow: it is not waited for.
        signal.signal(signal.SIGALRM, lambda *_: os.kill(child, signal.SIGKILL))
        signal.alarm(GRACE)
        # Unless it was collected in the very moment that we were told.
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(child, signal.SIGTERM)
            _collected(child)
        raise


def _collected(child: int) -> int:
    """Wait for a child; what else ends meanwhile, and came to us, is collected with it."""
    while True:
        ended, status = os.wait()
        if ended == child:
            return os.waitstatus_to_exitcode(status)


def say(text: str) -> None:
    """A line of the container's log."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201


def _stop(number: int, frame: FrameType | None) -> None:
    # Once: a second one must not interrupt the end of the first.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise Stopped


def _told() -> tuple[Server, str]:
    pool = os.environ.get("PINCEX_WORK_POOL", "")
    if not pool:
        raise bad_input("PINCEX_WORK_POOL names no work pool", "manifests/worker/deployment.yaml")
    return configured(), pool


if __name__ == "__main__":
    sys.exit(main())
