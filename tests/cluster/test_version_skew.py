"""Kubelets under their API server: the version skew policy of Kubernetes, both of its ends."""

import pytest

from cluster.kubernetes.version_skew import version_skew
from rollout.checklist_line import Outcome


def nodes(*versions: str) -> list[dict[str, object]]:
    """Nodes called n0, n1, ... whose kubelets have these versions."""
    return [
        {"metadata": {"name": f"n{number}"}, "status": {"nodeInfo": {"kubeletVersion": version}}}
        for number, version in enumerate(versions)
    ]


@pytest.mark.parametrize(
    ("server", "kubelets", "outcome", "words"),
    [
        ("v1.34.4", ["v1.34.9"], Outcome.OK, "API server v1.34.4, kubelets v1.34.9"),
        ("v1.34.4", ["v1.31.0", "v1.34.4"], Outcome.OK, "kubelets v1.31.0, v1.34.4"),
        ("v1.34.4-gke.1", ["v1.33.2-eks-abc"], Outcome.OK, "kubelets v1.33.2-eks-abc"),
        ("v1.34.4", ["v1.34.4", "v1.35.0"], Outcome.FAIL, "n1 (v1.35.0) is newer"),
        ("v1.34.4", ["v1.30.9"], Outcome.FAIL, "n0 (v1.30.9) is more than 3 minor versions older"),
        ("v1.26.0", ["v1.24.0"], Outcome.OK, "kubelets v1.24.0"),
        ("v1.27.0", ["v1.24.0"], Outcome.FAIL, "more than 2 minor versions older"),
        ("v2.0.0", ["v1.99.0"], Outcome.FAIL, "older"),
        ("v1.34.4", ["v1.34.4", ""], Outcome.NOT_CHECKED, "no version of n1"),
        ("v1.34.4", ["kwok"], Outcome.NOT_CHECKED, "no version of n0"),
        ("unknown", ["v1.34.4"], Outcome.NOT_CHECKED, "no version of any node"),
        ("v1.34.4", [], Outcome.NOT_CHECKED, "no version of any node"),
        ("v1.34.4", ["v1.35.0"] * 7, Outcome.FAIL, "n4 (v1.35.0) is newer and 2 more"),
    ],
)
def test_each_kubelet_is_as_new_as_its_api_server_or_a_little_older(
    server: str, kubelets: list[str], outcome: Outcome, words: str
) -> None:
    """A version that cannot be read is nobody's promise."""
    line = version_skew(server, nodes(*kubelets))

    assert (line.name, line.outcome) == ("version skew", outcome)
    assert words in line.evidence
