"""What no test cluster does by itself: an autoscaler that measures, and many causes at once."""

from cluster.diagnosis import Case, Finding, likeliest_first
from cluster.kubernetes.diagnosis import of_scaler


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
