"""The way to a namespace: how it is reached, what was said of it once, and where that is kept."""

import argparse
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cluster.errors import NotFound
from cluster.files import read_object
from cluster.local.home import Home
from flows.in_cluster import kubeconfig_of
from flows.refusal import bad_input
from rollout.words import shell_word

if TYPE_CHECKING:
    from cluster.kubernetes.api import Api
    from cluster.kubernetes.traffic import Gateway

FILE = "cluster.json"
REGISTRY = "MLFLOW_TRACKING_URI"
NO_GATEWAY = "none"


@dataclass(frozen=True, slots=True)
class Way:
    """How a namespace is reached: `gateway` as NAMESPACE/NAME, `metrics` as `Metrics` has them.

    No gateway: none was found, and a later deploy looks again; "none": it was asked for, and holds.
    `registry` is the address of the MLflow that knows its models.
    """

    kubeconfig: str
    context: str
    namespace: str
    gateway: str | None
    metrics: Mapping[str, str] | None
    registry: str | None = None


def asked(options: argparse.Namespace) -> tuple[Way, str]:
    """The way that the options of a verb name, and the address of the API server."""
    from cluster.kubernetes.kubeconfig import read_access

    path = kubeconfig_of(options)
    access = read_access(path, options.context, options.namespace)
    # Not resolved: in a pod it is a link, and what it leads to is gone when a token is renewed.
    absolute = os.pathsep.join(os.path.abspath(one) for one in str(path).split(os.pathsep))
    return Way(absolute, access.context, access.namespace, None, None), access.server


def home_of(namespace: str, server: str) -> Home:
    """A folder for each namespace of each API server, however a kubeconfig calls it."""
    mark = hashlib.sha256(server.encode()).hexdigest()[:8]
    return Home(base() / "clusters" / f"{namespace}-{mark}")


def base() -> Path:
    """``$PINCEX_HOME``, below which every namespace has its folder."""
    return Path(os.environ.get("PINCEX_HOME") or ".pincex").resolve()


def kept(home: Home) -> Way | None:
    """What was kept of a namespace; None where nothing was done there from here."""
    path = home.path / FILE
    try:
        content: dict[str, Any] = read_object(
            path, remedy=f"rm {shell_word(path)}, then deploy again"
        )
    except NotFound:
        return None
    return Way(**content)


def api_of(way: Way) -> "Api":
    """Requests to the namespace."""
    from cluster.kubernetes.api import Api
    from cluster.kubernetes.kubeconfig import read_access

    return Api(read_access(Path(way.kubeconfig), way.context, way.namespace))


def gateway_of(way: Way) -> "Gateway | None":
    """The Gateway that divides requests there, where there is one."""
    from cluster.kubernetes.traffic import Gateway

    if way.gateway is None or way.gateway == NO_GATEWAY:
        return None
    namespace, _, name = way.gateway.partition("/")
    return Gateway(name, namespace)


def chosen_gateway(way: Way, given: str | None) -> str | None:
    """The Gateway that was named, or the only one of the namespace; None where there is none."""
    from cluster.kubernetes.kinds import GATEWAY
    from cluster.kubernetes.namespace import require

    if given == NO_GATEWAY:
        return NO_GATEWAY
    if given is not None:
        namespace, _, name = f"{way.namespace}/{given}".rpartition("/")
        namespace = namespace.rpartition("/")[2]
        api = api_of(replace(way, namespace=namespace))
        try:
            api.get(GATEWAY, name)
        except NotFound:
            require(api)
            raise
        return f"{namespace}/{name}"
    try:
        found = [told["metadata"]["name"] for told in api_of(way).list(GATEWAY, {})]
    except NotFound:
        # A cluster without the Gateway API does not know the kind.
        return None
    if len(found) > 1:
        known = ", ".join(sorted(found))
        raise bad_input(f"{way.namespace} has several Gateways: {known}", "--gateway NAME")
    return f"{way.namespace}/{found[0]}" if found else None


def named_registry() -> str | None:
    """The MLflow server that the environment names; None where it names none."""
    url = os.environ.get(REGISTRY)
    if url is None:
        return None
    if not url.startswith(("http://", "https://")):
        raise bad_input(f"{REGISTRY} names no server", f"{REGISTRY}=http://HOST:PORT")
    parts = urlsplit(url)
    if not parts.hostname:
        raise bad_input(f"{REGISTRY} names no server", f"{REGISTRY}=http://HOST:PORT")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise bad_input(f"{REGISTRY} holds more than an address", "the address alone, no password")
    return url.rstrip("/")
