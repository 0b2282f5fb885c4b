"""The verbs as Prefect flows with typed parameters; each runs the command's own code."""

import json
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import httpx
from prefect import State, flow, get_run_logger, tags
from prefect.artifacts import create_markdown_artifact
from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext
from prefect.exceptions import PrefectException
from prefect.runtime import flow_run
from prefect.states import Completed
from pydantic import Field

from cluster.files import make_directory
from flows.approve import Given, answer
from flows.deploy import NothingToDo
from flows.dispatch import dispatch
from flows.loop import Recorder
from flows.openers import Request, share
from flows.pause import LOST
from flows.platform import models
from flows.policies import policy_text
from flows.prefect_record import InPrefect
from flows.refusal import Exit, Refused, bad_input
from flows.site import Site, site
from flows.zombies import process_tag, tags_with_process

SiteName = Literal["local"]
Percent = Annotated[float, Field(gt=0, le=100)]
Outcome = tuple[Exit, dict[str, Any]]

# What the flow of this process came to, kept apart from Prefect's states: a server that dies
# during a flow must not make a finished rollout look unfinished.
ended: list[Outcome] = []


def run_recorded(site_name: str, verb: str, rest: list[str]) -> Outcome:
    """Run the verb of a flow process as a flow; without Prefect's record where the server dies."""
    ended.clear()
    try:
        with tags("pincex", site_name, *_component(verb, rest), process_tag()):
            _run_flow(site_name, verb, rest)
    except (httpx.HTTPError, PrefectException):
        if not ended:
            from flows.loop import Unrecorded

            return dispatch(site(site_name), verb, rest, Unrecorded())
    return ended[-1]


def _component(verb: str, rest: list[str]) -> list[str]:
    if verb == "deploy-model":
        return [str(json.loads(rest[0])["name"])]
    return [str(json.loads(rest[0])[0])] if verb == "promote-model" else rest


def _run_flow(site_name: Any, verb: str, rest: list[str]) -> None:
    if verb == "deploy-model":
        asked = json.loads(rest[0])
        deploy_model(
            asked["name"],
            asked["version"] or None,
            first=asked["first"],
            control=asked["control"],
            sample_percent=100 * asked["sample"] if asked["sample"] else None,
            cap=asked["cap"],
            policy=asked["policy_text"],
            site_name=site_name,
        )
    elif verb == "promote-model":
        name, version, override = json.loads(rest[0])
        promote_model(name, version, override, site_name)
    else:
        resume(rest[0] if rest else None, site_name)


def _shadow_name() -> str:
    asked = flow_run.parameters
    version = asked["version"] or "against a copy of itself"
    return f"deploy-model {asked['name']} {version}, {asked['site_name']}"


@flow(name="deploy-model", flow_run_name=_shadow_name)
def deploy_model(
    name: str,
    version: str | None = None,
    first: bool = False,
    control: bool = False,
    sample_percent: Percent | None = None,
    cap: Annotated[float, Field(gt=0)] | None = None,
    policy: str | None = None,
    site_name: SiteName = "local",
) -> State[Any]:
    """Shadow a version beside the champion and judge it; never moves traffic.

    Args:
        name: Registered model, such as price-predictor.
        version: Release string of the version to shadow, such as v2.1.0; empty for a control.
        first: Only for a model without a champion: absolute gates on smoke requests.
        control: Shadow a copy of the champion, to see offset, drift and false alarms.
        sample_percent: Share of requests that is copied; the policy's when empty.
        cap: At most so many copies a second; the policy's when empty.
        policy: Text of a policy; the site's own when empty.
        site_name: Where to run it.
    """
    here = site(site_name)
    text = policy if policy is not None else policy_text(here, None)
    if control == bool(version) or (control and first):
        raise bad_input("a version, or a control, and no more", "name the version to shadow")
    request = Request(name, version or "", text, first, share(sample_percent), cap, control)
    given = json.dumps({field: getattr(request, field) for field in Request.__slots__})
    return _conclude(here, "deploy-model", [given])


@flow(name="promote-model", flow_run_name="promote-model {name}, {site_name}")
def promote_model(
    name: str,
    version: str | None = None,
    override: str | None = None,
    site_name: SiteName = "local",
) -> State[Any]:
    """Give all traffic to the version that was proven safe against the champion.

    Args:
        name: Registered model, such as price-predictor.
        version: The version to promote; the open challenger when empty.
        override: Promote without a PASS, for this reason, which the ledger keeps.
        site_name: Where to run it.
    """
    return _conclude(site(site_name), "promote-model", [json.dumps([name, version, override])])


