"""The verbs of services as Prefect flows with typed parameters; each runs the command's code."""

import json
from typing import Any

from prefect import State, flow

from flows import applications
from flows.flow_runs import SiteName, command, conclude
from flows.policies import policy_text
from flows.release_openers import ReleaseRequest
from flows.site import site


@flow(name="deploy", flow_run_name="deploy {version}, {site_name}")
def deploy(
    version: str,
    application: str | None = None,
    policy: str | None = None,
    retry: bool = False,
    accept_downtime: bool = False,
    site_name: SiteName = "local",
) -> State[Any]:
    """Roll the services of an application out, component by component, judged at each step.

    Args:
        version: Release string, such as v2.1.0.
        application: Text of an application.toml; the site's own, or the sample, when empty.
        policy: Text of a policy; the site's own when empty.
        retry: On to deploy a release that was undone, or that served before a step without return.
        accept_downtime: On to deploy although a component would lose requests.
        site_name: Where to run it.
    """
    here = site(site_name)
    described = (
        applications.read(application, applications.FILE)
        if application
        else applications.application(here, None)
    )
    text = policy if policy is not None else policy_text(here, None)
    request = ReleaseRequest(version, described.text, text, retry, accept_downtime)
    given = json.dumps({field: getattr(request, field) for field in ReleaseRequest.__slots__})
    return conclude(here, "deploy", [given])


@flow(name="rollback", flow_run_name="rollback, {site_name}")
def rollback(
    component: str | None = None,
    reason: str = "asked for in Prefect",
    site_name: SiteName = "local",
) -> dict[str, Any]:
    """Return the services to what served before, at once.

    Args:
        component: This one alone; all of the last release when empty.
        reason: Why, for the ledger.
        site_name: Where to run it.
    """
    one = ["--component", component] if component else []
    return command(["rollback", *one, "--reason", reason, "--site", site_name])


@flow(name="backup-config", flow_run_name="backup-config, {site_name}")
def backup_config(site_name: SiteName = "local") -> dict[str, Any]:
    """Keep what the site is told, in one new file under backups/.

    Args:
        site_name: Where to run it.
    """
    return command(["backup-config", "--site", site_name])
