"""The manifests of the worker by themselves: each name leads somewhere, and nothing is left open.

What a real API server makes of them is tested in tests/kubernetes/test_worker.py.
"""

import importlib
import ipaddress
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.kubernetes.kubeconfig import read_access
from flows import worker

MANIFESTS = Path(worker.CHECKOUT) / "manifests"
LABEL = {"app.kubernetes.io/name": "pincex-worker"}
NOBODY = ipaddress.ip_network("192.0.2.0/24")


def objects(folder: str) -> dict[str, Any]:
    """What a kustomization lists, by `Kind/name`."""
    listed = yaml.safe_load((MANIFESTS / folder / "kustomization.yaml").read_text())["resources"]
    told = [
        one
        for name in listed
        if name.endswith(".yaml")
        for one in yaml.safe_load_all((MANIFESTS / folder / name).read_text())
    ]
    return {f"{one['kind']}/{one['metadata']['name']}": one for one in told}


WORKER, ROLES = objects("worker"), objects("roles")
POD = WORKER["Deployment/pincex-worker"]["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]


def test_each_file_is_listed() -> None:
    """No manifest lies beside the kustomization and is forgotten; prefect.yaml is Prefect's."""
    listed = yaml.safe_load((MANIFESTS / "worker" / "kustomization.yaml").read_text())["resources"]
    lying = {path.name for path in (MANIFESTS / "worker").glob("*.yaml")}
    assert lying - set(listed) == {"kustomization.yaml", "prefect.yaml"}
    assert "../roles" in listed


def test_each_name_leads_to_an_object() -> None:
    """Account, claim, ConfigMaps; what is not shipped is optional, or the cluster's own."""
    assert f"ServiceAccount/{POD['serviceAccountName']}" in ROLES
    claims = [
        one["persistentVolumeClaim"]["claimName"]
        for one in POD["volumes"]
        if "persistentVolumeClaim" in one
    ]
    assert [f"PersistentVolumeClaim/{name}" in WORKER for name in claims] == [True]
    maps = references("configMap") + references("configMapKeyRef")
    shipped = [one for one in maps if f"ConfigMap/{one['name']}" in WORKER]
    others = [one for one in maps if one not in shipped]
    assert {one["name"] for one in shipped} == {"pincex-worker", "pincex-worker-access"}
    assert all(one["name"] == "kube-root-ca.crt" or one["optional"] for one in others)
    keys = [one for one in shipped if "key" in one]
    assert all(one["key"] in WORKER[f"ConfigMap/{one['name']}"]["data"] for one in keys)
    assert all(one["optional"] for one in references("secretKeyRef"))
    mounted = {one["name"] for one in CONTAINER["volumeMounts"]}
    assert mounted == {one["name"] for one in POD["volumes"]}


def references(kind: str, inside: Any = POD) -> list[dict[str, Any]]:
    """Every reference of a kind in the pod."""
    if isinstance(inside, list):
        return [found for one in inside for found in references(kind, one)]
    if not isinstance(inside, dict):
        return []
    here = [inside[kind]] if kind in inside else []
    return here + [found for one in inside.values() for found in references(kind, one)]


def test_no_two_of_it_write_one_ledger_and_none_holds_a_node() -> None:
    """One replica that ends before the next begins, and a budget that lets it go."""
    spec = WORKER["Deployment/pincex-worker"]["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    budget = WORKER["PodDisruptionBudget/pincex-worker"]["spec"]
    assert (budget["maxUnavailable"], budget.get("minAvailable")) == (1, None)
    policy = WORKER["NetworkPolicy/pincex-worker"]["spec"]
    chosen = [one["matchLabels"] for one in (spec["selector"], budget["selector"])]
    assert [*chosen, policy["podSelector"]["matchLabels"]] == [LABEL] * 3
    assert spec["template"]["metadata"]["labels"] == LABEL


def test_nobody_comes_in_and_it_goes_to_named_places_by_named_ports() -> None:
    """The only address of the base is one that nobody has."""
    policy = WORKER["NetworkPolicy/pincex-worker"]["spec"]
    assert (set(policy["policyTypes"]), policy["ingress"]) == ({"Ingress", "Egress"}, [])
    blocks = references("ipBlock", policy)
    assert [ipaddress.ip_network(one["cidr"]).subnet_of(NOBODY) for one in blocks] == [True]  # type: ignore[arg-type]
    for rule in policy["egress"]:
        assert all(port["port"] for port in rule["ports"])
        assert all("ipBlock" in to or to["podSelector"]["matchLabels"] for to in rule["to"])
    url = WORKER["ConfigMap/pincex-worker"]["data"]["prefect-api-url"]
    ports = {port["port"] for rule in policy["egress"] for port in rule["ports"]}
    assert int(re.search(r":(\d+)/api$", url)[1]) in ports  # type: ignore[index]


def test_the_image_is_a_placeholder_that_an_overlay_sets() -> None:
    """No registry is named, and the runbook's overlay replaces this very name."""
    runbook = (MANIFESTS.parent / "RUNBOOK.md").read_text()
    overlay = runbook.split("#### A worker in the cluster", 1)[1].split("```yaml\n")[1]
    told = yaml.safe_load(overlay.split("```")[0])
    assert CONTAINER["image"] == told["images"][0]["name"] == "pincex-rollout"
    for patch in told["patches"]:
        named = f"{patch['target']['kind']}/{patch['target']['name']}"
        for change in yaml.safe_load(patch["patch"]):
            at = WORKER[named]
            for step in change["path"].strip("/").split("/"):
                at = at[int(step)] if isinstance(at, list) else at[step]


def test_it_runs_what_exists() -> None:
    """Its command is a module here, its paths are mounted or the image's, its probe is served."""
    *_, module = CONTAINER["command"]
    assert importlib.import_module(module) is worker
    given = {one["name"]: one.get("value", "") for one in CONTAINER["env"]}
    mounts = [one["mountPath"] for one in CONTAINER["volumeMounts"]]
    for name in ("PINCEX_HOME", "KUBECONFIG", "HOME", "TMPDIR", "PREFECT_HOME"):
        assert any(given[name].startswith(mount) for mount in mounts), name
    (port,) = CONTAINER["ports"]
    assert CONTAINER["readinessProbe"]["httpGet"]["port"] == port["name"]
    assert given["PREFECT_WORKER_WEBSERVER_PORT"] == str(port["containerPort"])


def test_what_prefect_is_told_is_a_flow_on_the_pool_of_the_worker() -> None:
    """Pool and deployment carry the namespace, so that two workers of one server stay apart."""
    (told,) = yaml.safe_load((worker.CHECKOUT / worker.DECLARED).read_text())["deployments"]
    file, name = told["entrypoint"].split(":")
    module = importlib.import_module(file.removesuffix(".py").replace("/", "."))
    assert getattr(module, name).name == "resume"
    given = {one["name"]: one.get("value", "") for one in CONTAINER["env"]}
    pool = "{{ $PINCEX_WORK_POOL }}"
    assert (told["name"], told["work_pool"]["name"]) == (pool, pool)
    assert given["PINCEX_WORK_POOL"] == "pincex-$(NAMESPACE)"


def test_its_kubeconfig_is_read_with_what_lies_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Token and certificate by relative paths, so it does not matter where the volume is."""
    content = WORKER["ConfigMap/pincex-worker-access"]["data"]["kubeconfig"]
    (tmp_path / "kubeconfig").write_text(content.replace(", certificate-authority: ca.crt", ""))
    (tmp_path / "token").write_text("as renewed\n")
    monkeypatch.chdir(tmp_path)

    access = read_access(tmp_path / "kubeconfig", None, "exchange")

    assert "certificate-authority: ca.crt" in content
    assert (access.namespace, access.bearer()) == ("exchange", "as renewed")
    (volume,) = (one["projected"] for one in POD["volumes"] if "projected" in one)
    (token,) = (
        one["serviceAccountToken"]
        for one in volume["sources"]
        if len(one) and "serviceAccountToken" in one
    )
    assert token["path"] == "token"
