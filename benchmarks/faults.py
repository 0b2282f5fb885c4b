"""`python -m benchmarks.faults`: what a full disk, a lock or a slow server costs, in every verb."""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.fault_kinds import FAULTS
from benchmarks.kill_matrix import RATE, WATCHED, say
from benchmarks.kill_stages import BAD, prove
from benchmarks.kill_verbs import VERBS, Verb
from benchmarks.probed import probed_python
from flows.rehearsal.disk import can_mount, small_disk
from flows.rehearsal.end_state import agree
from flows.rehearsal.small_client import Client
from flows.rehearsal.small_site import MODEL, Ran, SmallSite, ended, eventually, small_site

PATIENCE = 240.0
MEGABYTES = 700
LONGEST = 15.0
GOOD_ENDS = (0, 3)
NEED_MOUNT = {"the disk is full", "the state directory is read-only"}
HIT = ("rollback-model", "promote-model", "deploy-model, FAIL", "register-model")


@dataclass(frozen=True, slots=True)
class Struck:
    """One fault over one verb: what its command said, what it took afterwards, what it cost.

    `again` says whether the same command was needed once more; `seconds` until all was settled.
    """

    fault: str
    verb: str
    code: int
    said: str
    again: bool
    state: str
    seconds: float
    sent: int
    failed: int
    kinds: str = ""


def strike(here: SmallSite, client: Client, fault: str, verb: Verb) -> Struck:
    """Run a verb while something is wrong; once it is right again, all must settle."""
    words = verb.prepare(here)
    sent, failed, begun = client.sent, len(client.failures), time.monotonic()
    with FAULTS[fault](here):
        command = here.command(*words)
        try:
            command.wait(LONGEST)
        except subprocess.TimeoutExpired:
            say(f"{verb.name}: still waiting when the fault ends")
    ran = ended(command, begun)
    _require_words(ran)
    again = ran.code not in GOOD_ENDS and not _took_effect(here, verb)
    if again:
        here.pincex("resume", MODEL)
        eventually(lambda: _at_rest(here), PATIENCE, f"{verb.name} is at rest")
        once_more = here.pincex(*words)
        # Where `resume` brought it to its end, the same again is refused as already done.
        assert once_more.code in (*GOOD_ENDS, 1, 2, 4), once_more
    eventually(lambda: verb.settled(here, words), PATIENCE, f"{verb.name} is settled")
    agree(here, {BAD})
    return Struck(
        fault,
        verb.name,
        ran.code,
        str(ran.report.get("error", "done"))[:160],
        again,
        verb.state(here, words),
        round(time.monotonic() - begun, 1),
        client.sent - sent,
        len(client.failures) - failed,
        client.failed_since(failed),
    )


def _require_words(ran: Ran) -> None:
    """Whatever it came to, it is one JSON object and no traceback."""
    assert ran.report, ran
    assert "Traceback" not in ran.said, ran.said[-3000:]
    assert ran.code in GOOD_ENDS or ran.report.get("hint"), ran


def _took_effect(here: SmallSite, verb: Verb) -> bool:
    return verb.verb != "register-model" and here.history().open is not None


def _at_rest(here: SmallSite) -> bool:
    opened = here.history().open
    free = here.site.lock.holder(MODEL, here.site.region) is None
    return free and (opened is None or opened.waiting)


@contextmanager
def struck_site(directory: Path) -> Iterator[tuple[SmallSite, Client]]:
    """A site on a small disk where that is allowed, with a clock that can be set."""
    os.environ["PINCEX_CLOCK"] = str(directory / "clock")
    place = directory / "disk"
    place.mkdir()
    with ExitStack() as stack:
        if can_mount(place):
            stack.enter_context(small_disk(place, MEGABYTES))
        python = str(probed_python(directory / "probed"))
        here = stack.enter_context(small_site(place, WATCHED, python))
        client = stack.enter_context(here.load(RATE))
        prove(here)
        yield here, client
    os.environ.pop("PINCEX_CLOCK")


def cells(faults: Sequence[str]) -> list[tuple[str, Verb]]:
    """Every fault over every verb that changes something, promotions before rollbacks."""
    verbs = {verb.name: verb for verb in VERBS}
    order = [verbs[name] for name in (HIT[1], HIT[0], HIT[3], HIT[2])]
    return [(fault, verb) for fault in faults for verb in order]


def main() -> int:
    """Run all; the exit code says whether all settled."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    parser.add_argument("--only", action="append", choices=list(FAULTS), help="default all")
    parser.add_argument("--results", type=Path, help="append each row, as JSON, to this file")
    options = parser.parse_args()
    # Told to end, it ends its sites first, as after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    wrong = 0
    with (
        tempfile.TemporaryDirectory(prefix="pincex-faults-") as directory,
        struck_site(Path(directory)) as (here, client),
    ):
        root = os.path.ismount(Path(directory) / "disk")
        faults = [name for name in options.only or FAULTS if root or name not in NEED_MOUNT]
        if not root:
            say("nothing can be mounted by this user: no full disk, no read-only directory")
        for fault, verb in cells(faults):
            try:
                row = strike(here, client, fault, verb)
                say(str(row))
            except (AssertionError, subprocess.TimeoutExpired) as error:
                wrong += 1
                row = Struck(fault, verb.name, -1, str(error)[:2000], True, "NOT SETTLED", 0, 0, 0)
                say(f"NOT SETTLED {row}")
            if options.results:
                with options.results.open("a") as file:
                    file.write(json.dumps(asdict(row)) + "\n")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
