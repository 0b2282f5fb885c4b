"""How requests are divided in a namespace is said once: a Gateway, or that there shall be none."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from cluster.errors import Unavailable
from flows import cluster_way
from flows.cli import parser
from flows.cluster_site import ClusterSite, cluster_site, deploying_site
from flows.refusal import Refused
from rollout.history import CLOSED, OPENED

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


def test_a_gateway_stays_where_models_answer_by_it(deploying: Deploying) -> None:
    """Else an undo would move their route to where their clients are not."""
    found = deploying("--gateway", "none")
    here = ClusterSite(found.name, found.home, way=replace(found.way, gateway="shop/gw"))
    here.begin()
    told = {
        "rollout": "r-1", "verb": "deploy-model", "stable": None, "policy": "", "sample": 1.0,
        "candidate": {"version": "v1.0.0", "digest": "0"}, "cap": 1.0, "override": None,
    }  # fmt: skip
    ended = {"rollout": "r-1", "ending": "PROMOTED", "reason": ""}
    here.ledger.append(OPENED, component="price", region=here.region, actor="ann", data=told)
    here.ledger.append(CLOSED, component="price", region=here.region, actor="ann", data=ended)

    with pytest.raises(Refused, match="price are divided by shop/gw"):
        deploying("--gateway", "none")
    assert cluster_way.kept(here.home) == here.way


def test_where_nothing_was_said_a_deploy_looks_for_a_gateway(deploying: Deploying) -> None:
    """And does not take an API server that is silent for one without Gateways."""
    with pytest.raises(Unavailable, match="cannot be reached"):
        deploying()
