"""A Deployment as it is without any of this, and updated by kubectl: what ours stands beside."""

import time
from typing import Any

from kube_gateway import GATEWAY, GATEWAYS
from kube_storefront import IMAGE, Storefront, until_answered

NAIVE, CAREFUL = "naive", "careful"
DRAIN = 5


def begin(shop: Storefront, name: str, version: str = "v1.0.0") -> None:
    """Two pods, a Service and a route at /NAME.

    The naive one ends at once on SIGTERM, drains nothing and has no probe; the careful one has
    the probe and the drain that our own Deployments have.
    """
    for content in (_deployment(name, version), _service(name), _route(name)):
        shop.kubectl("apply", "-f", "-", given=content)
    until_answered(f"/{name}", version)


def set_image(shop: Storefront, name: str, version: str) -> None:
    """`kubectl set image`, and wait until the rollout is complete."""
    shop.kubectl("set", "image", f"deployment/{name}", f"server={IMAGE}:{version}")
    complete(shop, name)


def undo(shop: Storefront, name: str) -> float:
    """`kubectl rollout undo`, to its end; when it began (epoch seconds)."""
    began = time.time()
    shop.kubectl("rollout", "undo", f"deployment/{name}")
    complete(shop, name)
    return began


def complete(shop: Storefront, name: str) -> None:
    """Wait for the rollout, and for the last pod of before."""
    shop.kubectl("rollout", "status", f"deployment/{name}", "--timeout=120s")
    deadline = time.monotonic() + 60
    while len(shop.kubectl("get", "pods", "-l", f"app={name}", "-o", "name").split()) > 2:
        assert time.monotonic() < deadline
        time.sleep(0.2)


def _deployment(name: str, version: str) -> dict[str, Any]:
    container: dict[str, Any] = {
        "name": "server",
        "image": f"{IMAGE}:{version}",
        "command": ["/pod", "serve"],
    }
    if name == NAIVE:
        container["env"] = [{"name": "ON_TERM", "value": "exit"}]
    else:
        probe = {"httpGet": {"path": "/readyz", "port": 8080}, "periodSeconds": 1}
        container["readinessProbe"] = probe
        container["lifecycle"] = {"preStop": {"sleep": {"seconds": DRAIN}}}
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}
    selector = {"matchLabels": {"app": name}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"replicas": 2, "selector": selector, "template": template},
    }


def _service(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}]},
    }


def _route(name: str) -> dict[str, Any]:
    rule = {
        "matches": [{"path": {"type": "PathPrefix", "value": f"/{name}"}}],
        "backendRefs": [{"name": name, "port": 80}],
    }
    parent = {"name": GATEWAY, "namespace": GATEWAYS}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": name},
        "spec": {"parentRefs": [parent], "rules": [rule]},
    }
