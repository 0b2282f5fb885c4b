"""A real node: kubelet, containerd and kube-proxy in a network namespace of their own.

Needs root, containerd, runc and the CNI plugins; no route leads out of the namespace, and what
kube-proxy writes vanishes with it. Clients enter the namespace, by `inside` or by nsenter.
"""

import contextlib
import ctypes
import hashlib
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import yaml
from kube_build import program
from kube_image import image
from kube_left import (
    addresses_of,
    end_shims,
    forget_addresses,
    groups,
    mounts_below,
    processes_of,
    remove_groups,
)
from kube_plane import Plane, PlaneDown, Setting

NODE, NODE_IP = "node1", "198.18.255.1"
POD_RANGE = "198.18.0.0/24"
IMAGE, PAUSE = "pincex.test/pod:1", "pincex.test/pause:1"
CNI_PLUGINS = Path("/usr/lib/cni")
NEEDED = ("containerd", "runc", "ctr", "ip", "nsenter", "nft")
NODE_SECONDS = 180.0
CLONE_NEWNET = 0x40000000


def missing() -> str | None:
    """Why this machine can have no real node; None when it can."""
    if os.geteuid() != 0:
        return "a real node needs root"
    absent = [name for name in NEEDED if shutil.which(name) is None]
    if not (CNI_PLUGINS / "bridge").exists():
        absent.append("containernetworking-plugins")
    return f"a real node needs {', '.join(absent)}" if absent else None


