"""A real node that is ended leaves nothing on its machine, and can be started again."""

from collections.abc import Iterator

import pytest
from kube_cluster import Cluster
from kube_left import shims
from kube_real import RealNode, inside
from kube_shop import Shop, real

from cluster.errors import NotReady

pytestmark = pytest.mark.kubernetes


@pytest.fixture
def ending(real_node: RealNode) -> Iterator[RealNode]:
    """The node of the session, which is up again afterwards for the tests that follow."""
    yield real_node
    real_node.up()


def shop_on(node: RealNode) -> Shop:
    """A namespace on the node."""
    cluster = Cluster(node.plane)
    return Shop(cluster, cluster.namespace())


def test_an_ended_node_leaves_no_process_mount_or_namespace(ending: RealNode) -> None:
    """Pods that serve and pods that crashed have shims of their own, which outlive containerd."""
    with inside(ending.namespace):
        shop = shop_on(ending)
        shop.up("v1.0.0", real("v1.0.0", replicas=1), within=90)
        with pytest.raises(NotReady):
            shop.up("v2.0.0", real("v2.0.0", "crash", replicas=1), within=90)
    assert list(shims(ending.socket))

    ending.down()

    assert ending.left() == []
    ending.up()
    with inside(ending.namespace):
        shop_on(ending).up("v1.0.0", real("v1.0.0", replicas=1), within=90)


def test_the_shims_of_a_containerd_that_was_killed_are_ended(ending: RealNode) -> None:
    """Nobody is left to be asked about them: they are found by the socket they report to."""
    with inside(ending.namespace):
        shop_on(ending).up("v1.0.0", real("v1.0.0", replicas=1), within=90)
    ending.plane.parts.stop("containerd", grace=0)
    assert list(shims(ending.socket))

    ending.down()

    assert ending.left() == []
