"""Ending a site: everything, in an order in which nothing is started again behind our back."""

import signal
import time
from collections.abc import Callable

from cluster.errors import StateDamaged, Unavailable
from cluster.files import exclusive
from cluster.local.home import Home
from cluster.local.processes import forget, recorded
from cluster.local.scan import Member, kill, members, signal_process, wait_gone
from cluster.local.upkeep import KEEPER

GRACE, KILL_SECONDS, PATIENCE = 5.0, 2.0, 60.0
ENVOY = "envoy"


def down(home: Home) -> list[str]:
    """End every process of the site and say which roles that were; what should run stays noted.

    First the keeper, which would start things again, then those that act (rollouts), then the
    proxy, then the rest. Works without a keeper, twice, and with damaged files. Unavailable if
    something survives.
    """
    if not home.path.exists():
        return []
    with exclusive(home.path / "site.lock", patience=PATIENCE):
        ended = {member.role for member in members(home)}
        waves: tuple[Callable[[Member], bool], ...] = (
            lambda member: member.role == KEEPER,
            lambda member: not member.kept,
            lambda member: member.role == ENVOY,
            lambda member: True,
        )
        for belongs in waves:
            _end(home, [member for member in members(home) if belongs(member)])
        _require_none(home)
        for role in home.roles(home.run):
            forget(home, role)
    return sorted(ended)


def _end(home: Home, found: list[Member]) -> None:
    """SIGTERM to the first of each family; when they are gone, or too late, SIGKILL to the rest."""
    pids = {member.pid for member in found}
    first = [member for member in found if member.parent not in pids]
    for member in first:
        signal_process(member.pid, member.mark, signal.SIGTERM)
    grace = max((_grace(home, member.role) for member in first), default=0.0)
    wait_gone(first, grace)
    kill(found)


def _grace(home: Home, role: str) -> float:
    try:
        seen = recorded(home, role)
    except StateDamaged:
        return GRACE
    return GRACE if seen is None else seen.grace


def _require_none(home: Home) -> None:
    deadline = time.monotonic() + KILL_SECONDS
    while found := members(home):
        kill(found)
        if time.monotonic() > deadline:
            told = ", ".join(f"{member.role} ({member.pid})" for member in found)
            pids = " ".join(str(member.pid) for member in found)
            raise Unavailable(f"still alive after SIGKILL: {told}", hint=f"ps -fp {pids}")
        time.sleep(0.02)
