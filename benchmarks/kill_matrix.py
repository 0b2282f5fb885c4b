"""`python -m benchmarks.kill_matrix`: every step of every verb, killed before it and after it.

The steps are what the verbs' own processes report (`benchmarks.step_probe`), so that an effect
added to the code is in the next matrix; a step that shows up only while others are killed is
killed, too. Each row is appended to a file as it is made, and a later run goes on from there.
"""

import argparse
import hashlib
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from typing import Protocol

from benchmarks.kill_config import MODELS, RELEASES
from benchmarks.kill_results import Results, Row, todo
from benchmarks.kill_services import SERVICES, traded
from benchmarks.kill_stages import prove
from benchmarks.kill_verbs import VERBS, Verb, Words
from benchmarks.probed import probed_python
from benchmarks.step_plan import Point, Seen, Steps, killings, points
from flows.rehearsal.small_site import POLICY, ROOT, SmallSite, eventually, small_site

# One server per version: none of them is killed here, and a start of one takes seconds. Nothing
# is judged by time: a machine on which processes are started all the while is slow now and then.
WATCHED = f"""{POLICY.replace("400.0", "4000.0")}
[rollout]
replicas = 1

[rollout.watch]
seconds = 3

[rollout.live_rules.health]
failed_checks = 30
"""
RATE = 80.0
PATIENCE = 240.0
SEED = 20261125
PASSES = 3
"""While others are killed, steps come to light that nobody knew; these are killed afterwards."""

KEPT = ROOT / ".pincex-kills"


class Counting(Protocol):
    """A client from outside, by its counts."""

    @property
    def sent(self) -> int: ...
    @property
    def failed(self) -> int: ...
    @property
    def doubled(self) -> int: ...
    def failed_since(self, count: int) -> str: ...


@dataclass(frozen=True, slots=True)
class Cost:
    """What a client saw since a moment; nothing where there is none."""

    sent: int = 0
    failed: int = 0
    doubled: int = 0
    kinds: str = ""


class Matrix:
    """Two sites: one that serves a client all the time, one that is made and ended.

    Where nobody answers, as fake pods do not, there is no client.
    """

    def __init__(
        self, here: SmallSite, other: SmallSite, client: Counting | None, steps: Steps
    ) -> None:
        self.here, self.other, self.client, self.steps = here, other, client, steps

    def counting(self) -> Callable[[], Cost]:
        """What the client saw since now, whenever that is asked."""
        client = self.client
        if client is None:
            return Cost
        sent, failed = client.sent, client.failed

        def cost() -> Cost:
            since = client.sent - sent, client.failed - failed
            return Cost(*since, client.doubled, client.failed_since(failed))

        return cost

    def trace(self, verb: Verb) -> list[Seen]:
        """What the verb does when nobody kills it."""
        site = self.site(verb)
        words = verb.prepare(site)
        with self.steps.watching(verb.verb):
            ran = site.pincex(*words)
            assert ran.code in (0, 3), ran
            eventually(lambda: verb.settled(site, words), PATIENCE, f"{verb.name} is settled")
        return self.steps.seen()

    def kill(self, verb: Verb, point: Point, turn: int) -> Row:
        """Kill at a point, let the next command follow, and require one good end."""
        site = self.site(verb)
        words = verb.prepare(site)
        cost = self.counting()
        begun = time.monotonic()
        with self.steps.watching(verb.verb, point):
            command = site.command(*words)
            eventually(lambda: self._over(verb, site, words, command), PATIENCE, "the kill")
            killed = self.steps.killed_at()
            again = verb.again(words)[turn % len(verb.again(words))]
            if killed is not None:
                site.pincex(*again)
        command.communicate(timeout=PATIENCE)
        eventually(lambda: verb.settled(site, words), PATIENCE, f"{verb.name} is settled")
        seconds = time.monotonic() - (killed or begun)
        if verb.live:
            verb.agree(site)
            assert self.client is None or cost().sent, "nobody asked: the client has ended"
        return Row(
            verb.name,
            point.process,
            point.step,
            point.side,
            killed is not None,
            again[0] if again[0] != words[0] else "the same",
            verb.state(site, words),
            round(seconds, 1),
            *astuple(cost()),
        )

    def _over(
        self, verb: Verb, site: SmallSite, words: Words, command: subprocess.Popen[str]
    ) -> bool:
        """Whether the kill has happened, or cannot happen any more."""
        if self.steps.killed_at() is not None:
            return True
        return command.poll() is not None and verb.settled(site, words)

    def site(self, verb: Verb) -> SmallSite:
        """Where a verb is killed."""
        return self.here if verb.live else self.other


