"""Failed and doubled orders while releases of the sample exchange come and go under load."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.own_home import own_home
from cluster.local.home import Home
from demo.commands import pincex
from flows.rehearsal.small_exchange import NAME, QUICK, by_client, kept, settled, trading
from flows.rehearsal.small_site import eventually
from flows.site import Site
from rollout.history import OPENED, Row, fold
from rollout.state import Phase, Verb

RATE = 625.0
"""Requests a second, of which four in five are orders."""
WATCHED = QUICK.replace("[rollout.watch]\nseconds = 0\n", "[rollout.watch]\nseconds = 10\n")
"""Long enough for a rollback to be started amid the watch on a busy machine, too."""
AMID, REST = 0.5, 4.0
"""Seconds from the end of every other deploy to its rollback, and from there to what is next."""
OVER_WITHIN = SETTLED_WITHIN = 60.0


def rows(full: bool) -> list[dict[str, Any]]:
    """One exchange, one trader; deploy and roll back in turn, amid the watch and after it."""
    with own_home(WATCHED) as home:
        return _measured(home, 200_000 if full else 10_000)


def _measured(home: Path, enough: int) -> list[dict[str, Any]]:
    site = pincex("up").report
    pincex("deploy", "v1.0.0")
    here = Site("local", Home(home))
    with trading(site["endpoint"], RATE, home.with_name("trader.json"), home) as trader:
        releases = 0
        while trader.sent < enough or releases % 2:
            releases += 1
            pincex("deploy", f"v{releases + 1}.0.0")
            if releases % 2:
                time.sleep(AMID)
            else:
                eventually(lambda: here.history(NAME).open is None, OVER_WITHIN, "the watch ends")
            pincex("rollback", "--reason", "there and back")
            time.sleep(REST)
        counted = trader.end()
    _wait_for_settlement(home)
    lost = counted["orders"] - len(by_client(home))
    amid = amid_the_watch(here.ledger.rows(component=NAME)) or "none"
    verbs = f"{releases} deploys and {releases} rollbacks of three services, {amid} amid the watch"
    return [
        {
            "what": f"requests at {RATE:.0f} a second over {verbs}",
            "measured": f"{counted['failed']:,} failed of {counted['sent']:,}",
            "reach": "0 of 200,000",
        },
        {
            "what": "orders of them, by the exchange's own book",
            "measured": f"{lost:,} lost, {trader.doubled:,} doubled of {counted['orders']:,}; "
            f"{len(settled(home)):,} settled once",
            "reach": "0 lost, 0 doubled",
        },
    ]


def amid_the_watch(rows: Sequence[Row]) -> int:
    """Rollbacks that were opened while the ledger had the release before them in its watch."""
    opened = [fold(rows[:at]).open for at, row in enumerate(rows) if _returns(row)]
    return sum(one is not None and one.phase is Phase.WATCHING for one in opened)


def _returns(row: Row) -> bool:
    return row.kind == OPENED and row.data["verb"] == Verb.RETURN


def _wait_for_settlement(home: Path) -> None:
    deadline = time.monotonic() + SETTLED_WITHIN
    while settled(home) != kept(home, "orders.sqlite", "SELECT id FROM orders ORDER BY id"):
        if time.monotonic() > deadline:
            return
        time.sleep(0.5)
