"""Two workers share the tests by file, because the site or server of a file is started once."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

if TYPE_CHECKING:
    from kube_cluster import Cluster

# How long an example takes says more of the machine than of the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

SITES = "tests/end_to_end/"
NODE = "tests/kubernetes/ on the real node"
ON_NODE = tuple(f"tests/kubernetes/test_{name}" for name in ("real_", "diagnose"))
"""Files that start a node with real pods: a machine has room for one."""
OWN_SITE = tuple(
    f"{SITES}test_{name}.py" for name in ("approval", "original_commands", "secrets", "watch")
)
"""Files of the long run with a site of their own."""


class ByFile(LoadScopeScheduling):
    """A file goes to one worker; so do all on the site of `make test`, and all on a real node."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::")[0]
        if file.startswith(ON_NODE):
            return NODE
        shared = file.startswith(SITES) and file not in OWN_SITE
        return SITES if shared else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling:
    """The marks of xdist's own groups are lost under this pytest."""
    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first: one worker lives on the site while the other does all the rest."""
    items.sort(key=lambda item: not item.nodeid.startswith(SITES))


@pytest.fixture(scope="session")
def bare_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Cluster"]:
    """A real control plane without a node, ended with the session."""
    from kube_cluster import started

    yield from started(tmp_path_factory.mktemp("cluster"))


@pytest.fixture(scope="session")
def fake_cluster(bare_cluster: "Cluster") -> "Cluster":
    """The same with three fake nodes and the Gateway API."""
    from kube_cluster import with_nodes

    return with_nodes(bare_cluster)
