"""A namespace of a cluster as a site: its objects there, its ledger in a folder of its own here."""

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from cluster.files import write_whole
from cluster.local.home import Home
from cluster.lock import Leases
from flows import cluster_way
from flows.cluster_way import Way
from flows.in_cluster import KUBECONFIG
from flows.platform import applications, models
from flows.refusal import bad_input
from flows.site import Site
from rollout.words import shell_word

if TYPE_CHECKING:
    from cluster.kubernetes.api import Api
    from cluster.prometheus import Prometheus
    from cluster.services import Services
    from cluster.serving import Serving
    from flows.release_sight import Answers

NAME = "cluster"
PATIENCE, PACE = 120.0, 1.0


@dataclass(frozen=True, kw_only=True)
class ClusterSite(Site):
    """One namespace; its ledger and the progress of its rollouts lie below ``$PINCEX_HOME``."""

    way: Way

    @property
    def region(self) -> str:
        from cluster.kubernetes.names import REGION

        return REGION

    @cached_property
    def api(self) -> "Api":
        return cluster_way.api_of(self.way)

    @cached_property
    def lock(self) -> Leases:
        from cluster.kubernetes.lock import Lock

        return Lock(self.api)

    @cached_property
    def services(self) -> "Services":
        from cluster.kubernetes.services import ClusterServices

        return ClusterServices(self.api, cluster_way.gateway_of(self.way), self._prometheus())

    @cached_property
    def serving(self) -> "Serving":
        from cluster.kubernetes.serving import FILE as POD_FILE
        from cluster.kubernetes.serving import ClusterServing

        gateway = cluster_way.gateway_of(self.way)
        if gateway is None:
            raise bad_input(
                f"no Gateway divides and copies the requests of models in {self.way.namespace}",
                "pincex deploy-model NAME VERSION --gateway [NAMESPACE/]NAME",
            )
        return ClusterServing(self.api, gateway, self.settings / POD_FILE, self.home.path)

    @property
    def mlflow_url(self) -> str:
        if self.way.registry is None:
            raise bad_input(
                f"nobody said which MLflow knows the models of {self.way.namespace}",
                f"{cluster_way.REGISTRY}=http://HOST:PORT pincex register-model NAME VERSION PATH",
            )
        return self.way.registry

    @property
    def settings(self) -> Path:
        return self.home.path.parent.parent

    @property
    def patience(self) -> float:
        return PATIENCE

    @property
    def pace(self) -> float:
        return PACE

    @property
    def sees(self) -> bool:
        return self.way.metrics is not None

    @property
    def one_machine(self) -> bool:
        return False

    @property
    def keeps_runs(self) -> bool:
        return False

    @property
    def told(self) -> str:
        way = self.way
        options = f" --namespace {way.namespace} --context {shell_word(way.context)}"
        usual = str(Path(KUBECONFIG).expanduser())
        named = f"{options} --kubeconfig {shell_word(way.kubeconfig)}"
        return options if way.kubeconfig == usual else named

    def answers(self, rollout_id: str) -> "Answers | None":
        """What Prometheus scraped; None where nothing was said about it."""
        return self._prometheus()

    def _prometheus(self) -> "Prometheus | None":
        if self.way.metrics is None:
            return None
        from cluster.prometheus import Metrics, Prometheus

        return Prometheus(Metrics(**self.way.metrics))

    def flow_environment(self) -> dict[str, str]:
        return {}

    def begin(self, *needed: str) -> None:
        """Keep the way, so that whoever goes on with a rollout finds the same one.

        Bad input, and nothing kept, where a registry is needed that nobody named.
        """
        if "mlflow" in needed:
            _ = self.mlflow_url
        self.home.lay_out()
        content = json.dumps(asdict(self.way), indent=1) + "\n"
        write_whole(self.home.path / cluster_way.FILE, content, stage=self.home.stage)

    def require(self) -> None:
        """It is one: nothing else of it has to run."""

    def require_place(self) -> None:
        """NotFound where there is no such namespace, Refused where it is being deleted."""
        from cluster.kubernetes.namespace import require

        require(self.api)

    def revive(self) -> None:
        """Nobody here restarts anything: the platform does."""


