"""Flow runs whose process is dead: Prefect would show them as running for ever.

A flow run carries the process that runs it as a tag, so whoever looks later needs no file.
"""

import os
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from cluster.identity import start_mark
from flows import prefect_api
from flows.platform import applications
from flows.prefect_api import Server
from flows.site import Site
from rollout.state import Rollout, Verb

UNFINISHED = ("PENDING", "RUNNING", "PAUSED", "CANCELLING")
NO_PROCESS = "Suspended"
"""A suspended run has no process on purpose: resuming it starts another."""

PROCESS = "process "
OF_SERVICES = (str(Verb.RELEASE), str(Verb.RETURN))
"""With what the names of their runs begin."""


def process_tag(pid: int | None = None) -> str:
    """The calling process as a tag: its id and its start, as ids are used again."""
    own = pid or os.getpid()
    return f"{PROCESS}{own} {start_mark(own)}"


def tags_with_process(tags: Iterable[str]) -> list[str]:
    """The tags of a run with the calling process in place of one that ran it before."""
    return [*(tag for tag in tags if not tag.startswith(PROCESS)), process_tag()]


def bury(here: Site, heir: str | None = None) -> list[str]:
    """Mark every unfinished run of a dead process as Crashed; the messages, one for each.

    `heir` is the model or application whose rollout the calling process goes on with. PrefectLost
    where the server does not answer: the next one that looks does it.
    """
    wanted = {
        "tags": {"all_": ["pincex", here.name]},
        "state": {"type": {"any_": list(UNFINISHED)}},
    }
    dead = [run for run in prefect_api.runs(here, wanted) if is_dead(run)]
    return [message for run in dead if (message := _crashed(here, run, heir))]


def bury_unstarted(here: Site, before: datetime) -> None:
    """The same for runs that a serving process prepared, and died with before they said more.

    Those are in their state since `before`, when the calling process began, and no living process
    has their id in its environment.
    """
    wanted = {
        "tags": {"all_": ["pincex", here.name]},
        "state": {"type": {"any_": ["PENDING", "RUNNING"]}},
        "deployment_id": {"is_null_": False},
    }
    prepared = [
        run
        for run in prefect_api.runs(here, wanted)
        if _told(run) is None and datetime.fromisoformat(run["state"]["timestamp"]) < before
    ]
    living = _run_ids() if prepared else set()
    for run in prepared:
        if run["id"] not in living:
            message = "the process that served the deployments ended before it ran; start it again"
            prefect_api.enter(here, run["id"], "CRASHED", "Crashed", message)


def _run_ids() -> set[str]:
    """The flow runs that Prefect gave to a living process."""
    import psutil  # only here: no rollout that is gone on with waits for its import

    found = set()
    for process in psutil.process_iter():
        try:
            found.add(process.environ().get("PREFECT__FLOW_RUN_ID", ""))
        except (psutil.Error, OSError):
            # Gone meanwhile, or another user's and so not ours.
            continue
    return found


def is_dead(run: Mapping[str, Any]) -> bool:
    """Whether a run says which process runs it, and that process is gone."""
    pid = _process(run)
    return run["state"]["name"] != NO_PROCESS and pid is not None and not _alive(run)


def _process(run: Mapping[str, Any]) -> int | None:
    told = _told(run)
    return int(told[0]) if told else None


def _told(run: Mapping[str, Any]) -> list[str] | None:
    """Process id and start mark of a run, where it says them."""
    for tag in run["tags"]:
        words = str(tag).removeprefix(PROCESS).split()
        if str(tag).startswith(PROCESS) and len(words) == 2 and words[0].isdigit():
            return words
    return None


def _alive(run: Mapping[str, Any]) -> bool:
    told = _told(run)
    return told is not None and start_mark(int(told[0])) == told[1]


def _crashed(here: Site, run: Mapping[str, Any], heir: str | None) -> str | None:
    """Nothing where it had come to its end before its process died."""
    if came_to_an_end(here, run):
        return None
    message = f"process {_process(run)} ended without a word. {_elsewhere(here, run, heir)}"
    prefect_api.enter(here, run["id"], "CRASHED", "Crashed", message)
    return message


def came_to_an_end(here: Server, run: Mapping[str, Any]) -> bool:
    """Whether a run that was unfinished when it was listed is not so any more."""
    now = prefect_api.call(here, "GET", f"flow_runs/{run['id']}")["state"]
    return now["type"] not in UNFINISHED or now["name"] == NO_PROCESS


def _elsewhere(here: Site, run: Mapping[str, Any], heir: str | None) -> str:
    """Where the rollout goes on, or how it ended."""
    rollouts = [one for name in _named_in(here, run) for one in here.history(name).rollouts]
    if not rollouts:
        return "It had no rollout."
    last = max(rollouts, key=lambda one: one.opened_at)
    if last.closed is not None:
        return f"The last {_named(last)} is closed: {last.closed}."
    holder = here.lock.holder(last.component, last.region)
    if last.waiting:
        return f"The {_named(last)} needs no process: it waits for promote-model."
    if heir == last.component:
        return f"The {_named(last)} goes on in process {os.getpid()}."
    if holder is not None:
        return f"The {_named(last)} goes on in process {holder.pid} ({holder.holder})."
    return f"The {_named(last)} is open; the keeper goes on with it."


def _named_in(here: Site, run: Mapping[str, Any]) -> list[str]:
    """The model of a run; of a rollout of services, which none names, each that was deployed."""
    name = run["parameters"].get("name")
    if name:
        return [str(name)]
    of_services = str(run["name"]).partition(",")[0].partition(" ")[0] in OF_SERVICES
    return applications(here) if of_services else []


def _named(rollout: Rollout) -> str:
    return f"rollout {rollout.id} ({rollout.verb} {rollout.component} {rollout.candidate.version})"
