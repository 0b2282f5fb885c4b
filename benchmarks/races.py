"""Promoters, rollbacks, deploys and aliases raced: one wins, the other gets the conflict."""

import contextlib
import random
import re
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.race_pairs import ALIKE, RACES, ROLL_BACK, Race, rest, run
from flows import aliases
from flows.platform import traffic
from flows.rehearsal.small_site import MODEL, UNWATCHED, Ran, SmallSite, eventually, small_site
from flows.status import comparison
from rollout.history import expected_aliases
from rollout.state import Ending, Phase

SETTLED = 60.0
# Every way in which a loser is told who was faster, or what became of it.
TOLD = re.compile(
    rf"{MODEL} in local is held by [\w-]+( [\w-]+)* {MODEL}.* \(process \d+\) since"
    rf"|the lock of {MODEL} in local was taken from .+ by .+ \(process \d+\)"
    rf"|(deploy|promote|rollback)-model {MODEL} v\S+ is open"
    rf"|the promotion of {MODEL} v\S+ is being watched"
    rf"|v\S+ is the champion of {MODEL} since .+ UTC, by "
    rf"|{MODEL} returned to v\S+ while this command began, by "
    rf"|{MODEL} v\S+ is registered with other files"
)
FULL = {"rollback, rollback": 60, "promote, promote": 15}
OTHERS = 10


@dataclass(frozen=True, slots=True)
class Raced:
    """One pair that was raced: how it ended, and what did not agree afterwards."""

    race: Race
    ended: str
    lost: tuple[int, ...]
    wrong: tuple[str, ...]


def race(here: SmallSite, race: Race, chance: random.Random) -> Raced:
    """Race one pair, and look at everything once it has come to rest."""
    first, second = run(here, race, chance)
    codes = (first.code, second.code)
    wrong = []
    if codes in race.won:
        kind = "one won"
    elif codes in race.both:
        kind = "both went through"
        if race.first == race.second == ROLL_BACK:
            wrong += _not_one_after_the_other(first, second)
    else:
        kind = "wrong"
        wrong.append(f"exit codes {codes}: {first.report} {second.report}")
    losers = [ran for ran in (first, second) if ran.code == 1]
    wrong += [f"loser said: {ran.report}" for ran in losers if not _told(race, ran)]
    if race.foreign:
        wrong += _foreign(here)
    wrong += disagreements(here)
    if wrong:
        print(race.name, wrong, first, second, file=sys.stderr, flush=True)
    return Raced(race, kind, tuple(ran.code for ran in losers), tuple(wrong))


def _not_one_after_the_other(first: Ran, second: Ran) -> list[str]:
    """Two rollbacks that both went through: one began where the other had ended."""
    ways = [(ran.report["from"], ran.report["to"]) for ran in (first, second)]
    if ways[0][1] == ways[1][0] or ways[1][1] == ways[0][0]:
        return []
    return [f"not one after the other: {ways}"]


def _told(race: Race, ran: Ran) -> bool:
    """An error object of the contract, or the end of what it opened; each names the winner."""
    if ran.report.get("ending") == Ending.ABANDONED:
        returned = str(ran.report["reason"]).startswith("rollback-model: ")
        return returned and ROLL_BACK in (race.first, race.second)
    named = TOLD.match(ran.report.get("error", "")) is not None
    return named and bool(ran.report.get("hint")) and bool(ran.report.get("changed"))


def _foreign(here: SmallSite) -> list[str]:
    """A foreign move is gone or named; traffic did not follow, and a person settles it."""
    champion = here.history().champion
    assert champion is not None
    version = champion.revision.version
    named = f"alias champion points to {ALIKE}, the ledger says {version}"
    with contextlib.suppress(AssertionError):
        eventually(lambda: not aliases.owed(here.site), SETTLED, "nothing is owed")
    found = compared(here)
    wrong = [text for text in found if not text.startswith(named)]
    here.pincex("resume", MODEL, "--keep-serving")
    return wrong


def disagreements(here: SmallSite) -> list[str]:
    """What does not agree once nothing moves any more; a promotion may still be watched."""
    begun = time.monotonic()
    while (found := _unsettled(here)) and time.monotonic() - begun < SETTLED:
        time.sleep(0.1)
    return found


def _unsettled(here: SmallSite) -> list[str]:
    history, site = here.history(), here.site
    champion = history.champion
    assert champion is not None
    version = champion.revision.version
    found = []
    unfinished = [rollout for rollout in history.rollouts if rollout.closed is None]
    if [rollout.phase for rollout in unfinished] not in ([], [Phase.WATCHING]):
        found.append(f"open: {unfinished}")
    holder = site.lock.holder(MODEL, site.region)
    if (holder is not None) != bool(unfinished):
        found.append(f"lock: {holder}, open: {len(unfinished)}")
    route = traffic(site, MODEL)
    if (route.weights, route.mirrored) != ({version: 100}, None):
        found.append(f"traffic {route}, ledger {version}")
    named = {
        role: release
        for role, release in site.registry.aliases(MODEL).items()
        if role in aliases.ROLES
    }
    if named != expected_aliases(history):
        found.append(f"aliases {named}, ledger {expected_aliases(history)}")
    found += [told for kind in comparison(site, MODEL).values() for told in kind]
    found += [f"owed: {errand}" for errand in aliases.owed(site)]
    up = set(site.traffic.deployed(MODEL))
    kept = {served.revision.version for served in history.champions[-2:]}
    if unfinished:
        kept.add(unfinished[0].candidate.version)
    if not up <= kept:
        found.append(f"still up: {up - kept}")
    site.ledger.verify()
    return found


def compared(here: SmallSite) -> list[str]:
    """What differs, asked again while MLflow is too busy to answer in the patience of `status`."""
    begun = time.monotonic()
    while True:
        found = comparison(here.site, MODEL)
        if not found["not_compared"] or time.monotonic() - begun > SETTLED:
            return [*found["differences"], *found["not_compared"]]
        time.sleep(0.1)


def rows(full: bool) -> list[dict[str, Any]]:
    """One site under load, one pair after the other."""
    counts = {name: FULL.get(name, OTHERS) if full else 1 for name in RACES}
    chance = random.Random(20261125)
    with (
        tempfile.TemporaryDirectory(prefix="pincex-races-") as place,
        small_site(Path(place), UNWATCHED) as here,
        here.load() as client,
    ):
        table = []
        for name, count in counts.items():
            before = client.sent, len(client.failures)
            raced = [race(here, RACES[name], chance) for _ in range(count)]
            sent, failed = client.sent - before[0], len(client.failures) - before[1]
            table.append(_row(name, raced, sent, failed))
            print(table[-1], file=sys.stderr, flush=True)
        rest(here)
    return table


def _row(name: str, raced: list[Raced], sent: int, failed: int) -> dict[str, Any]:
    ended = Counter(one.ended for one in raced)
    lost = Counter(code for one in raced for code in one.lost)
    return {
        "pair": name,
        "n": len(raced),
        "one won": ended["one won"],
        "both went through": ended["both went through"],
        "loser's exit": ", ".join(f"{code} ({n} times)" for code, n in sorted(lost.items())) or "-",
        "disagreements": sum(bool(one.wrong) for one in raced),
        "failed requests": f"{failed} of {sent:,}",
    }
