"""Failed and doubled orders while releases of the sample exchange come and go under load."""

import time
from pathlib import Path
from typing import Any

from benchmarks.kill_services import WATCHED
from benchmarks.own_home import own_home
from demo.commands import pincex
from flows.rehearsal.small_exchange import by_client, kept, settled, trading

RATE = 625.0
"""Requests a second, of which four in five are orders."""
AMID, AFTER = 0.5, 4.0
"""Seconds from the end of a deploy to its rollback: within the watch of it, and after."""
SETTLED_WITHIN = 60.0


def rows(full: bool) -> list[dict[str, Any]]:
    """One exchange, one trader; deploy and roll back in turn until enough was sent."""
    with own_home(WATCHED) as home:
        return _measured(home, 200_000 if full else 10_000)


def _measured(home: Path, enough: int) -> list[dict[str, Any]]:
    site = pincex("up").report
    pincex("deploy", "v1.0.0")
    with trading(site["endpoint"], RATE, home.with_name("trader.json"), home) as trader:
        releases = 0
        while trader.sent < enough:
            releases += 1
            pincex("deploy", f"v{releases + 1}.0.0")
            time.sleep(AMID if releases % 2 else AFTER)
            pincex("rollback", "--reason", "there and back")
            time.sleep(AFTER)
        counted = trader.end()
    _wait_for_settlement(home)
    lost = counted["orders"] - len(by_client(home))
    amid = (releases + 1) // 2
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


def _wait_for_settlement(home: Path) -> None:
    deadline = time.monotonic() + SETTLED_WITHIN
    while settled(home) != kept(home, "orders.sqlite", "SELECT id FROM orders ORDER BY id"):
        if time.monotonic() > deadline:
            return
        time.sleep(0.5)
