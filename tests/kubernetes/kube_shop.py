"""A namespace of the fake cluster in which the component `price` is rolled out."""

from dataclasses import dataclass, field, replace

from kube_cluster import Cluster
from kube_real import IMAGE
from kube_stages import FATE

from cluster.kubernetes.api import Api
from cluster.kubernetes.lock import Lock
from cluster.kubernetes.traffic import Gateway, Traffic
from cluster.kubernetes.workloads import Workload, Workloads
from cluster.lock import Lease

FINE = Workload("shop/price:1", 8080, "/readyz", replicas=2, drain=1, grace=5)
PINNED = replace(FINE, image="shop/price@sha256:" + "0" * 64, drain=5, grace=20)


@dataclass
class Shop:
    """A namespace with a lease on `price`."""

    cluster: Cluster
    name: str
    api: Api = field(init=False)
    traffic: Traffic = field(init=False)
    workloads: Workloads = field(init=False)
    lease: Lease = field(init=False)

    def __post_init__(self) -> None:
        self.api = self.cluster.api(self.name)
        self.traffic = Traffic(self.api, Gateway("gw", self.name))
        self.workloads = Workloads(self.api, self.traffic)
        self.lease = Lock(self.api).acquire("price", "eu", "deploy by ann", 600)

    def up(self, version: str, workload: Workload = FINE, within: float = 60) -> None:
        """Bring a version of `price` up."""
        self.workloads.bring_up("price", version, workload, within, self.lease)

    def down(self, version: str, within: float = 60, *, alone: bool = False) -> list[str]:
        """Take a version of `price` down; what had to be left behind."""
        return self.workloads.take_down("price", version, within, self.lease, alone=alone)


def fated(fate: str) -> Workload:
    """A workload whose pods have a fate."""
    return replace(FINE, marks={FATE: fate})


def real(version: str, fate: str = "", replicas: int = 2, drain: int = 3) -> Workload:
    """Real pods that answer with their version after 5 ms, or crash, or never become ready."""
    env = {"VERSION": version, "FATE": fate, "LATENCY": "5ms"}
    return Workload(IMAGE, 8080, "/readyz", replicas, ("/pod", "serve"), env, drain=drain, grace=20)
