"""What tests need of a running cluster: namespaces, ways in with more or fewer rights."""

import contextlib
import json
import os
import subprocess
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from kube_build import CannotBuild, definitions
from kube_nodes import ensure_nodes
from kube_plane import Plane, Setting

from cluster.kubernetes.api import Api
from cluster.kubernetes.kubeconfig import read_access
from cluster.kubernetes.rights import Right

NODES, CREATED = 3, 201
# In CI nothing may be skipped: what cannot be done there is a failure.
STRICT = "PINCEX_CLUSTER_STRICT"


@dataclass(frozen=True)
class Cluster:
    """A running plane, and the usual things to do with it."""

    plane: Plane

    def api(self, namespace: str, kubeconfig: Path | None = None, patience: float = 10.0) -> Api:
        """Our own client in a namespace, as administrator or as a kubeconfig says."""
        way = read_access(kubeconfig or self.plane.kubeconfig, None, namespace)
        return Api(way, patience=patience)

    def namespace(self) -> str:
        """A new namespace of its own."""
        name = f"t{uuid.uuid4().hex[:8]}"
        self.kubectl("create", "namespace", name)
        return name

    def kubectl(self, *arguments: str, given: object = None) -> str:
        """What kubectl prints; `given` goes in as YAML."""
        fed = None if given is None else yaml.safe_dump(given).encode()
        done = subprocess.run(
            self.plane.kubectl(*arguments), input=fed, capture_output=True, timeout=60
        )
        assert done.returncode == 0, (done.stderr + done.stdout).decode()
        return done.stdout.decode()

    def user(self, namespace: str, rules: list[dict[str, list[str]]]) -> Path:
        """A kubeconfig of a service account that has these rights in a namespace, no others."""
        name = f"u{uuid.uuid4().hex[:8]}"
        self.kubectl("-n", namespace, "create", "serviceaccount", name)
        self.allow(namespace, name, rules)
        token = self.kubectl("-n", namespace, "create", "token", name).strip()
        path = self.plane.directory / f"{name}.yaml"
        return self.plane.write_kubeconfig(path, {"token": token})

    def asked_by(self, user: str) -> set[tuple[str, str]]:
        """The resources and verbs that a user asked for, by the audit log."""
        return {(kind, verb) for kind, verb, _ in self.asked_in_order(user)}

    def asked_in_order(self, user: str) -> list[tuple[str, str, bool]]:
        """The same, request by request, and whether an object was made."""
        lines = [json.loads(line) for line in self.plane.audit_log.read_text().splitlines()]
        return [
            (line["objectRef"]["resource"], line["verb"], line["responseStatus"]["code"] == CREATED)
            for line in lines
            # Whoever gave up before it was known who asks has no name.
            if line["user"].get("username") == user and "objectRef" in line
        ]

    def rights_in_order(self, user: str, rights: Iterable[Right]) -> list[Right]:
        """Those that a user made use of, each where it first did."""
        used: dict[Right, None] = {}
        known = {(right.kind.plural, right.verb): right for right in rights}
        for kind, verb, made in self.asked_in_order(user):
            # An apply that makes an object is a patch there, and needs both.
            for one in (verb, *(["create"] if made else [])):
                if right := known.get((kind, one)):
                    used.setdefault(right)
        return list(used)

    def allow(self, namespace: str, name: str, rules: list[dict[str, list[str]]]) -> None:
        """Give a service account exactly these rights."""
        api = "rbac.authorization.k8s.io"
        metadata = {"name": name, "namespace": namespace}
        role = {"apiVersion": f"{api}/v1", "kind": "Role", "metadata": metadata, "rules": rules}
        binding = {
            "apiVersion": f"{api}/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": api, "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
        }
        for given in (role, binding):
            self.kubectl("apply", "-f", "-", given=given)


def rules(rights: Iterable[Right]) -> list[dict[str, list[str]]]:
    """Rights as the rules of a Role."""
    return [
        {"apiGroups": [r.kind.group], "resources": [r.kind.plural], "verbs": [r.verb]}
        for r in rights
    ]


def started(directory: Path) -> Iterator[Cluster]:
    """A cluster without nodes in `directory`, ended afterwards."""
    plane = Plane(directory, Setting(bound=True))
    with or_skipped():
        plane.up()
    try:
        yield Cluster(plane)
    finally:
        plane.down()
        assert plane.parts.alive() == {}


def with_nodes(cluster: Cluster) -> Cluster:
    """The same cluster with fake nodes and the definition of an HTTPRoute."""
    with or_skipped():
        ensure_nodes(cluster.plane, NODES)
        for kind in ("httproutes", "gateways"):
            file = f"config/crd/standard/gateway.networking.k8s.io_{kind}.yaml"
            cluster.kubectl("apply", "--server-side", "-f", str(definitions() / file))
    return cluster


@contextlib.contextmanager
def or_skipped() -> Iterator[None]:
    """Skip the test, with the reason, where the programs cannot be built; in CI that fails."""
    try:
        yield
    except CannotBuild as error:
        if os.environ.get(STRICT):
            raise
        pytest.skip(f"no cluster can be made here: {error}")
