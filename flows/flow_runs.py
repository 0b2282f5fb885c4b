"""What every flow run of a site does: it says its process and ends in what the verb came to."""

from typing import Any, Literal

from prefect import State, get_run_logger
from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext
from prefect.states import Completed

from flows.deploy import NothingToDo
from flows.dispatch import dispatch
from flows.pause import LOST
from flows.prefect_record import InPrefect
from flows.recorder import Recorder
from flows.refusal import Exit, Refused
from flows.site import Site
from flows.zombies import process_tag, tags_with_process

SiteName = Literal["local"]
Outcome = tuple[Exit, dict[str, Any]]

# What the flow of this process came to, kept apart from Prefect's states: a server that dies
# during a flow must not make a finished rollout look unfinished.
ended: list[Outcome] = []


def conclude(here: Site, verb: str, rest: list[str]) -> State[Any]:
    """Run a verb with its steps recorded; the run ends in a state named after the outcome."""
    _say_process()
    recorder: Recorder = InPrefect(here)
    try:
        code, report = dispatch(here, verb, rest, recorder)
    except NothingToDo as nothing:
        ended.append((nothing.code, nothing.as_dict()))
        return Completed(name="Nothing to do", message=nothing.message)
    ended.append((code, report))
    name = _state_name(report)
    return Completed(name=name.capitalize(), message=str(report.get("reason", "")), data=report)


def _state_name(report: dict[str, Any]) -> str:
    """The word beside the finished flow run: what a person said no to was not promoted."""
    approval = report.get("approval")
    if approval and approval["state"] in ("refused", "lapsed"):
        return str(approval["state"])
    return str(report.get("decision") or report.get("ending") or "Done")


def command(arguments: list[str]) -> dict[str, Any]:
    """A verb without steps of its own: the command, with its report as the result."""
    from flows.cli import answer

    if arguments[0].startswith("rollback"):
        # Traffic first: saying who we are waits for Prefect.
        code, report, _ = answer(arguments)
        _say_process()
    else:
        _say_process()
        code, report, _ = answer(arguments)
    if code in (Exit.FAILED, Exit.BAD_INPUT):
        raise Refused(str(report), hint="", code=Exit(code))
    return report


def _say_process() -> None:
    """A run that Prefect started says which process it is; the others said so at their start."""
    run = FlowRunContext.get()
    tag = process_tag()
    if run is None or run.flow_run is None or tag in run.flow_run.tags:
        return
    try:
        with get_client(sync_client=True) as client:
            client.update_flow_run(run.flow_run.id, tags=tags_with_process(run.flow_run.tags))
    except LOST as error:
        get_run_logger().warning("Prefect does not know our process: %s", type(error).__name__)
