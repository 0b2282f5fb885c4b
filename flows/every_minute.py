"""The scheduled `resume` of the local site, run by the serving process itself.

A flow run of its own process costs seconds of CPU, and on the local site the keeper goes on with
what is open; so a scheduled run only looks: that there is a keeper, that no flow run of a dead
process is left, and what is open. It takes a few questions over HTTP and imports nothing.
"""

import logging
import threading
import time
from datetime import UTC, datetime, timedelta

from cluster.errors import ClusterError
from cluster.local.processes import recorded
from cluster.local.resume import unfinished
from cluster.local.upkeep import KEEPER, ensure_keeper
from flows import prefect_api, zombies
from flows.prefect_api import PrefectLost, Server
from flows.site import Site, resume_argv, site

POLL = 10.0
KEPT = timedelta(hours=1)
"""How long a run that found nothing stays in Prefect: a day of them would hide all others."""

QUIET, OPEN = "Nothing to do", "Looked"
SCHEDULED = "auto-scheduled"
"""How Prefect tags what no person asked for."""

log = logging.getLogger("serving")


def start(site_name: str, deployment: str) -> None:
    """Take the due runs of the deployment from now on, in a thread that ends with the process."""
    threading.Thread(target=_run, args=(site_name, deployment), daemon=True).start()


def _run(site_name: str, deployment: str) -> None:
    here, began = site(site_name), datetime.now(UTC)
    buried = False
    while True:
        try:
            if not buried:
                zombies.bury(here)
                zombies.bury_unstarted(here, began)
                buried = True
            take(here, deployment)
        except (PrefectLost, ClusterError) as error:
            log.warning("the scheduled resume is tried again: %s", error)
        # Schedules are due at full minutes.
        time.sleep(POLL - time.time() % POLL + 0.1)


def take(here: Site, deployment: str) -> None:
    """Do what is due: each run that a person asked for, and of the scheduled ones the newest.

    Those that were missed before it are not made up for.
    """
    due = prefect_api.due(here, deployment)
    if not due:
        return
    scheduled = [run for run in due if SCHEDULED in run["tags"]]
    missed = [run["id"] for run in scheduled[:-1]]
    if missed:
        prefect_api.remove(here, {"id": {"any_": missed}})
    zombies.bury(here)
    found = look(here)
    state, message = (OPEN, "; ".join(found)) if found else (QUIET, "Nothing is open.")
    for run in due:
        if run["id"] not in missed:
            prefect_api.enter(here, run["id"], "COMPLETED", state, message)
            prefect_api.rename(here, run["id"], f"resume, {here.name}")
    forget(here, deployment)


def look(here: Site) -> list[str]:
    """What is open and who goes on with it; a keeper that died is started again."""
    # Without a note of a keeper the site was taken down, and stays so.
    if recorded(here.home, KEEPER) is not None:
        ensure_keeper(here.home, resume_argv(here))
    return [_who(here, *place) for place in unfinished(here.ledger, here.outbox)]


def _who(here: Site, component: str, region: str) -> str:
    holder = here.lock.holder(component, region)
    return f"{component}: {holder.holder} is at it" if holder else f"{component}: the keeper's turn"


def forget(here: Server, deployment: str) -> None:
    """Delete old runs that found nothing; what found something stays."""
    before = (datetime.now(UTC) - KEPT).isoformat()
    prefect_api.remove(
        here,
        {
            "deployment_id": {"any_": [deployment]},
            "state": {"name": {"any_": [QUIET]}},
            "end_time": {"before_": before},
        },
    )
