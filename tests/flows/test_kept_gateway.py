"""How requests are divided in a namespace is said once: a Gateway, or that there shall be none."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from cluster.errors import Unavailable
from flows.cli import parser
from flows.cluster_site import ClusterSite, cluster_site, deploying_site

Deploying = Callable[..., ClusterSite]


@pytest.fixture
def deploying(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deploying:
    """The site of a deploy to a namespace, whose API server nobody can ask for Gateways."""
    monkeypatch.setenv("PINCEX_HOME", str(tmp_path))
    way = tmp_path / "kubeconfig"
    content = {
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:9"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    way.write_text(yaml.safe_dump(content))

    def site(*more: str, verb: str = "deploy") -> ClusterSite:
        words = [verb, *(["v1.0.0"] if verb == "deploy" else []), *more]
        told = [*words, "--namespace", "shop", "--kubeconfig", str(way)]
        options = parser().parse_args(told)
        return deploying_site(options) if verb == "deploy" else cluster_site(options)

    return site


def test_no_gateway_is_kept_for_later_deploys_and_for_whoever_undoes(deploying: Deploying) -> None:
    """Said once: no later deploy looks for one, nor takes the one that appeared meanwhile."""
    deploying("--gateway", "none").begin()

    for later in (deploying(), deploying(verb="rollback")):
        assert later.services.by_instances
        assert later.way.gateway == "none"


def test_where_nothing_was_said_a_deploy_looks_for_a_gateway(deploying: Deploying) -> None:
    """And does not take an API server that is silent for one without Gateways."""
    with pytest.raises(Unavailable, match="cannot be reached"):
        deploying()
