"""What no test cluster does by itself: an autoscaler that measures, and many causes at once."""

import pytest

from cluster.diagnosis import Case, Finding, likeliest_first
from cluster.kubernetes.diagnosis import of_pod, of_scaler


def scaler(reason: str, status: str) -> dict[str, object]:
    """An autoscaler of at most five pods with this word on its limit."""
    limited = {"type": "ScalingLimited", "status": status, "reason": reason}
    return {
        "metadata": {"name": "price"},
        "spec": {"maxReplicas": 5},
        "status": {"conditions": [limited]},
    }


def test_an_autoscaler_at_its_most_is_a_want_of_cpu() -> None:
    """Only when it says that it wants more."""
    (found,) = of_scaler(scaler("TooManyReplicas", "True"), "kubectl -n shop")

    assert (found.case, found.cause) == (Case.PERFORMANCE, "CPU")
    assert "at its most, 5 pods" in found.evidence
    assert found.remedy == "kubectl -n shop edit hpa price"
    assert list(of_scaler(scaler("DesiredWithinRange", "False"), "kubectl")) == []
    assert list(of_scaler(scaler("TooFewReplicas", "True"), "kubectl")) == []


def test_the_certain_causes_come_first_and_each_once() -> None:
    """However many pods say the same."""
    likely = Finding(Case.HEALTH, "slow start", "pod 1", "wait", certain=False)
    certain = [Finding(Case.STUCK, "quota", f"pod {number}", "raise it") for number in (1, 2)]

    assert likeliest_first([likely, *certain, likely]) == [certain[0], likely]


NO_SANDBOX = {
    "reason": "FailedCreatePodSandBox",
    "lastTimestamp": "2026-11-29T13:00:00Z",
    "message": "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup"
    f' network for sandbox "{"0f" * 32}": no IP addresses available in range set',
}


def starting(reason: str, network: str) -> dict[str, object]:
    """A pod whose container waits."""
    waiting = {"waiting": {"reason": reason, "message": "of v2"}}
    container = {"name": "server", "image": "shop/price:2", "restartCount": 0, "state": waiting}
    condition = {"type": "PodReadyToStartContainers", "status": network}
    return {
        "metadata": {"name": "price-1"},
        "status": {"conditions": [condition], "containerStatuses": [container]},
    }


@pytest.mark.parametrize(
    ("pod", "causes"),
    [
        (starting("ContainerCreating", "False"), ["pod sandbox"]),
        (starting("ContainerCreating", "True"), []),
        (starting("ErrImagePull", "False"), ["image pull"]),
        (starting("CreateContainerConfigError", "True"), ["configuration"]),
    ],
    ids=["none yet", "got one since", "image", "configuration"],
)
def test_a_sandbox_that_failed_once_is_no_cause(pod: dict[str, object], causes: list[str]) -> None:
    """The event stays for an hour: what came after it tells that it is over."""
    found = list(of_pod(pod, [NO_SANDBOX], "kubectl -n shop"))

    assert [told.cause for told in found] == causes
    if causes == ["pod sandbox"]:
        told = "failed to setup network for sandbox: no IP addresses available in range set"
        assert found[0].evidence == f"price-1: {told}"
