"""The scheduled `resume` of a worker in a cluster, as a flow of its own.

It looks, and starts a process that goes on with what has none: that process is the rollout, and
outlives this flow run, the worker and the Prefect server, as one that a command starts does.
"""

import argparse
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from prefect import State, flow, get_run_logger
from prefect.runtime import deployment, flow_run
from prefect.states import Completed

from cluster.ledger import open_rollouts
from flows import every_minute, prefect_api
from flows.aliases import owed
from flows.cluster_site import ClusterSite, kept_sites
from flows.command import start
from flows.every_minute import OPEN, QUIET, SCHEDULED
from flows.platform import applications, models
from flows.prefect_api import PrefectLost, Server, configured
from flows.refusal import Refused, bad_input, room_errors
from flows.zombies import UNFINISHED, came_to_an_end, is_dead, tags_with_process

DIED = "its process ended without a word; what is open goes on, or a later run goes on with it"


@dataclass(frozen=True, slots=True)
class Looked:
    """Open rollouts that need a process: who has none, who is at one, who cannot be asked."""

    left: tuple[tuple[ClusterSite, str], ...]
    busy: tuple[str, ...]
    lost: tuple[str, ...]


def _run_name() -> str:
    return f"resume {flow_run.parameters['name'] or 'what is open'}"


@flow(name="resume", flow_run_name=_run_name)
def resume(name: str | None = None) -> State[Any]:
    """Go on with a rollout that lost its process, and follow it to its end.

    Args:
        name: One application or model; whichever lost its process when empty.
    """
    _record()
    looked = look(name)
    if looked.left:
        # One of them: the run of the next minute takes the next one.
        return _followed(*looked.left[0])
    if looked.lost:
        raise Refused("; ".join(looked.lost), hint="the next run asks again, a minute later")
    if looked.busy:
        return Completed(name=OPEN, message="; ".join(looked.busy))
    return Completed(name=QUIET, message="Nothing is open.")


def look(name: str | None) -> Looked:
    """What is open in every namespace that was deployed to from here; bad input: no such name."""
    left, busy, lost, known = [], [], [], set()
    for here in kept_sites():
        try:
            names = [*applications(here), *models(here)]
            known.update(names)
            needing = {row.component for row in open_rollouts(here.ledger, datetime.now(UTC))}
            needing |= {str(errand.payload["component"]) for errand in owed(here)}
            for one in sorted(needing if name is None else needing & {name}):
                holder = here.lock.holder(one, here.region)
                if holder is None:
                    left.append((here, one))
                else:
                    busy.append(_at_it(one, holder.holder))
        except room_errors() as error:
            # One that cannot be asked does not keep the others waiting.
            lost.append(f"{here.home.path.name}: {error}")
    if name is not None and name not in known:
        raise bad_input(f"no {name} was deployed from here", f"known: {', '.join(sorted(known))}")
    return Looked(tuple(left), tuple(busy), tuple(lost))


def _followed(here: ClusterSite, name: str) -> State[Any]:
    """The end of a rollout is the end of the run; of two at the same moment one goes on with it."""
    options = argparse.Namespace(name=name, no_follow=False, json=True)
    try:
        _, report, text = start(here, options, ["resume", here.name, name])
    except Refused:
        if here.history(name).open is None:
            return Completed(name=QUIET, message=f"{name}: another run has ended it.")
        holder = here.lock.holder(name, here.region)
        if holder is None:
            raise
        return Completed(name=OPEN, message=_at_it(name, holder.holder))
    # A rollback of a model says what it did, and has no other end.
    ended = report.get("ending") or report.get("phase") or "Completed"
    return Completed(name=str(ended).capitalize(), message=text, data=report)


def _at_it(name: str, holder: str) -> str:
    return f"{name}: {holder} is at it"


def _record() -> None:
    """Say which process this run is, and tidy up; without an answer the next run does it."""
    if not deployment.id or not flow_run.id:
        return
    try:
        server = configured()
        prefect_api.tag(server, flow_run.id, tags_with_process(flow_run.tags))
        tidy(server, deployment.id)
    except PrefectLost as error:
        get_run_logger().warning("Prefect's record is left as it is: %s", error)


def tidy(server: Server, deployed: str) -> None:
    """Runs of dead processes crashed, missed runs are not made up for, quiet ones are forgotten."""
    wanted = {
        "deployment_id": {"any_": [deployed]},
        "state": {"type": {"any_": list(UNFINISHED)}},
    }
    for run in prefect_api.runs(server, wanted):
        if is_dead(run) and not came_to_an_end(server, run):
            prefect_api.enter(server, run["id"], "CRASHED", "Crashed", DIED)
    due = prefect_api.due(server, deployed)
    missed = [run["id"] for run in due if SCHEDULED in run["tags"]]
    if missed:
        prefect_api.remove(server, {"id": {"any_": missed}})
    every_minute.forget(server, deployed)
