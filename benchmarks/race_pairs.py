"""Two commands at the same instant on a real site: what is raced, and how it is brought about."""

import os
import random
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from flows.openers import open_rollout, revision
from flows.promote import promote_model
from flows.recorder import Unrecorded
from flows.rehearsal.small_site import MODEL, POLICY, ROOT, Ran, SmallSite, ended, eventually
from flows.site import Site
from rollout.state import Verb

STABLE, GOOD, BAD, FAILING = "v1.0.0", "v2.0.0", "v5.0.0", "v3.0.0"
# Like v2.0.0, and never judged: their promotions are held to the policy of the moment.
ALIKE, OTHER = "v7.0.0", "v8.0.0"
LOADED = 60.0
JITTER = 0.05
# A machine with other things to do is no reason to undo.
PATIENT = f"{POLICY}\n[rollout.live_rules.response_time]\nfloor_ms = 5000\n"
LONG_WATCH = f"{PATIENT}\n[rollout.watch]\nseconds = 40\n"
UNWATCHED = f"{POLICY}\n[rollout.watch]\nseconds = 0\n"
OVERRIDE = ("--override", "a race")

Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Race:
    """Two commands; the second begins with the first, or once the first has written a row.

    `won` are the pairs of exit codes with one winner; `both` those where both went through: the
    first had finished before the second took hold, or both wanted the same. In words, `{release}`
    is a new one and `{models}` where the small models are.
    """

    name: str
    prepare: Callable[[SmallSite], object]
    first: Words
    second: Words
    won: frozenset[tuple[int, int]]
    both: frozenset[tuple[int, int]] = frozenset()
    after: str | None = None
    foreign: bool = False