@contextmanager
def matrix(directory: Path) -> Iterator[Matrix]:
    """Both sites up, v2.0.0 proven, a client asking; nothing is left afterwards."""
    python = str(probed_python(directory / "probed"))
    (directory / "other").mkdir()
    other = SmallSite(directory / "other", python)
    with ExitStack() as stack:
        here = stack.enter_context(small_site(directory, WATCHED, python))
        stack.callback(other.end)
        client = stack.enter_context(here.load(RATE))
        prove(here)
        assert here.pincex("promote-model", "price").code == 0
        yield Matrix(here, other, client, Steps(directory / "steps"))


@contextmanager
def exchange_matrix(directory: Path) -> Iterator[Matrix]:
    """The sample exchange up, a trader on it; nothing is left afterwards."""
    python = str(probed_python(directory / "probed"))
    with traded(directory, python) as (here, trader):
        yield Matrix(here, here, trader, Steps(directory / "steps"))


def run(
    board: Matrix,
    results: Results,
    verbs: Sequence[Verb],
    sample: int | None = None,
    until: float = inf,
) -> int:
    """Kill at every point that is left; the number of those that did not end well."""
    for verb in verbs:
        if results.trace(verb) is None:
            results.keep_trace(verb, board.trace(verb))
            found = killings(results.trace(verb) or [])
            say(f"{verb.name}: {len(found)} steps, {len(points(found))} kills")
    turns, cells = Counter[str](), todo(results, verbs)
    if sample is not None:
        cells = random.Random(SEED).sample(cells, min(sample, len(cells)))
        return _killed(board, results, cells, turns, until)
    wrong = 0
    for _ in range(PASSES):
        wrong += _killed(board, results, cells, turns, until)
        cells = todo(results, verbs)
    return wrong


def _killed(
    board: Matrix,
    results: Results,
    cells: Sequence[tuple[Verb, Point]],
    turns: Counter[str],
    until: float,
) -> int:
    """Kill at each of these points; the number of those that did not end well."""
    wrong = 0
    for number, (verb, point) in enumerate(cells):
        if time.monotonic() > until:
            break
        turns[verb.name] += 1
        row = _row(board, verb, point, turns[verb.name])
        results.add(row)
        wrong += bool(row.error)
        new = results.note(verb, board.steps.seen())
        say(f"{number + 1}/{len(cells)} {row}" + (f" NEW {new}" if new else ""))
    return wrong


def _row(board: Matrix, verb: Verb, point: Point, turn: int) -> Row:
    """A row; one that ends badly is a row, too, and the next kill starts from there."""
    cost = board.counting()
    try:
        return board.kill(verb, point, turn)
    except (AssertionError, subprocess.TimeoutExpired) as error:
        return Row(
            verb.name, point.process, point.step, point.side, True, "", "NOT SETTLED", 0.0,
            *astuple(cost()), error=str(error)[:2000],
        )  # fmt: skip


def code_digest() -> str:
    """Of everything that is killed: a change of it makes every row so far worthless."""
    digest = hashlib.sha256()
    for room in ("analysis", "rollout", "cluster", "models", "flows"):
        for file in sorted((ROOT / room).rglob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def say(text: str) -> None:
    """Progress, with the time of day."""
    print(f"{datetime.now(UTC):%H:%M:%S} {text}", file=sys.stderr, flush=True)


def main() -> int:
    """Run the matrix, or what is left of it; the exit code says whether all ended well."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kill_matrix", description=__doc__)
    parser.add_argument("--results", type=Path, help="kept here; default: a folder per code")
    parser.add_argument("--only", action="append", help="a verb of the table; default all")
    parser.add_argument("--sample", type=int, help="so many kills, the same ones each time")
    parser.add_argument("--minutes", type=float, default=inf, help="begin no kill after these")
    options = parser.parse_args()
    # Told to end, it ends its sites first, as after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    results = Results(options.results or KEPT / code_digest())
    until = time.monotonic() + 60 * options.minutes
    wrong, left = 0, 0
    sites = ((matrix, [*VERBS, *MODELS]), (exchange_matrix, [*SERVICES, *RELEASES]))
    for made, every in sites:
        verbs = [verb for verb in every if options.only is None or verb.name in options.only]
        if not verbs:
            continue
        with (
            tempfile.TemporaryDirectory(prefix="pincex-matrix-") as directory,
            made(Path(directory)) as board,
        ):
            wrong += run(board, results, verbs, options.sample, until)
        left += 0 if options.sample else len(todo(results, verbs))
    say(f"{wrong} not settled, {left} points left")
    return int(bool(wrong or left))


if __name__ == "__main__":
    sys.exit(main())
