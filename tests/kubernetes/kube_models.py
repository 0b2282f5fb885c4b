"""Models on the real node: what a server's pod is on this machine, a registry, a namespace.

The hand-made image holds no Python: the machine's own, and this checkout, are mounted into the pod
at the paths that they have outside.
"""

import contextlib
import json
import os
import shutil
import sys
import time
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from kube_cluster import Cluster, rules
from kube_gateway import GATEWAY, GATEWAYS, PORT
from kube_real import IMAGE, RealNode
from kube_verbs import Verbs, ended

from cluster.kubernetes.api import Api
from cluster.kubernetes.kinds import DEPLOYMENT, POD
from cluster.kubernetes.lock import Lock
from cluster.kubernetes.names import COMPONENT, REGION, VERSION, labels, object_name
from cluster.kubernetes.rights import SERVING, Right
from cluster.kubernetes.traffic import Gateway, Traffic
from cluster.ledger import Ledger
from cluster.route import Route
from flows.rehearsal.small_client import Client
from flows.rehearsal.small_models import EXAMPLE, FEATURES
from flows.rehearsal.small_site import MODEL, RATE, UNWATCHED, small_models
from models.tracking import mlflow_server_argv

ROOT = Path(__file__).resolve().parents[2]
ROLES, ACCOUNT = ROOT / "manifests" / "roles", "rollout-models"
URL = f"http://127.0.0.1:{PORT}/models/{MODEL}"
REQUEST = {"features": dict(zip(FEATURES, EXAMPLE, strict=True))}
ROLE, REGISTRY_PORT = "mlflow", 15_000
READY_SECONDS = 180.0
# A whole cluster shares the machine with its clients: what is slow there is no version's doing.
PATIENT = UNWATCHED.replace(" = 400.0", " = 4000.0")
# Where a dynamic program of this machine looks for its loader and its libraries.
LIBRARIES = ("/lib", "/lib64")


def server_pod() -> str:
    """The text of a server-pod.yaml for this machine; `{home}` is the folder of the namespace."""
    read = [_volume(f"host-{number}", path, "") for number, path in enumerate(_host_folders())]
    read.append(_volume("models", "{home}/models", "Directory"))
    written = [_volume("records", "{home}/records", "DirectoryOrCreate")]
    mounts = [_mount(one, is_read=True) for one in read] + [
        _mount(one, is_read=False) for one in written
    ]
    container = {
        "name": "server",
        "image": IMAGE,
        "command": [sys.executable],
        "volumeMounts": [*mounts, {"name": "scratch", "mountPath": "/tmp"}],
    }
    volumes = [*read, *written, {"name": "scratch", "emptyDir": {}}]
    return yaml.safe_dump({"containers": [container], "volumes": volumes}, sort_keys=False)


@contextlib.contextmanager
def registry(node: RealNode) -> Iterator[str]:
    """The URL of a real MLflow server on the loopback of the node, until the block ends.

    It takes its time to answer: `Models` waits for it.
    """
    start_registry(node)
    try:
        yield f"http://127.0.0.1:{REGISTRY_PORT}"
    finally:
        node.plane.parts.stop(ROLE)
        shutil.rmtree(node.directory / "registry")


def start_registry(node: RealNode) -> None:
    """Also again, with what it had written before."""
    home = node.directory / "registry"
    home.mkdir(exist_ok=True)
    argv, environment = mlflow_server_argv(Path(sys.executable), home, REGISTRY_PORT)
    node.start(ROLE, argv, environment)


