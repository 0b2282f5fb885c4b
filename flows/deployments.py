"""The verbs of models as Prefect flows with typed parameters; each runs the command's own code."""

import json
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from prefect import State, flow
from prefect.artifacts import create_markdown_artifact
from prefect.runtime import flow_run
from pydantic import Field

from cluster.files import make_directory
from flows.approve import Given, answer
from flows.flow_runs import SiteName, command, conclude
from flows.openers import Request, share
from flows.platform import models
from flows.policies import policy_text
from flows.refusal import bad_input
from flows.site import site

Percent = Annotated[float, Field(gt=0, le=100)]


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
    return conclude(here, "deploy-model", [given])


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
    return conclude(site(site_name), "promote-model", [json.dumps([name, version, override])])


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
    return conclude(site(site_name), "resume", [name] if name else [])


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
    return command(["rollback-model", name, "--reason", reason, "--site", site_name])


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
    return command(["register-model", name, version, source, "--site", site_name])


@flow(name="labels", flow_run_name="labels {name}, {site_name}")
def labels(name: str, file: str, site_name: SiteName = "local") -> dict[str, Any]:
    """Add labels by request id.

    Args:
        name: Registered model, such as price-predictor.
        file: JSON lines with request_id, label and labelled_at.
        site_name: Where to run it.
    """
    return command(["labels", name, file, "--site", site_name])


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
        report = command([*words, "--site", site_name])
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
    return command(["judge", pairs, *(["--policy", policy] if policy else [])])