class RealNode:
    """The node of a plane that runs in a namespace named after its directory."""

    def __init__(self, directory: Path, *, bound: bool) -> None:
        self.directory = directory
        self._bound = bound
        # The same for whoever comes to end it.
        self.namespace = f"pincex-{hashlib.sha256(str(directory).encode()).hexdigest()[:8]}"
        where = Setting(namespace=self.namespace, node_address=NODE_IP, pods=POD_RANGE, bound=bound)
        self.plane = Plane(directory, where)

    @property
    def socket(self) -> str:
        return str(self.directory / "containerd.sock")

    def up(self) -> None:
        """Namespace, control plane, containerd with its two images, kubelet, kube-proxy."""
        self._namespace_up()
        with inside(self.namespace):
            self.plane.up()
        self.start("containerd", ["containerd", "--config", str(self._containerd())])
        self._import_images()
        kubelet = [
            *(str(program("kube")), "kubelet", f"--config={self._kubelet()}"),
            *(f"--kubeconfig={self.directory / 'kubelet.yaml'}", f"--hostname-override={NODE}"),
            *(f"--node-ip={NODE_IP}", f"--root-dir={self.directory / 'kubelet'}"),
            f"--cert-dir={self.directory / 'kubelet-certs'}",
        ]
        self.start("kubelet", kubelet)
        proxy = [str(program("kube")), "kube-proxy", f"--config={self._proxy()}"]
        self.start("kube-proxy", proxy)
        self._wait_node()

    def down(self) -> None:
        """End pods and processes, and take away mounts, control groups and the namespace."""
        with contextlib.suppress(PlaneDown, OSError):
            self.run(
                self.plane.kubectl(
                    "delete", "pods", "-A", "--all", "--wait=false", "--grace-period=0", "--force"
                )
            )
        self.plane.parts.stop("kubelet")
        self._end_containers()
        self.plane.down()
        end_shims(self.socket)
        for point in mounts_below(self.directory):
            subprocess.run(["umount", "--lazy", point], check=False, capture_output=True)
        remove_groups()
        subprocess.run(["ip", "netns", "delete", self.namespace], check=False, capture_output=True)
        forget_addresses(self.namespace, self.directory)

    def left(self) -> list[str]:
        """What an ended node would still hold: processes, mounts, control groups, addresses."""
        namespace = Path(f"/run/netns/{self.namespace}")
        spaces = [namespace] if namespace.exists() else []
        paths = [*groups(), *spaces, *addresses_of(self.namespace, self.directory)]
        return [*processes_of(self.directory), *mounts_below(self.directory), *map(str, paths)]

    def ctr(self, *arguments: str) -> str:
        """What containerd's own client prints."""
        told = ["ctr", "--address", self.socket, "--namespace", "k8s.io", *arguments]
        return subprocess.run(told, check=True, capture_output=True, text=True, timeout=60).stdout

    def start(self, role: str, argv: list[str], env: Mapping[str, str] | None = None) -> None:
        """Start a part in the namespace, unless it runs."""
        if role not in self.plane.parts.alive():
            self.plane.parts.start(role, argv, bound=self._bound, namespace=self.namespace, env=env)

    def run(
        self,
        argv: Sequence[str],
        env: Mapping[str, str] | None = None,
        fed: bytes | None = None,
    ) -> str:
        """Run a command in the namespace; what it prints. PlaneDown when it fails."""
        entered = ["nsenter", f"--net=/run/netns/{self.namespace}", "--", *argv]
        environment = {**os.environ, **(env or {})}
        done = subprocess.run(entered, input=fed, env=environment, capture_output=True, timeout=120)
        if done.returncode:
            said = done.stderr.decode(errors="replace")[-600:]
            raise PlaneDown(f"{Path(argv[0]).name} {argv[1]} failed: {said}")
        return done.stdout.decode()

    def listens(self, port: int) -> bool:
        """Whether something in the namespace takes connections on a port."""
        with inside(self.namespace), socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def wait_listens(self, role: str, port: int, within: float) -> None:
        """Wait until a part that was started takes connections; PlaneDown with its last words."""
        deadline = time.monotonic() + within
        while not self.listens(port):
            if time.monotonic() > deadline or role not in self.plane.parts.alive():
                raise PlaneDown(f"{role} does not listen: {self.plane.parts.last_words(role)}")
            time.sleep(0.1)

    def _namespace_up(self) -> None:
        if not Path(f"/run/netns/{self.namespace}").exists():
            # What the pods of a namespace that is gone held was never given back.
            forget_addresses(self.namespace, self.directory)
            subprocess.run(["ip", "netns", "add", self.namespace], check=True)
            for told in (
                "link set lo up",
                "link add node0 type bridge",
                f"addr add {NODE_IP}/32 dev node0",
                "link set node0 up",
                # Service addresses need a route, or connect fails before kube-proxy's rules.
                "route add default dev node0",
            ):
                self.run(["ip", *told.split()])
            self.run(["sysctl", "-qw", "net.ipv4.ip_forward=1"])

    def _containerd(self) -> Path:
        config = self.directory / "containerd.toml"
        cni = self.directory / "cni"
        cni.mkdir(exist_ok=True)
        (cni / "10-pods.conflist").write_text(json.dumps(_network(self.namespace)))
        config.write_text(
            f"""
version = 2
root = "{self.directory}/containerd"
state = "{self.directory}/containerd-run"
[grpc]
address = "{self.socket}"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{PAUSE}"
netns_mounts_under_state_dir = true
disable_apparmor = true
# Root without CAP_SYS_RESOURCE may not lower the score that the sandbox wants.
restrict_oom_score_adj = true
stream_server_address = "127.0.0.1"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{CNI_PLUGINS}"
conf_dir = "{cni}"
"""
        )
        return config

    def _kubelet(self) -> Path:
        certs = self.directory / "certs"
        content = {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "containerRuntimeEndpoint": f"unix://{self.socket}",
            "cgroupDriver": "cgroupfs",
            "failSwapOn": False,
            "authentication": {
                "anonymous": {"enabled": False},
                "x509": {"clientCAFile": str(certs / "ca.crt")},
            },
            "tlsCertFile": str(certs / "server.crt"),
            "tlsPrivateKeyFile": str(certs / "server.key"),
            "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%"},
            # A collected image cannot be pulled again: it was made by hand.
            "imageGCHighThresholdPercent": 100,
            "nodeStatusUpdateFrequency": "5s",
            "resolvConf": "",
            "podLogsDir": str(self.directory / "pod-logs"),
            "volumePluginDir": str(self.directory / "volume-plugins"),
        }
        return _written(self.directory / "kubelet-config.yaml", content)

    def _proxy(self) -> Path:
        content = {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "nftables",
            "hostnameOverride": NODE,
            "clusterCIDR": POD_RANGE,
            "clientConnection": {"kubeconfig": str(self.directory / "kube-proxy.yaml")},
            # By default it follows the endpoints a second late.
            "nftables": {"minSyncPeriod": "100ms"},
            "conntrack": {"maxPerCore": 0},
        }
        return _written(self.directory / "proxy-config.yaml", content)

    def _import_images(self) -> None:
        deadline = time.monotonic() + 30
        while True:
            try:
                known = self.ctr("images", "ls", "-q").split()
                break
            except subprocess.SubprocessError as error:
                if time.monotonic() > deadline:
                    words = self.plane.parts.last_words("containerd")
                    raise PlaneDown(f"containerd does not answer: {words}") from error
                time.sleep(0.1)
        for name in {IMAGE, PAUSE} - set(known):
            archive = self.directory / "image.tar"
            archive.write_bytes(image(program("pod").read_bytes(), name))
            self.ctr("images", "import", str(archive))

    def _wait_node(self) -> None:
        deadline = time.monotonic() + NODE_SECONDS
        told = self.plane.kubectl("wait", "--for=condition=Ready", f"node/{NODE}", "--timeout=2s")
        while True:
            try:
                self.run(told)
                return
            except PlaneDown as error:
                if time.monotonic() > deadline:
                    words = self.plane.parts.last_words("kubelet")
                    raise PlaneDown(f"the node did not become ready: {words}") from error
                time.sleep(0.2)

    def _end_containers(self) -> None:
        """Kill what runs in them; containerd may be dead, or a task may end under our hands."""
        if "containerd" not in self.plane.parts.alive():
            return
        for told in ("tasks kill --signal SIGKILL --all", "tasks delete --force"):
            for task in self._tried("tasks", "ls", "-q").split():
                self._tried(*told.split(), task)
        for container in self._tried("containers", "ls", "-q").split():
            self._tried("containers", "delete", container)

    def _tried(self, *arguments: str) -> str:
        try:
            return self.ctr(*arguments)
        except subprocess.SubprocessError:
            return ""


@contextlib.contextmanager
def inside(namespace: str) -> Iterator[None]:
    """Let the calling thread, and threads it starts, make their connections in a namespace."""
    libc = ctypes.CDLL(None, use_errno=True)

    def enter(where: int) -> None:
        if libc.setns(where, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")

    with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{namespace}") as there:
        enter(there.fileno())
        try:
            yield
        finally:
            enter(home.fileno())


def _network(name: str) -> dict[str, object]:
    ranges = [[{"subnet": POD_RANGE}]]
    bridge = {
        "type": "bridge",
        "bridge": "pods0",
        "isGateway": True,
        "ipMasq": False,
        "hairpinMode": True,
        "ipam": {"type": "host-local", "ranges": ranges, "routes": [{"dst": "0.0.0.0/0"}]},
    }
    return {"cniVersion": "0.4.0", "name": name, "plugins": [bridge]}


def _written(path: Path, content: object) -> Path:
    path.write_text(yaml.safe_dump(content))
    return path