@dataclass
class Models(Verbs):
    """The model `price` in a namespace of its own behind the gateway; `folder` is `$PINCEX_HOME`.

    The verbs have the rights of the shipped account `rollout-models`, and no others.

    Whoever uses it is `inside` the network of the node. The versions are those of the small
    models: v1.0.0 and v2.0.0 forecast alike, v3.0.0 fails on 5 % of the requests, and v4.0.0 is
    slow on 20 %.
    """

    node: RealNode
    folder: Path
    url: str
    cluster: Cluster = field(init=False)
    namespace: str = field(init=False)

    def __enter__(self) -> "Models":
        self.cluster = Cluster(self.node.plane)
        self.namespace = self.cluster.namespace()
        self.kubeconfig = self._account()
        self.environment: Mapping[str, str] = {"MLFLOW_TRACKING_URI": self.url}
        (self.folder / "server-pod.yaml").write_text(server_pod())
        self.policy.write_text(PATIENT)
        small_models(self.folder / "small")
        self.node.wait_listens(ROLE, REGISTRY_PORT, READY_SECONDS)
        return self

    def __exit__(self, *exception: object) -> None:
        # The paths at the gateway are the same in each namespace.
        self.cluster.kubectl("delete", "namespace", self.namespace, "--wait=false")

    def register(self, *versions: str) -> None:
        """Register versions by the command."""
        for version in versions:
            self.must(0, "register-model", MODEL, version, str(self.folder / "small" / version))

    def deploy(self, code: int, version: str, *more: str) -> dict[str, Any]:
        """Roll a version out by the command, which ends with this exit code."""
        through = ("--gateway", f"{GATEWAYS}/{GATEWAY}")
        return self.must(code, "deploy-model", MODEL, version, *through, *more)

    def verify(self, report: Mapping[str, Any]) -> None:
        """Fail unless the evidence that a report names holds."""
        code, told, said = ended(self.begun("verify", str(report["evidence"])))
        assert (code, told.get("verified")) == (0, True), (told, said)

    @property
    def policy(self) -> Path:
        """What rollouts are held to from now on."""
        return self.folder / "policy.toml"

    @property
    def api(self) -> Api:
        return self.cluster.api(self.namespace)

    def route(self) -> Route:
        """Who serves and who gets copies, as the API server has it."""
        return Traffic(self.api, Gateway(GATEWAY, GATEWAYS)).route(MODEL)

    def deployed(self) -> list[str]:
        """The versions that have a Deployment, sorted."""
        found = self.api.list(DEPLOYMENT, {COMPONENT: MODEL})
        return sorted(one["metadata"]["labels"][VERSION] for one in found)

    def holder(self) -> int:
        """The process that is at the rollout."""
        found = Lock(self.api).holder(MODEL, REGION)
        assert found is not None
        return found.pid

    def asked(self) -> set[tuple[str, str]]:
        """The resources and verbs that the account asked for."""
        return self.cluster.asked_by(f"system:serviceaccount:{self.namespace}:{ACCOUNT}")

    @contextlib.contextmanager
    def acting(self, rights: Iterable[Right]) -> Iterator[str]:
        """Verbs of the block are those of an account with these rights only; its user name."""
        usual = self.kubeconfig
        self.kubeconfig = self.cluster.user(self.namespace, rules(rights))
        self._may_see_the_gateway(self.kubeconfig.stem)
        try:
            yield f"system:serviceaccount:{self.namespace}:{self.kubeconfig.stem}"
        finally:
            self.kubeconfig = usual

    def as_admin(self, *words: str) -> tuple[int, dict[str, Any], str]:
        """Run a verb as an administrator."""
        usual, self.kubeconfig = self.kubeconfig, self.node.plane.kubeconfig
        try:
            return self.run(*words)
        finally:
            self.kubeconfig = usual

    def pods(self, version: str) -> list[str]:
        """Those of a version that are not being deleted."""
        found = self.api.list(POD, labels(MODEL, version))
        return [
            one["metadata"]["name"] for one in found if not one["metadata"].get("deletionTimestamp")
        ]

    def ready(self, version: str) -> None:
        """Wait until all pods of a version are."""
        name = f"deployment/{object_name(MODEL, version)}"
        told = ("rollout", "status", name, "--timeout=55s")
        self.cluster.kubectl("-n", self.namespace, *told)

    def names(self, right: Right, *words: str) -> bool:
        """Whether a verb without this one right fails, and says so."""
        with self.acting(SERVING - {right}):
            code, report, _ = self.run(*words)
        return code == 1 and str(right) in report["error"]

    def rows(self) -> int:
        """How many rows the ledger of the namespace has."""
        (ledger,) = (self.folder / "clusters").glob("*/ledger.sqlite")
        return len(Ledger(ledger).rows())

    def until_answered(self, version: str, within: float = 60.0) -> None:
        """Wait until twenty answers in a row at the gateway come from a version."""
        deadline, row, told = time.monotonic() + within, 0, b""
        while row < 20:
            request = urllib.request.Request(f"{URL}/predict", json.dumps(REQUEST).encode())
            with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=5) as answer:
                told = answer.read()
            row = row + 1 if version.encode() in told else 0
            assert time.monotonic() < deadline, f"the gateway answers {told!r}, not {version}"

    def load(self, rate: float = RATE) -> Client:
        """Clients outside, who label by the ids on the answers: the gateway gives its own ids."""
        return Client(URL, rate, own_ids=False)

    def _account(self) -> Path:
        self.cluster.kubectl("-n", self.namespace, "apply", "-k", str(ROLES))
        # The Gateway is looked at where it is, which the Role of this namespace cannot allow.
        reads = ("create", "role", self.namespace, "--verb=get", "--resource=gateways")
        self.cluster.kubectl("-n", GATEWAYS, *reads)
        self._may_see_the_gateway(ACCOUNT)
        token = self.cluster.kubectl("-n", self.namespace, "create", "token", ACCOUNT).strip()
        return self.node.plane.write_kubeconfig(self.folder / "account.yaml", {"token": token})

    def _may_see_the_gateway(self, account: str) -> None:
        bound = (f"--role={self.namespace}", f"--serviceaccount={self.namespace}:{account}")
        name = f"{self.namespace}-{account}"
        self.cluster.kubectl("-n", GATEWAYS, "create", "rolebinding", name, *bound)


def _host_folders() -> list[str]:
    """The folders that a Python of this checkout needs, none below another."""
    wanted = {Path(sys.base_prefix), Path(sys.prefix), ROOT}
    wanted |= {Path(path) for path in LIBRARIES if os.path.exists(path)}
    return sorted(str(path) for path in wanted if wanted.isdisjoint(path.parents))


def _volume(name: str, path: str, kind: str) -> dict[str, Any]:
    return {"name": name, "hostPath": {"path": path, "type": kind}}


def _mount(volume: Mapping[str, Any], *, is_read: bool) -> dict[str, Any]:
    path = volume["hostPath"]["path"]
    return {"name": volume["name"], "mountPath": path, "readOnly": is_read}
