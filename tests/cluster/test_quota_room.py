"""Room for a release: what its pods take, against what the quotas leave."""

from decimal import Decimal
from typing import Any

import pytest

from cluster.errors import Invalid
from cluster.kubernetes.room import amount, room
from rollout.checklist_line import Outcome

HALF = {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"memory": "2Gi"}}


def quota(hard: dict[str, str], used: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    """A quota as the API server tells of it."""
    status = {"hard": hard, "used": used} if used is not None else {}
    return {"metadata": {"name": "small"}, "spec": {"hard": hard, **spec}, "status": status}


def deployment(*containers: object, replicas: int = 2, first: tuple[object, ...] = ()) -> Any:
    """A Deployment whose containers have these resources, and those that start before them."""
    pod: dict[str, Any] = {"containers": [{"resources": told} for told in containers]}
    pod["initContainers"] = list(first)
    return {"spec": {"replicas": replicas, "template": {"spec": pod}}}


@pytest.mark.parametrize(
    ("limited", "limit", "used", "outcome", "words"),
    [
        ("pods", "5", "3", Outcome.OK, "2 of 5 left, v2 takes 2"),
        ("pods", "5", "4", Outcome.FAIL, "1 of 5 left, v2 takes 2"),
        ("count/pods", "5", "4", Outcome.FAIL, "1 of 5 left, v2 takes 2"),
        ("requests.cpu", "2", "1", Outcome.OK, "1 of 2 left, v2 takes 1"),
        ("cpu", "2", "1001m", Outcome.FAIL, "0.999 of 2 left, v2 takes 1"),
        ("requests.memory", "3Gi", "1Gi", Outcome.OK, "2Gi of 3Gi left, v2 takes 2Gi"),
        ("limits.memory", "5Gi", "2Gi", Outcome.FAIL, "3Gi of 5Gi left, v2 takes 4Gi"),
        ("pods", "4096", "3072", Outcome.OK, "1024 of 4096 left, v2 takes 2"),
        ("limits.cpu", "5", "2", Outcome.NOT_CHECKED, "does not say what its containers take"),
        ("requests.nvidia.com/gpu", "1", "0", Outcome.NOT_CHECKED, "does not say"),
        ("pods", "5", None, Outcome.NOT_CHECKED, "nobody has counted yet"),
    ],
)
def test_what_a_quota_leaves_is_held_against_what_the_pods_take(
    limited: str, limit: str, used: str | None, outcome: Outcome, words: str
) -> None:
    """A fraction too little is too little, and what is not known is no room."""
    told = quota({limited: limit}, None if used is None else {limited: used})

    (line,) = room(told, [deployment(HALF)], "v2")

    assert (line.name, line.outcome) == (f"quota small: {limited}", outcome)
    assert words in line.evidence


@pytest.mark.parametrize(
    ("made", "cpu"),
    [
        (deployment(HALF, HALF, replicas=3), "3"),
        (deployment({"limits": {"cpu": "2"}}, replicas=1), "2"),
        (deployment(HALF, replicas=1, first=({"resources": {"limits": {"cpu": "4"}}},)), "4"),
        (
            deployment(HALF, replicas=1, first=({"resources": HALF, "restartPolicy": "Always"},)),
            "1",
        ),
    ],
    ids=["all containers", "limits without requests", "one before", "one that stays"],
)
def test_a_pod_takes_what_kubernetes_counts_for_it(made: Any, cpu: str) -> None:
    """Containers together, those before them only where they are greedier."""
    (line,) = room(quota({"cpu": "100"}, {"cpu": "0"}), [made], "v2")

    assert line.evidence == f"100 of 100 left, v2 takes {cpu}"


def test_components_are_added_up_and_what_pods_do_not_take_is_no_matter() -> None:
    """Their pods run beside each other; services and disks are the quota's own affair."""
    hard = {"pods": "9", "services": "1", "requests.storage": "1Gi"}

    (line,) = room(quota(hard, hard), [deployment(HALF), deployment(HALF, replicas=3)], "v2")

    assert line.evidence == "0 of 9 left, v2 takes 5"


def test_a_quota_of_some_pods_is_for_its_owner_to_judge() -> None:
    """Which pods it counts does not follow from the Deployment alone."""
    told = quota({"pods": "0"}, {"pods": "0"}, scopes=["BestEffort"])

    (line,) = room(told, [deployment(HALF)], "v2")

    assert line.outcome is Outcome.NOT_CHECKED


@pytest.mark.parametrize(
    ("quantity", "number"),
    [
        ("100m", "0.1"), ("1.5", "1.5"), ("1Ki", "1024"), ("2Gi", str(2 * 1024**3)), ("5k", "5000"),
        ("1E", str(10**18)), ("1Ei", str(1024**6)), ("1e3", "1000"), ("12u", "0.000012"),
        ("7n", "7e-9"), ("0", "0"),
    ],
)  # fmt: skip
def test_quantities_are_read_as_kubernetes_writes_them(quantity: str, number: str) -> None:
    """Exactly: a sum of tenths is no float."""
    assert amount(quantity) == Decimal(number)


@pytest.mark.parametrize("quantity", ["", "m", "1kb", "-1", "1 Gi", "1Gi "])
def test_what_is_no_quantity_is_refused(quantity: str) -> None:
    """It is not taken for nothing."""
    with pytest.raises(Invalid, match="is no quantity"):
        amount(quantity)
