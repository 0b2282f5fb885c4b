"""Why a pod does not serve, in words, from what its status says."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from rollout.credentials import redacted

IMAGE = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"}
CONFIG = {"CreateContainerConfigError", "CreateContainerError", "RunContainerError"}
# A container may die once while it starts, of what the next start finds in place. The kubelet
# says CrashLoopBackOff when it died again.
CRASHES = 2
OVERDUE = timedelta(seconds=60)
"""After the end of its grace a pod that is still there has a kubelet that ends nothing."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with a pod; `lasting` when waiting will not cure it.

    `by_others` where the version is not to blame.
    """

    pod: str
    words: str
    lasting: bool
    by_others: bool = False

    @property
    def of_version(self) -> bool:
        """It lasts, and with another cluster or other people it would be the same."""
        return self.lasting and not self.by_others

    def __str__(self) -> str:
        return f"{self.pod}: {redacted(self.words)}"


def trouble(pod: Mapping[str, Any]) -> Trouble | None:
    """What keeps a pod from serving; None for one that is ready or being deleted."""
    metadata, status = pod["metadata"], pod.get("status", {})
    if metadata.get("deletionTimestamp") or condition_of(status, "Ready") == "True":
        return None
    name = str(metadata["name"])
    statuses = [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]
    for told in statuses:
        found = _of_container(name, told)
        if found is not None:
            return found
    if condition_of(status, "PodScheduled") == "False":
        said = message_of(status, "PodScheduled")
        return Trouble(name, f"no node takes it: {said}", lasting=False)
    if status.get("phase") == "Failed":
        said = str(status.get("message") or status.get("reason") or "the pod failed")
        return Trouble(name, said, lasting=True)
    if any((told.get("state") or {}).get("running") for told in statuses):
        return Trouble(name, "runs, but its readiness probe does not succeed", lasting=False)
    return Trouble(name, "its containers are not started yet", lasting=False)


def overdue(pod: Mapping[str, Any], now: datetime) -> bool:
    """Whether a pod should have ended long ago, which its node alone could do."""
    ends = pod["metadata"].get("deletionTimestamp")
    return ends is not None and now > datetime.fromisoformat(ends) + OVERDUE


def worst(pods: list[Mapping[str, Any]]) -> Trouble | None:
    """The trouble to tell of several pods: a lasting one before one that may pass."""
    found = [told for pod in pods if (told := trouble(pod)) is not None]
    return next((told for told in found if told.lasting), found[0] if found else None)


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Whether a pod says it is ready and is not being deleted."""
    gone = pod["metadata"].get("deletionTimestamp")
    return not gone and condition_of(pod.get("status", {}), "Ready") == "True"


def failed(pods: Iterable[Mapping[str, Any]]) -> dict[str, bool]:
    """Of each pod that is not being deleted, whether its readiness probe failed last."""
    there = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
    return {str(pod["metadata"]["name"]): not is_ready(pod) for pod in there}


def _of_container(pod: str, told: Mapping[str, Any]) -> Trouble | None:
    waiting = (told.get("state") or {}).get("waiting") or {}
    reason, said = str(waiting.get("reason") or ""), str(waiting.get("message") or "")
    if reason in IMAGE:
        return Trouble(pod, f"the image {told['image']} cannot be had ({reason}): {said}", True)
    if reason in CONFIG:
        return Trouble(pod, f"container {told['name']} cannot be started ({reason}): {said}", True)
    restarts = int(told.get("restartCount", 0))
    last = (told.get("lastState") or {}).get("terminated") or (told.get("state") or {}).get(
        "terminated"
    )
    if last and (restarts >= CRASHES or reason == "CrashLoopBackOff"):
        return Trouble(pod, _ended(told["name"], last, restarts), lasting=True)
    return None


def _ended(container: str, last: Mapping[str, Any], restarts: int) -> str:
    count = "restarted once" if restarts == 1 else f"restarted {restarts} times"
    if last.get("reason") == "OOMKilled":
        return f"container {container} ran out of memory and was killed ({count})"
    lived = ""
    if last.get("startedAt") and last.get("finishedAt"):
        seconds = (_time(last["finishedAt"]) - _time(last["startedAt"])).total_seconds()
        lived = f", {seconds:g} s after its start"
    code, words = last.get("exitCode"), f": {last['message']}" if last.get("message") else ""
    ends = f"container {container} ends again and again ({count})"
    return f"{ends}, with exit code {code}{lived}{words}"


def condition_of(status: Mapping[str, Any], kind: str) -> str | None:
    """The status of a condition, as text; None where there is none of that kind."""
    for condition in status.get("conditions", ()):
        if condition["type"] == kind:
            return str(condition["status"])
    return None


def message_of(status: Mapping[str, Any], kind: str) -> str:
    """What a condition that is there says, or at least its reason."""
    found = [c for c in status.get("conditions", ()) if c["type"] == kind]
    return str(found[0].get("message") or found[0].get("reason"))


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