def cluster_site(options: argparse.Namespace) -> ClusterSite:
    """The site of the namespace that a verb was told of, as its first rollout found it."""
    here = _found(options)
    if cluster_way.kept(here.home) is None:
        way, place = here.way, here.home.path.parent
        raise bad_input(
            f"nothing was deployed to {way.namespace} of {way.context} from {place}",
            "pincex deploy, or deploy-model, with --namespace NAMESPACE",
        )
    return here


def deployed_from_here(options: argparse.Namespace) -> ClusterSite | None:
    """The site of the namespace that a verb was told of; None where no rollout began here."""
    here = _found(options)
    return None if cluster_way.kept(here.home) is None else here


def deploying_site(options: argparse.Namespace) -> ClusterSite:
    """The same for a `deploy`, which says how requests are divided and where they are counted.

    An open rollout goes on as it began, and a Gateway that was named once, or refused, stays so.
    """
    here = _routed(options, models)
    if _is_busy(here):
        return here
    from flows.metrics_file import metrics

    told = metrics(here.settings, options.metrics)
    return ClusterSite(NAME, here.home, way=replace(here.way, metrics=told))


def serving_site(options: argparse.Namespace) -> ClusterSite:
    """The same for a `deploy-model`, whose registry the environment names."""
    return _registered(_routed(options, lambda here: [*models(here), *applications(here)]))


def registering_site(options: argparse.Namespace) -> ClusterSite:
    """The site of a namespace as it was found before, with the registry that is named now."""
    return _registered(_found(options))


def kept_site(home: Home) -> ClusterSite:
    """The site of a namespace by its folder, as its last rollout kept it."""
    way = cluster_way.kept(home)
    if way is None:
        raise bad_input(f"{home.path} is the folder of no namespace", "pincex deploy VERSION")
    return ClusterSite(NAME, home, way=way)


def kept_sites() -> list[ClusterSite]:
    """The namespaces that were deployed to from this ``$PINCEX_HOME``."""
    folder = cluster_way.base() / "clusters"
    homes = [Home(one) for one in sorted(folder.iterdir())] if folder.exists() else []
    kept = [(home, cluster_way.kept(home)) for home in homes]
    return [ClusterSite(NAME, home, way=way) for home, way in kept if way is not None]


def _found(options: argparse.Namespace) -> ClusterSite:
    """The namespace as its first rollout found it, or as nobody has yet."""
    way, server = cluster_way.asked(options)
    home = cluster_way.home_of(way.namespace, server)
    kept = cluster_way.kept(home) or way
    told = replace(way, gateway=kept.gateway, metrics=kept.metrics, registry=kept.registry)
    return ClusterSite(NAME, home, way=told)


def _routed(options: argparse.Namespace, bound: Callable[[Site], list[str]]) -> ClusterSite:
    """With the Gateway that is named now, or was; it stays where others are bound to it."""
    here = _found(options)
    if _is_busy(here):
        return here
    kept = here.way.gateway
    gateway = cluster_way.chosen_gateway(here.way, options.gateway or kept)
    others = bound(here) if here.home.ledger.exists() else []
    if others and kept not in (None, gateway):
        raise bad_input(
            f"requests of {', '.join(others)} are divided by {kept}: a namespace has one way",
            f"--gateway {kept}",
        )
    return ClusterSite(NAME, here.home, way=replace(here.way, gateway=gateway))


def _registered(here: ClusterSite) -> ClusterSite:
    """With the registry that the environment names, else the one that it named before."""
    registry = here.way.registry
    if registry is None or not _is_busy(here):
        registry = cluster_way.named_registry() or registry
    return ClusterSite(NAME, here.home, way=replace(here.way, registry=registry))


def _is_busy(here: Site) -> bool:
    """Whether a rollout is open, which goes on as it began."""
    if not here.home.ledger.exists():
        return False
    known = {row.component for row in here.ledger.rows(region=here.region)}
    return any(here.history(name).open for name in known)
