"""The verb of a flow process as a run of its flow; without Prefect's record where that dies."""

import json
from typing import Any

import httpx
from prefect import tags
from prefect.exceptions import PrefectException

from flows import deployments, release_deployments
from flows.applications import FILE, read
from flows.dispatch import dispatch
from flows.flow_runs import Outcome, ended
from flows.recorder import Unrecorded
from flows.site import site
from flows.zombies import process_tag


def run_recorded(site_name: str, verb: str, rest: list[str]) -> Outcome:
    """Run the verb of a flow process as a flow; without Prefect's record where the server dies."""
    ended.clear()
    try:
        with tags("pincex", site_name, *_component(verb, rest), process_tag()):
            _run_flow(site_name, verb, rest)
    except (httpx.HTTPError, PrefectException):
        if not ended:
            return dispatch(site(site_name), verb, rest, Unrecorded())
    return ended[-1]


def _component(verb: str, rest: list[str]) -> list[str]:
    match verb:
        case "deploy-model":
            return [str(json.loads(rest[0])["name"])]
        case "promote-model":
            return [str(json.loads(rest[0])[0])]
        case "deploy":
            return [read(json.loads(rest[0])["application"], FILE).name]
    return rest


def _run_flow(site_name: Any, verb: str, rest: list[str]) -> None:
    match verb:
        case "deploy-model":
            asked = json.loads(rest[0])
            deployments.deploy_model(
                asked["name"],
                asked["version"] or None,
                first=asked["first"],
                control=asked["control"],
                sample_percent=100 * asked["sample"] if asked["sample"] else None,
                cap=asked["cap"],
                policy=asked["policy_text"],
                site_name=site_name,
            )
        case "promote-model":
            name, version, override = json.loads(rest[0])
            deployments.promote_model(name, version, override, site_name)
        case "deploy":
            asked = json.loads(rest[0])
            release_deployments.deploy(
                asked["version"],
                application=asked["application"],
                policy=asked["policy_text"],
                retry=asked["retry"],
                accept_downtime=asked["accept_downtime"],
                site_name=site_name,
            )
        case _:
            deployments.resume(rest[0] if rest else None, site_name)
