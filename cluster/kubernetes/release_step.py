"""A release step as a Job: made once, waited for, and kept for a while so that it can be looked at.

Its pods carry none of the labels of a version: they would get its requests.
"""

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from cluster.errors import NotReady, Unavailable
from cluster.kubernetes import fence
from cluster.kubernetes.api import Api, Object
from cluster.kubernetes.kinds import JOB, POD
from cluster.kubernetes.names import APPLICATION, STEP, STEP_OF, object_name
from cluster.kubernetes.pods import condition_of, message_of, worst
from cluster.kubernetes.workloads import Workload
from cluster.lock import Lease
from rollout.application import Component, ReleaseStep
from rollout.credentials import redacted

Told = Mapping[str, Any]

KEPT_SECONDS = 3600
READING = 0.5
LONGEST, DIGITS = 63, 8
JOB_NAME = "batch.kubernetes.io/job-name"


def run_to_its_end(
    api: Api,
    part: Component,
    version: str,
    step: ReleaseStep,
    workload: Workload,
    command: Sequence[str],
    lease: Lease,
) -> None:
    """NotReady with its last words where it fails; one that failed before is made anew.

    One that a killed command left behind, under way or done, is this one; any other step of the
    component is waited for first.
    """
    job = _job(part, version, step, workload, command, lease)
    name = job["metadata"]["name"]
    what = f"release step {step.name} of {part.name} {version}"
    _until(lambda: not _others_under_way(api, part.name, name), lease)
    found = api.find(JOB, name)
    if found is not None and _ended(found, "Failed"):
        _take_away(api, name, lease)
    fence.write(api, JOB, job, lease)
    _until(lambda: _is_done(api, name, what, lease), lease)


def _is_done(api: Api, name: str, what: str, lease: Lease) -> bool:
    """Whether the Job is complete; NotReady where it never will be."""
    found, pods = api.get(JOB, name), _pods(api, name)
    if _ended(found, "Failed"):
        ended, by_itself = _last_words(pods)
        said = f"{what} failed: {message_of(found['status'], 'Failed')}{ended}"
        raise NotReady(said, hint=f"kubectl logs job/{name}", lasting=by_itself)
    # Of a pod that failed the Job will say so, and then there is more to tell.
    trouble = worst([pod for pod in pods if pod.get("status", {}).get("phase") != "Failed"])
    if trouble is not None and trouble.lasting:
        # Once it could be started after all, nobody would wait for it any more.
        _take_away(api, name, lease)
        raise NotReady(f"{what} cannot start: {trouble}", lasting=trouble.of_version)
    return _ended(found, "Complete")


def _until(truth: Callable[[], bool], lease: Lease) -> None:
    """A server that does not answer for a moment is asked again, as long as the lease lasts."""
    while True:
        lease.check()
        with suppress(Unavailable):
            if truth():
                return
        time.sleep(READING)


def _others_under_way(api: Api, component: str, name: str) -> bool:
    """Whether a step of another release of the component has not ended."""
    return any(
        job["metadata"]["name"] != name and not (_ended(job, "Complete") or _ended(job, "Failed"))
        for job in api.list(JOB, {STEP_OF: component})
    )


def _take_away(api: Api, name: str, lease: Lease) -> None:
    """Delete a Job and wait until none of its pods is left."""
    fence.require_not_newer(JOB, api.find(JOB, name), lease)
    api.delete(JOB, name)
    _until(lambda: api.find(JOB, name) is None and not _pods(api, name), lease)


def _pods(api: Api, name: str) -> list[Told]:
    return [*api.list(POD, {JOB_NAME: name})]


def _ended(job: Told, how: str) -> bool:
    """Whether a Job came to this end."""
    return condition_of(job.get("status", {}), how) == "True"


def _last_words(pods: Sequence[Told]) -> tuple[str, bool]:
    """How its container ended, with the end of its log; whether it ended by itself.

    A pod that was evicted, or whose node went, says why in its own status.
    """
    for pod in pods:
        status = pod.get("status", {})
        for container in status.get("containerStatuses", ()):
            ended = (container.get("state") or {}).get("terminated")
            if ended:
                lines = redacted(str(ended.get("message") or "")).strip().splitlines()
                said = "; ".join([f"; exit code {ended['exitCode']}", *lines[-1:]])
                return said, not status.get("reason")
    return "", False


def _job(
    part: Component,
    version: str,
    step: ReleaseStep,
    workload: Workload,
    command: Sequence[str],
    lease: Lease,
) -> Object:
    """Its name tells what it runs for which revision, because a Job cannot be changed."""
    told = [step.name, workload.image, *command, step.within]
    runs = json.dumps([part.name, version, part.digest, *told])
    digest = hashlib.sha256(runs.encode()).hexdigest()[:DIGITS]
    readable = f"{object_name(part.name, version)}-{step.name}"[: LONGEST - DIGITS - 1]
    container = {
        **workload.container("step"),
        "command": list(command),
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    # A step is no server, so that nothing waits for it to answer.
    container.pop("startupProbe", None)
    pod = {**workload.pod, "restartPolicy": "Never", "containers": [container]}
    marks = {APPLICATION: lease.component, STEP: step.name, STEP_OF: part.name}
    return {
        "metadata": {"name": f"{readable.rstrip('-')}-{digest}", "labels": marks},
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": int(step.within),
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "template": {
                "metadata": {"labels": marks},
                "spec": pod,
            },
        },
    }
