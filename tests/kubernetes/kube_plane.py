"""A real control plane of plain processes on loopback: etcd, API server, controllers, scheduler."""

import http.client
import json
import os
import ssl
import time
from dataclasses import dataclass
from pathlib import Path

import yaml
from kube_build import program
from kube_certs import Authority, Pair
from kube_process import Parts

from cluster.local.ports import free_ports

# A busy machine gives the API server a hundredth of its time.
READY_SECONDS, PROBE_SECONDS = 240.0, 10.0
ORDER = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
LOOPBACK = "127.0.0.1"
AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata"}],
}


class PlaneDown(Exception):
    """A part of the plane did not become ready; the text has its last words."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What differs between planes: their addresses, and the network namespace of a real node."""

    node_address: str = LOOPBACK
    services: str = "198.19.0.0/16"
    pods: str = "198.18.0.0/16"
    namespace: str | None = None
    bound: bool = False


class Plane:
    """The control plane whose files, logs and certificates lie in `directory`."""

    def __init__(self, directory: Path, setting: Setting) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.directory = directory
        self.setting = setting
        self.parts = Parts(directory)

    @property
    def kubeconfig(self) -> Path:
        """The administrator's way in."""
        return self.directory / "admin.yaml"

    @property
    def audit_log(self) -> Path:
        """One JSON object per answered request: who asked what of which resource."""
        return self.directory / "audit.jsonl"

    @property
    def url(self) -> str:
        return f"https://{LOOPBACK}:{self._ports()['api']}"

    def up(self) -> None:
        """Start what does not run and wait until the API server says it is ready."""
        running = self.parts.alive()
        if "kube-apiserver" not in running:
            self._lay_out()
        for role in ORDER:
            if role not in running:
                self._start(role, self._argv(role))
                if role == "kube-apiserver":
                    self._wait_ready()

    def start_again(self, role: str) -> None:
        """Start a part that was killed, as it was."""
        self._start(role, self._argv(role))
        if role == "kube-apiserver":
            self._wait_ready()

    def down(self) -> list[str]:
        """End every part; the roles that were running."""
        return self.parts.stop_all()

    def kubectl(self, *arguments: str) -> list[str]:
        """The command line of kubectl as administrator."""
        return [str(program("kube")), "kubectl", f"--kubeconfig={self.kubeconfig}", *arguments]

    def write_kubeconfig(self, path: Path, user: dict[str, str]) -> Path:
        """A kubeconfig for this plane with the given user entry."""
        ca = str(self.directory / "certs" / "ca.crt")
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": "test", "cluster": {"server": self.url, "certificate-authority": ca}}
            ],
            "users": [{"name": "user", "user": user}],
            "contexts": [
                {"name": "test", "context": {"cluster": "test", "user": "user"}},
            ],
            "current-context": "test",
        }
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(content))
        return path

    def _start(self, role: str, argv: list[str]) -> None:
        told = [str(program("kube")), role, *argv]
        where = self.setting
        self.parts.start(role, told, bound=where.bound, namespace=where.namespace)

    def _ports(self) -> dict[str, int]:
        told: dict[str, int] = json.loads((self.directory / "ports.json").read_text())
        return told

    def _lay_out(self) -> None:
        """Ports, certificates, the audit policy and a kubeconfig per part; kept when they exist."""
        ports = self.directory / "ports.json"
        if ports.exists():
            return
        names = ("api", "etcd", "peer", "controllers", "scheduler")
        given = dict(zip(names, free_ports(len(names)), strict=True))
        authority = Authority(self.directory / "certs")
        service = ".".join([*self.setting.services.split(".")[:3], "1"])
        named = (
            LOOPBACK,
            self.setting.node_address,
            service,
            "localhost",
            "kubernetes.default.svc",
        )
        authority.issue("server", "kube-apiserver", addresses=tuple(dict.fromkeys(named)))
        authority.issue("etcd-client", "kube-apiserver", addresses=(LOOPBACK,))
        authority.signing_key("accounts")
        (self.directory / "audit.yaml").write_text(yaml.safe_dump(AUDIT))
        ports.write_text(json.dumps(given))
        self.write_user("admin", authority.issue("admin", "admin", ("system:masters",)))
        for part in ("kube-controller-manager", "kube-scheduler"):
            self.write_user(part, authority.issue(part, f"system:{part}"))
        if self.setting.namespace is not None:
            node = authority.issue("node", "system:node:node1", ("system:nodes",))
            self.write_user("kubelet", node)
            self.write_user("kube-proxy", authority.issue("kube-proxy", "system:kube-proxy"))

    def write_user(self, name: str, pair: Pair) -> Path:
        """A kubeconfig with a client certificate."""
        user = {"client-certificate": str(pair.certificate), "client-key": str(pair.key)}
        return self.write_kubeconfig(self.directory / f"{name}.yaml", user)

    def _argv(self, role: str) -> list[str]:
        ports, certs, where = self._ports(), self.directory / "certs", self.setting
        etcd = f"https://{LOOPBACK}:{ports['etcd']}"
        tls = {"cert": certs / "etcd-client.crt", "key": certs / "etcd-client.key"}
        own = f"{self.directory / role}.yaml"
        access = dict.fromkeys(
            ("kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig"), own
        )
        client = {**access, "bind-address": LOOPBACK, "leader-elect": "false"}
        told: dict[str, object]
        match role:
            case "etcd":
                peer = f"http://{LOOPBACK}:{ports['peer']}"
                told = {
                    "name": "etcd", "data-dir": self.directory / "etcd",
                    "listen-client-urls": etcd, "advertise-client-urls": etcd,
                    "listen-peer-urls": peer, "initial-advertise-peer-urls": peer,
                    "initial-cluster": f"etcd={peer}", "unsafe-no-fsync": "true",
                    "cert-file": tls["cert"], "key-file": tls["key"],
                    "client-cert-auth": "true", "trusted-ca-file": certs / "ca.crt",
                    "log-level": "warn",
                }  # fmt: skip
            case "kube-apiserver":
                told = {
                    "etcd-servers": etcd, "etcd-cafile": certs / "ca.crt",
                    "etcd-certfile": tls["cert"], "etcd-keyfile": tls["key"],
                    "bind-address": LOOPBACK, "advertise-address": where.node_address,
                    "secure-port": ports["api"], "endpoint-reconciler-type": "none",
                    "service-cluster-ip-range": where.services,
                    "tls-cert-file": certs / "server.crt",
                    "tls-private-key-file": certs / "server.key",
                    "client-ca-file": certs / "ca.crt",
                    "kubelet-certificate-authority": certs / "ca.crt",
                    "kubelet-client-certificate": certs / "admin.crt",
                    "kubelet-client-key": certs / "admin.key",
                    "kubelet-preferred-address-types": "InternalIP",
                    "service-account-issuer": "https://kubernetes.default.svc",
                    "service-account-key-file": certs / "accounts.pub",
                    "service-account-signing-key-file": certs / "accounts.key",
                    "authorization-mode": "Node,RBAC",
                    "enable-admission-plugins": "NodeRestriction",
                    "requestheader-client-ca-file": certs / "ca.crt",
                    "requestheader-allowed-names": "nobody",
                    "audit-policy-file": self.directory / "audit.yaml",
                    "audit-log-path": self.audit_log, "allow-privileged": "true",
                    "shutdown-delay-duration": "0s",
                }  # fmt: skip
            case "kube-controller-manager":
                told = {
                    **client, "secure-port": ports["controllers"],
                    "use-service-account-credentials": "true",
                    "service-account-private-key-file": certs / "accounts.key",
                    "root-ca-file": certs / "ca.crt", "cluster-cidr": where.pods,
                    "allocate-node-cidrs": "false",
                }  # fmt: skip
            case "kube-scheduler":
                told = {**client, "secure-port": ports["scheduler"]}
            case _:
                raise ValueError(role)
        return [f"--{key}={value}" for key, value in told.items()]

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not self._answers("/readyz"):
            alive = self.parts.alive()
            for role in ("etcd", "kube-apiserver"):
                if role not in alive:
                    raise PlaneDown(f"{role} ended: {self.parts.last_words(role)}")
            if time.monotonic() > deadline:
                words = self.parts.last_words("kube-apiserver")
                raise PlaneDown(f"the API server was not ready in {READY_SECONDS:g} s: {words}")
            time.sleep(0.25)

    def _answers(self, path: str) -> bool:
        certs = self.directory / "certs"
        context = ssl.create_default_context(cafile=str(certs / "ca.crt"))
        context.load_cert_chain(certs / "admin.crt", certs / "admin.key")
        connection = http.client.HTTPSConnection(
            LOOPBACK, self._ports()["api"], timeout=PROBE_SECONDS, context=context
        )
        try:
            connection.request("GET", path)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def is_root() -> bool:
    """Whether a real node may be tried at all."""
    return os.geteuid() == 0