@flow(name="approve", flow_run_name="approve {name}, {site_name}")
def approve(
    name: str, approver: str, approve: bool = False, reason: str = "", site_name: SiteName = "local"
) -> dict[str, Any]:
    """Approve or refuse a promotion that waits for it.

    Args:
        name: Registered model, such as price-predictor.
        approver: Who answers, for the ledger.
        approve: On to approve it; off to refuse it.
        reason: Why, for the ledger.
        site_name: Where to record it.
    """
    if not approver.strip():
        raise bad_input("an answer needs a name", "fill in who answers")
    given = Given(approve, approver.strip(), "Prefect", reason.strip())
    return answer(site(site_name), name, given)


@flow(name="resume", flow_run_name="resume {name}, {site_name}")
def resume(name: str | None = None, site_name: SiteName = "local") -> State[Any]:
    """Go on with what is open, and make the alias moves that are owed.

    Args:
        name: One model; every model when empty.
        site_name: Where to run it.
    """
    try:
        return _conclude(site(site_name), "resume", [name] if name else [])
    except NothingToDo as nothing:
        ended.append((nothing.code, nothing.as_dict()))
        return Completed(name="Nothing to do", message=nothing.message)


@flow(name="rollback-model", flow_run_name="rollback-model {name}, {site_name}")
def rollback_model(
    name: str, reason: str = "asked for in Prefect", site_name: SiteName = "local"
) -> dict[str, Any]:
    """Return to the previous version at once.

    Args:
        name: Registered model, such as price-predictor.
        reason: Why, for the ledger.
        site_name: Where to run it.
    """
    return _command(["rollback-model", name, "--reason", reason, "--site", site_name])


@flow(name="register-model", flow_run_name="register-model {name} {version}, {site_name}")
def register_model(
    name: str, version: str, source: str, site_name: SiteName = "local"
) -> dict[str, Any]:
    """Register a version with its manifest.

    Args:
        name: Model name, such as price-predictor.
        version: Release string, such as v2.1.0.
        source: Directory of an MLflow model, or runs:/ID/PATH.
        site_name: Where to run it.
    """
    return _command(["register-model", name, version, source, "--site", site_name])


@flow(name="labels", flow_run_name="labels {name}, {site_name}")
def labels(name: str, file: str, site_name: SiteName = "local") -> dict[str, Any]:
    """Add labels by request id.

    Args:
        name: Registered model, such as price-predictor.
        file: JSON lines with request_id, label and labelled_at.
        site_name: Where to run it.
    """
    return _command(["labels", name, file, "--site", site_name])


@flow(name="model-report", flow_run_name="model-report over {days} d, {site_name}")
def model_report(
    name: str | None = None, days: Literal[1, 7] = 1, site_name: SiteName = "local"
) -> list[dict[str, Any]]:
    """How a model did over the last day or week, as a page here and a file under reports/.

    Args:
        name: One model; every model that the ledger knows when empty.
        days: The last day or the last week.
        site_name: Where to run it.
    """
    from rollout.model_report_text import markdown

    here = site(site_name)
    make_directory(here.home.reports)
    names = [name] if name else models(here)
    made = []
    for one in names:
        file = here.home.reports / f"{one}-{days}d-{datetime.now(UTC):%Y-%m-%d}.html"
        words = ["model-report", one, "--days", str(days), "--report", str(file)]
        report = _command([*words, "--site", site_name])
        key = f"{one}-report-{days}d".lower().replace("_", "-")
        create_markdown_artifact(markdown(report), key=key, description=str(file))
        made.append(report)
    return made


@flow(name="judge", flow_run_name="judge {pairs}")
def judge(pairs: str, policy: str | None = None) -> dict[str, Any]:
    """Judge a table of pairs; a verdict of FAIL or INCONCLUSIVE is a result, not a failure.

    Args:
        pairs: Parquet or JSON lines file, or a folder of Parquet files.
        policy: Policy file; the packaged one when empty.
    """
    return _command(["judge", pairs, *(["--policy", policy] if policy else [])])


def _conclude(here: Site, verb: str, rest: list[str]) -> State[Any]:
    _say_process()
    recorder: Recorder = InPrefect(here)
    code, report = dispatch(here, verb, rest, recorder)
    ended.append((code, report))
    name = _state_name(report)
    return Completed(name=name.capitalize(), message=str(report.get("reason", "")), data=report)


def _state_name(report: dict[str, Any]) -> str:
    """The word beside the finished flow run: what a person said no to was not promoted."""
    approval = report.get("approval")
    if approval and approval["state"] in ("refused", "lapsed"):
        return str(approval["state"])
    return str(report.get("decision") or report.get("ending") or "Done")


def _command(arguments: list[str]) -> dict[str, Any]:
    """A verb without steps of its own: the command, with its report as the result."""
    from flows.cli import answer

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
