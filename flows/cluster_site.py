"""A namespace of a cluster as a site: its objects there, its ledger in a folder of its own here."""

import argparse
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluster.errors import NotFound
from cluster.files import read_object, write_whole
from cluster.local.home import Home
from cluster.lock import Leases
from flows.in_cluster import KUBECONFIG
from flows.refusal import bad_input
from flows.site import Site

if TYPE_CHECKING:
    from cluster.kubernetes.api import Api
    from cluster.kubernetes.traffic import Gateway
    from cluster.prometheus import Prometheus
    from cluster.services import Services
    from flows.release_sight import Answers

NAME, FILE = "cluster", "cluster.json"
PATIENCE, PACE = 120.0, 1.0
NO_GATEWAY = "none"


@dataclass(frozen=True, slots=True)
class Way:
    """How a namespace is reached: `gateway` as NAMESPACE/NAME, `metrics` as `Metrics` has them.

    No gateway: none was found, and a later deploy looks again; "none": it was asked for, and holds.
    """

    kubeconfig: str
    context: str
    namespace: str
    gateway: str | None
    metrics: Mapping[str, str] | None


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
        return _api(self.way)

    @cached_property
    def lock(self) -> Leases:
        from cluster.kubernetes.lock import Lock

        return Lock(self.api)

    @cached_property
    def services(self) -> "Services":
        from cluster.kubernetes.services import ClusterServices

        return ClusterServices(self.api, _gateway(self.way), self._prometheus())

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
    def keeps_runs(self) -> bool:
        return False

    @property
    def told(self) -> str:
        way = self.way
        options = f" --namespace {way.namespace} --context {way.context}"
        usual = str(Path(KUBECONFIG).expanduser())
        return options if way.kubeconfig == usual else f"{options} --kubeconfig {way.kubeconfig}"

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
        """Keep the way, so that whoever goes on with a rollout finds the same one."""
        self.home.lay_out()
        content = json.dumps(asdict(self.way), indent=1) + "\n"
        write_whole(self.home.path / FILE, content, stage=self.home.stage)

    def require(self) -> None:
        """It is one: nothing else of it has to run."""

    def revive(self) -> None:
        """Nobody here restarts anything: the platform does."""


def cluster_site(options: argparse.Namespace) -> ClusterSite:
    """The site of the namespace that a verb was told of, as its first rollout found it."""
    way, server = _asked(options)
    home = _home(way.namespace, server)
    kept = _kept(home)
    if kept is None:
        raise bad_input(
            f"nothing was deployed to {way.namespace} of {way.context} from {home.path.parent}",
            "pincex deploy VERSION --namespace NAMESPACE",
        )
    return ClusterSite(NAME, home, way=replace(way, gateway=kept.gateway, metrics=kept.metrics))


def deploying_site(options: argparse.Namespace) -> ClusterSite:
    """The same for a `deploy`, which says how requests are divided and where they are counted.

    An open rollout goes on as it began, and a Gateway that was named once, or refused, stays so.
    """
    way, server = _asked(options)
    home = _home(way.namespace, server)
    kept, gateway = _kept(home), options.gateway
    if kept is not None:
        way = replace(way, gateway=kept.gateway, metrics=kept.metrics)
        here = ClusterSite(NAME, home, way=way)
        if any(here.history(name).open for name in _names(here)):
            return here
        gateway = gateway or kept.gateway
    way = replace(way, gateway=_chosen_gateway(way, gateway))
    from flows.metrics_file import metrics

    settings = home.path.parent.parent
    return ClusterSite(NAME, home, way=replace(way, metrics=metrics(settings, options.metrics)))


def kept_site() -> ClusterSite:
    """The site of a flow process, whose ``$PINCEX_HOME`` is the folder of its namespace."""
    home = Home(Path(os.environ["PINCEX_HOME"]))
    way = _kept(home)
    if way is None:
        raise bad_input(f"{home.path} is the folder of no namespace", "pincex deploy VERSION")
    return ClusterSite(NAME, home, way=way)


def kept_sites() -> list[ClusterSite]:
    """The namespaces that were deployed to from this ``$PINCEX_HOME``."""
    folder = _base() / "clusters"
    homes = [Home(one) for one in sorted(folder.iterdir())] if folder.exists() else []
    kept = [(home, _kept(home)) for home in homes]
    return [ClusterSite(NAME, home, way=way) for home, way in kept if way is not None]


def _names(here: Site) -> set[str]:
    return {row.component for row in here.ledger.rows(region=here.region)}


def _asked(options: argparse.Namespace) -> tuple[Way, str]:
    from cluster.kubernetes.kubeconfig import read_access

    given = options.kubeconfig or os.environ.get("KUBECONFIG") or KUBECONFIG
    # Not resolved: in a pod it is a link, and what it leads to is gone when a token is renewed.
    path = Path(given).expanduser().absolute()
    access = read_access(path, options.context, options.namespace)
    return Way(str(path), access.context, access.namespace, None, None), access.server


def _home(namespace: str, server: str) -> Home:
    """A folder for each namespace of each API server, however a kubeconfig calls it."""
    mark = hashlib.sha256(server.encode()).hexdigest()[:8]
    return Home(_base() / "clusters" / f"{namespace}-{mark}")


def _base() -> Path:
    return Path(os.environ.get("PINCEX_HOME") or ".pincex").resolve()


def _kept(home: Home) -> Way | None:
    path = home.path / FILE
    try:
        content: dict[str, Any] = read_object(path, remedy=f"rm {path}, then deploy again")
    except NotFound:
        return None
    return Way(**content)


def _api(way: Way) -> "Api":
    from cluster.kubernetes.api import Api
    from cluster.kubernetes.kubeconfig import read_access

    return Api(read_access(Path(way.kubeconfig), way.context, way.namespace))


def _gateway(way: Way) -> "Gateway | None":
    from cluster.kubernetes.traffic import Gateway

    if way.gateway is None or way.gateway == NO_GATEWAY:
        return None
    namespace, _, name = way.gateway.partition("/")
    return Gateway(name, namespace)


def _chosen_gateway(way: Way, given: str | None) -> str | None:
    """The Gateway that was named, or the only one of the namespace; None where there is none."""
    from cluster.kubernetes.kinds import GATEWAY

    if given == NO_GATEWAY:
        return NO_GATEWAY
    if given is not None:
        namespace, _, name = f"{way.namespace}/{given}".rpartition("/")
        namespace = namespace.rpartition("/")[2]
        _api(replace(way, namespace=namespace)).get(GATEWAY, name)
        return f"{namespace}/{name}"
    try:
        found = [told["metadata"]["name"] for told in _api(way).list(GATEWAY, {})]
    except NotFound:
        # A cluster without the Gateway API does not know the kind.
        return None
    if len(found) > 1:
        known = ", ".join(sorted(found))
        raise bad_input(f"{way.namespace} has several Gateways: {known}", "--gateway NAME")
    return f"{way.namespace}/{found[0]}" if found else None
