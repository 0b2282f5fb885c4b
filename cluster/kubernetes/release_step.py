"""A release step as a Job: made once, waited for, and kept for a while so that it can be looked at.

Its pods carry none of the labels of a version: they would get its requests.
"""

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from cluster.errors import NotReady, Refused
from cluster.kubernetes import fence
from cluster.kubernetes.api import Api, Object
from cluster.kubernetes.kinds import JOB, POD
from cluster.kubernetes.names import APPLICATION, STEP, object_name
from cluster.kubernetes.pods import worst
from cluster.lock import Lease
from rollout.application import ReleaseStep
from rollout.words import duration

KEPT_SECONDS = 3600
READING = 0.5
LONGEST = 63
JOB_NAME = "batch.kubernetes.io/job-name"


def run_to_its_end(
    api: Api,
    component: str,
    version: str,
    step: ReleaseStep,
    image: str,
    command: Sequence[str],
    lease: Lease,
) -> None:
    """NotReady with its last words where it fails; one that failed before is made anew.

    One that a killed command left behind, under way or done, is this one.
    """
    job = _job(component, version, step, image, command, lease)
    name = job["metadata"]["name"]
    found = api.find(JOB, name)
    if found is not None and _condition(found, "Failed") is not None:
        _take_away(api, name, found, step.within, lease)
    fence.write(api, JOB, job, lease)
    while _condition(found := api.get(JOB, name), "Complete") is None:
        lease.check()
        failed = _condition(found, "Failed")
        pods: list[Mapping[str, Any]] = [*api.list(POD, {JOB_NAME: name})]
        if failed is not None:
            said = f"{failed['message']}{_last_words(pods)}"
            raise _failed(component, version, step, name, said)
        # Of a pod that failed the Job will say so, and then there is more to tell.
        trouble = worst([pod for pod in pods if pod.get("status", {}).get("phase") != "Failed"])
        if trouble is not None and trouble.lasting:
            raise _failed(component, version, step, name, str(trouble))
        time.sleep(READING)


def _take_away(api: Api, name: str, found: Object, within: float, lease: Lease) -> None:
    lease.check()
    fence.require_not_newer(JOB, found, lease)
    api.delete(JOB, name)
    deadline = time.monotonic() + within
    while api.find(JOB, name) is not None:
        lease.check()
        if time.monotonic() > deadline:
            raise NotReady(f"the Job {name} did not go in {duration(within)}")
        time.sleep(READING)


def _failed(component: str, version: str, step: ReleaseStep, name: str, said: str) -> NotReady:
    return NotReady(
        f"release step {step.name} of {component} {version} failed: {said}",
        hint=f"kubectl logs job/{name}",
        lasting=True,
    )


def _condition(job: Object, kind: str) -> Mapping[str, Any] | None:
    """A condition of a Job that is true."""
    for told in job.get("status", {}).get("conditions", ()):
        if told["type"] == kind and told["status"] == "True":
            found: Mapping[str, Any] = told
            return found
    return None


def _last_words(pods: Sequence[Mapping[str, Any]]) -> str:
    """How its container ended, and the end of its log, which the kubelet puts in its message."""
    for pod in pods:
        for status in pod.get("status", {}).get("containerStatuses", ()):
            ended = (status.get("state") or {}).get("terminated")
            if ended:
                lines = str(ended.get("message") or "").strip().splitlines()
                return "; ".join([f"; exit code {ended['exitCode']}", *lines[-1:]])
    return ""


def _job(
    component: str,
    version: str,
    step: ReleaseStep,
    image: str,
    command: Sequence[str],
    lease: Lease,
) -> Object:
    """Its name tells what it runs, because what a Job runs cannot be changed."""
    runs = json.dumps([image, list(command), step.within])
    told = hashlib.sha256(runs.encode()).hexdigest()[:6]
    name = f"{object_name(component, version)}-{step.name}-{told}"
    if len(name) > LONGEST:
        raise Refused(f"{name} is longer than the {LONGEST} characters that a Job may have")
    container = {
        "name": "step",
        "image": image,
        "command": list(command),
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    marks = {APPLICATION: lease.component, STEP: step.name}
    return {
        "metadata": {"name": name, "labels": marks},
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": int(step.within),
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "template": {
                "metadata": {"labels": marks},
                "spec": {"restartPolicy": "Never", "containers": [container]},
            },
        },
    }