class Starter:
    """A command that is loaded and waits for the word."""

    def __init__(self, here: SmallSite, words: Words) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.at_once", *words, "--json"],
            cwd=ROOT,
            env={**os.environ, "PINCEX_HOME": str(here.home.path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stderr is not None
        assert self._process.stderr.readline() == "loaded\n"
        self._begun = 0.0

    def go(self) -> None:
        """Now."""
        assert self._process.stdin is not None
        self._begun = time.monotonic()
        self._process.stdin.write("!")
        self._process.stdin.flush()

    def ended(self) -> Ran:
        """What became of it."""
        return ended(self._process, self._begun)


def run(here: SmallSite, race: Race, chance: random.Random) -> tuple[Ran, Ran]:
    """Prepare, start both, and wait for both."""
    lease = race.prepare(here)
    new = {"release": f"v9.0.0-{uuid.uuid4().hex[:8]}", "models": str(here.directory / "models")}
    head = here.site.ledger.head()
    seen = head.seq if head else 0
    first, second = (
        Starter(here, tuple(word.format(**new) for word in words))
        for words in (race.first, race.second)
    )
    first.go()
    if callable(lease):
        lease()
    if race.after is not None:
        eventually(lambda: _written(here, race.after, seen), LOADED, f"a row {race.after}")
        time.sleep(chance.uniform(0, JITTER))
    second.go()
    return first.ended(), second.ended()


def _written(here: SmallSite, kind: str | None, after: int) -> bool:
    return kind in [row.kind for row in here.site.ledger.rows(component=MODEL, after=after)]


def promote(here: SmallSite, version: str) -> None:
    """Promote in this process, which is quick; nothing is recorded in Prefect."""
    code, report = promote_model(here.site, MODEL, version, "for a race", Unrecorded())
    assert code == 0, report


def rest(here: SmallSite) -> None:
    """Nothing is open, and the champion is unwatched."""
    here.hold_to(UNWATCHED)
    if here.history().open is not None:
        ran = here.pincex("rollback-model", MODEL)
        assert ran.code == 0, ran


def deep(here: SmallSite) -> None:
    """Two versions below the champion, so that a rollback too many would show."""
    rest(here)
    while len(here.history().champions) < 3:
        promote(here, GOOD if serving(here) == STABLE else STABLE)


def on_stable(here: SmallSite) -> None:
    """v1.0.0 serves, v2.0.0 did before, and promotions are watched for long."""
    rest(here)
    if [one.revision.version for one in here.history().champions[-2:]] != [GOOD, STABLE]:
        for version in (GOOD, STABLE):
            if serving(here) != version:
                promote(here, version)
    here.hold_to(LONG_WATCH)
    _register(here)


def deep_with_alike(here: SmallSite) -> None:
    """There is one to move an alias to."""
    deep(here)
    _register(here)


def _register(here: SmallSite) -> None:
    known = {version.release for version in here.site.registry.versions(MODEL)}
    for release in {ALIKE, OTHER} - known:
        made = here.pincex("register-model", MODEL, release, str(here.directory / "models" / GOOD))
        assert made.code == 0, made


def orphaned(here: SmallSite) -> Callable[[], None]:
    """A promotion is open and without a process as soon as the answer is called."""
    on_stable(here)
    lease = here.site.lock.acquire(MODEL, here.site.region, "a process that dies", LOADED)
    site: Site = here.site
    stable, candidate = revision(site, MODEL, STABLE), revision(site, MODEL, ALIKE)
    open_rollout(
        site, MODEL, Verb.PROMOTE, stable, candidate, LONG_WATCH, 1.0, 1.0, override="a race"
    )
    return lease.release


def serving(here: SmallSite) -> str:
    """The champion by the ledger."""
    champion = here.history().champion
    assert champion is not None
    return champion.revision.version


def _codes(*pairs: tuple[int, int]) -> frozenset[tuple[int, int]]:
    return frozenset(pairs)


ROLL_BACK: Words = ("rollback-model", MODEL)
REGISTER: Words = ("register-model", MODEL, "{release}", "{models}/v2.0.0")
PROMOTE: Words = ("promote-model", MODEL, ALIKE, *OVERRIDE)
EITHER = _codes((0, 1), (1, 0))
UNDONE = {"won": _codes((1, 0)), "both": _codes((0, 0))}
RACES = {
    "rollback, rollback": Race(
        "rollback, rollback", deep, ROLL_BACK, ROLL_BACK, EITHER, both=_codes((0, 0))
    ),
    "promote, promote": Race("promote, promote", on_stable, PROMOTE, PROMOTE, EITHER),
    "promote, promote another": Race(
        "promote, promote another",
        on_stable,
        PROMOTE,
        ("promote-model", MODEL, OTHER, *OVERRIDE),
        EITHER,
    ),
    **{
        f"promote at {after}, rollback": Race(
            f"promote at {after}, rollback", on_stable, PROMOTE, ROLL_BACK, after=after, **UNDONE
        )
        for after in ("rollout-opened", "traffic", "served", "phase")
    },
    "deploy, rollback": Race(
        "deploy, rollback",
        deep,
        ("deploy-model", MODEL, BAD),
        ROLL_BACK,
        after="rollout-opened",
        won=_codes((1, 0)),
    ),
    "deploy, deploy another": Race(
        "deploy, deploy another",
        on_stable,
        ("deploy-model", MODEL, BAD),
        ("deploy-model", MODEL, FAILING),
        _codes((3, 1), (1, 3)),
    ),
    "deploy, deploy": Race(
        "deploy, deploy",
        on_stable,
        ("deploy-model", MODEL, BAD),
        ("deploy-model", MODEL, BAD),
        _codes((3, 1), (1, 3)),
    ),
    "deploy, promote": Race(
        "deploy, promote",
        on_stable,
        ("deploy-model", MODEL, BAD),
        PROMOTE,
        _codes((3, 1), (1, 0)),
    ),
    "register, register": Race(
        "register, register",
        rest,
        REGISTER,
        REGISTER,
        won=_codes(),
        both=_codes((0, 0)),
    ),
    "register, register other files": Race(
        "register, register other files",
        rest,
        REGISTER,
        ("register-model", MODEL, "{release}", "{models}/v5.0.0"),
        EITHER,
    ),
    "rollback, foreign alias": Race(
        "rollback, foreign alias",
        deep_with_alike,
        ROLL_BACK,
        ("foreign-alias", MODEL, "champion", ALIKE),
        won=_codes(),
        both=_codes((0, 0)),
        after="traffic",
        foreign=True,
    ),
    "resume, promote": Race(
        "resume, promote",
        orphaned,
        ("resume", MODEL),
        PROMOTE,
        # The keeper may be the one that goes on; who follows it ends well, too.
        _codes((0, 1), (1, 0), (1, 1), (0, 0)),
    ),
}
