"""Shares by the number of pods: as near as whole pods can be, or refused."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cluster.errors import Refused
from cluster.kubernetes.split import replicas


@pytest.mark.parametrize(
    ("weights", "total", "expected"),
    [
        ({"v1": 100}, 3, {"v1": 3}),
        ({"v1": 100, "v2": 0}, 3, {"v1": 3}),
        ({"v1": 90, "v2": 10}, 10, {"v1": 9, "v2": 1}),
        ({"v1": 75, "v2": 25}, 10, {"v1": 8, "v2": 2}),
        ({"v1": 50, "v2": 50}, 2, {"v1": 1, "v2": 1}),
        ({"v1": 34, "v2": 66}, 3, {"v1": 1, "v2": 2}),
    ],
    ids=["all", "all, one without", "a tenth", "a quarter of ten", "half of two", "a third"],
)
def test_shares_become_pods(weights: dict[str, int], total: int, expected: dict[str, int]) -> None:
    """Whole pods, together `total`, each share within half a pod."""
    made = replicas(weights, total)

    assert sum(made.values()) == total
    assert sorted(made.values()) == sorted(expected.values())


@pytest.mark.parametrize(
    ("weights", "total"),
    [({"v1": 90, "v2": 10}, 2), ({"v1": 99, "v2": 1}, 10), ({"v1": 50, "v2": 50}, 1)],
    ids=["a tenth of two", "a hundredth of ten", "halves of one"],
)
def test_shares_that_pods_cannot_make_are_refused(weights: dict[str, int], total: int) -> None:
    """A tenth that would become a half is no tenth."""
    with pytest.raises(Refused, match=r"pods cannot make the shares .*: a pod is"):
        replicas(weights, total)


@given(st.integers(1, 99), st.integers(2, 200))
def test_no_share_is_off_by_more_than_half_a_pod(share: int, total: int) -> None:
    """Where it is not refused, it is right."""
    weights = {"v1": 100 - share, "v2": share}
    try:
        made = replicas(weights, total)
    except Refused:
        assume(False)
    for version, count in made.items():
        assert abs(count - weights[version] * total / 100) <= 0.5
        assert count >= 1
