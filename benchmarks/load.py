"""Failed and doubled client requests while versions are deployed, promoted and rolled back."""

import statistics
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.own_home import own_home
from demo.commands import pincex
from demo.outside import Outside
from demo.train import NAME, train
from flows.rehearsal.small_site import POLICY

RATE = 400.0
SETTLED = 1.0
CHAMPION, CANDIDATE = "v2.0.0", "v2.1.0"


def rows(full: bool) -> list[dict[str, Any]]:
    """One site, one client from outside, rollouts until it has sent enough."""
    # What is measured is the route: no stall of a busy machine may end a rollout of it.
    with own_home(POLICY) as home:
        return _measured(home.parent, 100_000 if full else 10_000)


def _measured(directory: Path, enough: int) -> list[dict[str, Any]]:
    made = train(directory / "versions", (CHAMPION, CANDIDATE))
    site = pincex("up").report
    for version, place in made.items():
        pincex("register-model", NAME, version, str(place))
    pincex("deploy-model", NAME, CHAMPION, "--first")
    client = Outside(site["endpoint"], RATE, directory / "client.json")
    try:
        verbs, moves = _rollouts(client, enough)
    finally:
        counted = client.end()
    lost = f"{counted['failed']:,} failed, {counted['doubled']:,} doubled of {counted['sent']:,}"
    times = f"median {statistics.median(moves):.0f} ms, longest {max(moves):.0f} ms"
    return [
        {"what": f"client requests over {verbs}", "measured": lost, "reach": "0 of 100,000"},
        {
            "what": "route changed until every answer came from the other version",
            "measured": times,
            "reach": "1 s",
        },
    ]


def _rollouts(client: Outside, enough: int) -> tuple[str, list[float]]:
    """Shadow once, then promote and roll back in turn."""
    client.wait_for_answers(5_500)
    pincex("deploy-model", NAME, CANDIDATE, "--sample", "100")
    moves = []
    while client.stats()["sent"] < enough or len(moves) < 3:
        promoting = len(moves) % 2 == 0
        words = ["promote-model", NAME, CANDIDATE] if promoting else ["rollback-model", NAME]
        pincex(*words)
        moves.append(_moved(client, CHAMPION if promoting else CANDIDATE))
        time.sleep(1.0)
    promotions = (len(moves) + 1) // 2
    verbs = f"1 deploy, {promotions} promotions, {len(moves) - promotions} rollbacks"
    return verbs, moves


def _moved(client: Outside, old: str) -> float:
    found: list[dict[str, Any]] = pincex("history", NAME).report["rows"]
    began = [row["data"]["began_at"] for row in found if row["kind"] == "traffic"][-1]
    last = client.last_answer(old, SETTLED)
    return 1000 * max(last - datetime.fromisoformat(began).timestamp(), 0.0)
