"""Why a pod does not serve, from the status that a kubelet writes."""

from typing import Any

import pytest

from cluster.kubernetes.pods import trouble, worst

READY = [{"type": "Ready", "status": "True"}]
UNREADY = [{"type": "Ready", "status": "False"}]
RUNNING = {"state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}


def pod(conditions: list[dict[str, str]], *containers: dict[str, Any], **more: Any) -> Any:
    """A pod with these conditions and container statuses."""
    told = [{"name": "server", "image": "shop/price:9", "restartCount": 0} | c for c in containers]
    status = {"conditions": conditions, "containerStatuses": told, "phase": "Running"} | more
    return {"metadata": {"name": "price-1"}, "status": status}


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    """A container that waits."""
    return {"state": {"waiting": {"reason": reason, "message": message}}}


def died(code: int, reason: str, restarts: int, said: str = "") -> dict[str, Any]:
    """A container that waits to be started again; `said` are the last words that it left."""
    ended = {
        "exitCode": code,
        "reason": reason,
        "startedAt": "2026-01-01T00:00:00Z",
        "finishedAt": "2026-01-01T00:00:02Z",
        **({"message": said} if said else {}),
    }
    held = waiting("CrashLoopBackOff")
    return {**held, "restartCount": restarts, "lastState": {"terminated": ended}}


@pytest.mark.parametrize(
    ("given", "words", "lasting"),
    [
        (pod(UNREADY, died(3, "Error", 4)), "4 times), with exit code 3, 2 s after", True),
        (pod(UNREADY, died(137, "OOMKilled", 2)), "of memory and was killed (restarted 2", True),
        (pod(UNREADY, died(2, "Error", 4, "no model")), "code 2, 2 s after its start: no mo", True),
        (pod(UNREADY, died(1, "Error", 1)), "again and again (restarted once)", True),
        (pod(UNREADY, died(1, "Error", 1) | RUNNING), "readiness probe does not", False),
        (
            pod(UNREADY, waiting("ImagePullBackOff", "not found")),
            "image shop/price:9 cannot be had (ImagePullBackOff): not found", True,
        ),
        (pod(UNREADY, waiting("ErrImageNeverPull")), "cannot be had (ErrImageNeverPull)", True),
        (pod(UNREADY, waiting("InvalidImageName")), "cannot be had (InvalidImageName)", True),
        (
            pod(UNREADY, waiting("CreateContainerConfigError", 'secret "db" not found')),
            'cannot be started (CreateContainerConfigError): secret "db" not found', True,
        ),
        (pod(UNREADY, RUNNING), "readiness probe does not succeed", False),
        (pod(UNREADY, waiting("ContainerCreating")), "not started yet", False),
        (
            pod([{"type": "PodScheduled", "status": "False", "message": "0/3 nodes: cpu"}]),
            "no node takes it: 0/3 nodes: cpu", False,
        ),
        (pod(UNREADY, phase="Failed", message="Evicted: disk"), "Evicted: disk", True),
    ],
    ids=[
        "crash loop", "out of memory", "last words", "two crashes", "one crash", "image",
        "never pulled", "name",
        "missing secret", "readiness", "creating", "unschedulable", "evicted",
    ],
)  # fmt: skip
def test_each_state_has_its_words(given: Any, words: str, lasting: bool) -> None:
    """What is wrong, in words, and whether waiting can cure it."""
    found = trouble(given)

    assert found is not None
    assert words in found.words
    assert found.lasting is lasting


@pytest.mark.parametrize(
    "given",
    [
        pod(READY, RUNNING),
        {**pod(UNREADY, died(3, "Error", 9)), "metadata": {"name": "x", "deletionTimestamp": "t"}},
        pod(READY, {**RUNNING, "restartCount": 7}),
    ],
    ids=["ready", "being deleted", "ready after restarts"],
)
def test_what_serves_or_goes_is_no_trouble(given: Any) -> None:
    """A pod that is ready now, or on its way out, explains nothing."""
    assert trouble(given) is None


def test_the_worst_is_what_will_not_pass() -> None:
    """Of several pods the one that waiting cannot cure is told, whichever comes first."""
    slow, broken = pod(UNREADY, RUNNING), pod(UNREADY, died(3, "Error", 5))

    for order in ([slow, broken], [broken, slow]):
        found = worst(order)
        assert found is not None
        assert found.lasting
    assert worst([pod(READY, RUNNING)]) is None
