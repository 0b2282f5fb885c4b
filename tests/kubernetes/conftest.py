"""The real node of the session, and shops on it whose tests run inside its network."""

import os
from collections.abc import Iterator
from pathlib import Path

import kube_gateway
import kube_real
import kube_release
import pytest
from kube_cluster import STRICT, Cluster, or_skipped
from kube_real import RealNode, inside
from kube_shop import Shop


def require(reason: str | None) -> None:
    """Skip with the reason, or fail with it where nothing may be skipped."""
    if reason and not os.environ.get(STRICT):
        pytest.skip(reason)
    assert reason is None, reason


@pytest.fixture(scope="session")
def real_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealNode]:
    """A kubelet with real pods, ended with the session."""
    require(kube_real.missing())
    node = RealNode(tmp_path_factory.mktemp("node"), bound=True)
    try:
        with or_skipped():
            node.up()
        yield node
    finally:
        node.down()
    assert node.left() == []


@pytest.fixture(scope="module")
def gateway(real_node: RealNode) -> Iterator[RealNode]:
    """The node with Envoy Gateway beside it: of a module, as others end the node and all on it."""
    require(kube_gateway.missing())
    try:
        with or_skipped():
            kube_gateway.gateway_up(real_node)
        yield real_node
    finally:
        kube_gateway.gateway_down(real_node)


@pytest.fixture
def real_shop(real_node: RealNode) -> Iterator[Shop]:
    """A namespace on the real node."""
    with inside(real_node.namespace):
        cluster = Cluster(real_node.plane)
        yield Shop(cluster, cluster.namespace())


@pytest.fixture
def shop(
    fake_cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[kube_release.Shop]:
    """v1.0.0 of two components serves; a module that needs another shop has its own."""
    monkeypatch.setenv("PINCEX_HOME", str(tmp_path))
    with kube_release.Shop(fake_cluster, tmp_path, single=True) as made:
        made.apply_gateway()
        assert made.deploy("v1.0.0")[1]["ending"] == "PROMOTED"
        yield made
