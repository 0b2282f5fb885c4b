"""Each setting that loses requests is found in a Deployment, and nothing else is."""

from copy import deepcopy
from typing import Any

import pytest

from cluster.kubernetes.names import labels
from cluster.kubernetes.workloads import Workload, _deployment
from cluster.kubernetes.zero_downtime import zero_downtime
from rollout.checklist_line import Line, Outcome

GOOD = _deployment(
    labels("price", "v1.0.0"),
    "price-v1-0-0",
    Workload("shop/price@sha256:" + "0" * 64, 8080, "/readyz", replicas=2),
)
MARKS = GOOD["spec"]["template"]["metadata"]["labels"]


def changed(path: str, value: object) -> Any:
    """The good Deployment with one thing else; None takes it out."""
    made = deepcopy(GOOD)
    *way, last = path.split(".")
    place: Any = made["spec"]
    for key in way:
        place = place[int(key) if key.isdigit() else key]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return made


def bad(lines: list[Line]) -> list[Line]:
    """The lines that are not OK."""
    return [line for line in lines if line.outcome is not Outcome.OK]


def test_what_we_deploy_ourselves_has_nothing_against_it() -> None:
    """The Deployment that `bring_up` writes passes our own checklist."""
    assert bad(zero_downtime(GOOD, [], [])) == []


CONTAINER = "template.spec.containers.0"


@pytest.mark.parametrize(
    ("path", "value", "outcome", "words"),
    [
        ("strategy", {"type": "Recreate"}, Outcome.FAIL, "ends all pods before any new one"),
        ("strategy.rollingUpdate.maxUnavailable", 1, Outcome.FAIL, "1: a pod may go before"),
        ("strategy.rollingUpdate.maxUnavailable", "50%", Outcome.FAIL, "50%: a pod may go"),
        ("replicas", 1, Outcome.WARN, "nothing is left while its node goes"),
        (f"{CONTAINER}.readinessProbe", None, Outcome.FAIL, "before it can answer"),
        (f"{CONTAINER}.lifecycle", None, Outcome.FAIL, "proxies still send it requests"),
        (f"{CONTAINER}.lifecycle.preStop.sleep.seconds", 4, Outcome.FAIL, "on for 4 s, proxies"),
        (f"{CONTAINER}.lifecycle.preStop", {"exec": {}}, Outcome.WARN, "preStop by exec"),
        (f"{CONTAINER}.image", "shop/price:latest", Outcome.WARN, "has no digest"),
        ("template.spec.terminationGracePeriodSeconds", 5, Outcome.FAIL, "5 s, of which preStop"),
    ],
    ids=[
        "recreate", "unavailable", "unavailable by percent", "one pod", "no readiness",
        "no preStop", "short preStop", "preStop by command", "no digest", "short grace",
    ],
)  # fmt: skip
def test_each_setting_that_loses_requests_is_one_line(
    path: str, value: object, outcome: Outcome, words: str
) -> None:
    """It is named with what was found and what would be right; every other line stays OK."""
    (line,) = bad(zero_downtime(changed(path, value), [], []))

    assert line.outcome is outcome
    assert words in line.evidence
    assert line.remedy


@pytest.mark.parametrize(("replicas", "lost"), [(3, 0), (4, 1)])
def test_a_percentage_is_rounded_down_as_kubernetes_does(replicas: int, lost: int) -> None:
    """A quarter of three pods is none; the default of Kubernetes is a quarter."""
    made = changed("strategy", {"type": "RollingUpdate"})
    made["spec"]["replicas"] = replicas

    assert len(bad(zero_downtime(made, [], []))) == lost


def budget(allowed: int, **labels: str) -> dict[str, Any]:
    """A disruption budget for pods with these labels."""
    return {
        "metadata": {"name": "b"},
        "spec": {"selector": {"matchLabels": labels or MARKS}},
        "status": {"disruptionsAllowed": allowed},
    }


def test_a_budget_that_lets_no_pod_go_is_told_if_it_is_for_these_pods() -> None:
    """A budget of other pods says nothing here."""
    told = [budget(0), budget(1), budget(0, app="other")]

    (line,) = bad(zero_downtime(GOOD, told, []))

    assert line.name == "budget b"
    assert "cannot be drained" in line.evidence


def test_an_autoscaler_is_told() -> None:
    """Shares by replicas and an autoscaler would both write the same number."""
    scaler = {"metadata": {"name": "h"}, "spec": {"minReplicas": 2, "maxReplicas": 9}}

    (line,) = bad(zero_downtime(GOOD, [], [scaler]))

    assert (line.name, line.outcome) == ("autoscaler h", Outcome.WARN)
    assert "between 2 and 9" in line.evidence
