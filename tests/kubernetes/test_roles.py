"""The Roles as they are shipped and applied: each verb passes with its own, and with no less."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kube_cluster import Cluster, rules
from kube_release import GATEWAY, Shop, release_step

from cluster.kubernetes import rights
from cluster.kubernetes.kinds import SERVICE
from cluster.kubernetes.rights import Right
from flows.cli import main

pytestmark = pytest.mark.kubernetes

ROLES = Path(__file__).parents[2] / "manifests" / "roles"
PART = {"rollout.pincex/component": "prices"}
CLUSTERS = ("namespaces", "nodes", "selfsubjectaccessreviews")
# Where there is no Gateway, the shares stand in a component's own Service.
IN_SPLITS = Right(SERVICE, "get")
MADE_BY_PATCH = ("deployments", "services", "httproutes", "configmaps", "poddisruptionbudgets",
                 "horizontalpodautoscalers", "jobs")  # fmt: skip
READER: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "reader", "labels": {"rollout.pincex/component": "reader"}},
    "spec": {
        "replicas": 0,
        "selector": {"matchLabels": {"app": "reader"}},
        "template": {
            "metadata": {"labels": {"app": "reader"}},
            "spec": {
                "containers": [
                    {
                        "name": "reader",
                        "image": "shop/reader:1",
                        "envFrom": [
                            {"secretRef": {"name": "database"}},
                            {"configMapRef": {"name": "flags"}},
                        ],
                    }
                ]
            },
        },
    },
}
FLAGS = """
[flags]
config_map = "flags"
key = "flags.json"

[flags.expected]
limit-orders = "on"
"""
EXTRAS: list[dict[str, Any]] = [
    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "flags", "labels": PART}},
    {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "prices", "labels": PART},
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": PART}},
    },
    {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "prices", "labels": PART},
        "spec": {
            "maxReplicas": 3,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "elsewhere"},
        },
    },
]


def added(kind: str, version: str, spec: dict[str, Any]) -> dict[str, Any]:
    """An object of the component that came after the backup."""
    told = {"name": "added", "labels": PART}
    return {"apiVersion": version, "kind": kind, "metadata": told, "spec": spec}


ADDED = [
    {**EXTRAS[0], "metadata": {"name": "added", "labels": PART}},
    added("PodDisruptionBudget", "policy/v1", {"maxUnavailable": 1}),
    added("HorizontalPodAutoscaler", "autoscaling/v2", {**EXTRAS[2]["spec"], "maxReplicas": 4}),
    added("Deployment", "apps/v1", READER["spec"]),
    added("Service", "v1", {"ports": [{"port": 80}]}),
    added("HTTPRoute", "gateway.networking.k8s.io/v1", {"hostnames": ["added.example"]}),
]


@pytest.fixture
def shop(fake_cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A namespace with a Gateway and the Roles; nothing is deployed yet."""
    monkeypatch.setenv("PINCEX_HOME", str(tmp_path))
    with Shop(fake_cluster, tmp_path, single=True) as made:
        kubectl, space = made.cluster.kubectl, ("-n", made.namespace)
        kubectl(*space, "apply", "-f", "-", given=GATEWAY)
        kubectl(*space, "apply", "-k", str(ROLES))
        yield made


def become(shop: Shop, who: str) -> str:
    """From now on the shop's commands are those of a shipped service account; its user name."""
    name = f"rollout-{who}"
    token = shop.cluster.kubectl("-n", shop.namespace, "create", "token", name).strip()
    plane = shop.cluster.plane
    shop.way = plane.write_kubeconfig(shop.folder / f"{name}.yaml", {"token": token})
    return f"system:serviceaccount:{shop.namespace}:{name}"


def used(*verbs: str) -> set[tuple[str, str]]:
    """What an audit log tells of the rights of verbs: an apply that makes is a patch there."""
    told = {(r.kind.plural, r.verb) for verb in verbs for r in rights.OF_VERB[verb]}
    return told - {(kind, "create") for kind in MADE_BY_PATCH}


def asked(shop: Shop, user: str) -> set[tuple[str, str]]:
    """What a user asked for in the namespace; what is the cluster's own no Role here can give."""
    return {(kind, verb) for kind, verb in shop.cluster.asked_by(user) if kind not in CLUSTERS}


def test_who_releases_needs_this_role_and_nothing_of_it_is_idle(shop: Shop) -> None:
    """Releases, one gone on with by `resume`, one whose step fails, a rollback and checklists."""
    shop.cluster.kubectl("-n", shop.namespace, "apply", "-f", "-", given=READER)
    user = become(shop, "releaser")
    # Which Gateway there is, is found without being told.
    shop.application()
    code, report, said = shop.run("deploy", "v1.0.0")
    assert (code, report.get("ending")) == (0, "PROMOTED"), (report, said)
    flow = shop.flow("deploy", shop.request("v2.0.0"))
    shop.until(lambda: shop.site.history("shop").open, "v2.0.0 is open")
    flow.kill()
    flow.wait()
    code, report, said = shop.run("resume", "shop")
    assert (code, report.get("ending")) == (0, "PROMOTED"), (report, said)
    code, report, said = shop.run("rollback")
    assert code == 0, (report, said)
    code, report, said = shop.command_deploy("v3.0.0")
    assert (code, report.get("ending")) == (0, "PROMOTED"), (report, said)
    shop.steps = release_step("grow", "fail")
    for more in ((), ("--retry",)):
        code, report, said = shop.command_deploy("v4.0.0", *more)
        assert (code, report.get("ending")) == (3, "ROLLED_BACK"), (report, said)
    code, report, said = shop.run("validate", "reader")
    lines = {line["name"]: line["outcome"] for line in report["lines"]}
    assert lines["rights"] == "OK"
    assert lines["reader: Secret database"] == "FAIL"
    (shop.folder / "checklist.toml").write_text(FLAGS)
    code, report, said = shop.run("validate", "shop", "--release", "v5.0.0")
    lines = {line["name"]: line["outcome"] for line in report["lines"]}
    assert lines["prices: manifests"] == lines["settlement: manifests"] == lines["quotas"] == "OK"
    assert lines["flags"] == "FAIL"

    events = shop.cluster.kubectl("-n", shop.namespace, "get", "events", "-o", "wide")
    assert "TrafficRolledBack" in events
    assert "v3.0.0 100 %" in events
    assert asked(shop, user) == used("deploy", "rollback", "resume", "validate")


def test_who_looks_and_who_restores_need_these_roles(shop: Shop) -> None:
    """Looked at and backed up by one, put back by the other, of which nothing is idle."""
    for extra in EXTRAS:
        shop.cluster.kubectl("-n", shop.namespace, "apply", "-f", "-", given=extra)
    code, report, said = shop.command_deploy("v1.0.0")
    assert code == 0, (report, said)
    looker = become(shop, "looker")
    code, report, said = shop.run("status")
    assert (code, report["applications"][0]["version"]) == (0, "v1.0.0"), said
    assert shop.run("diagnose", "prices")[0] == 0
    code, report, said = shop.run("backup-config")
    assert code == 0, (report, said)
    file = report["file"]

    restorer = become(shop, "restorer")
    admin = shop.cluster.kubectl
    space = ("-n", shop.namespace)
    kinds = "httproute,deployment,service,configmap,pdb,hpa"
    mark = ("-l", "rollout.pincex/component=prices")
    for one in ADDED:
        admin(*space, "apply", "-f", "-", given=one)
    admin(*space, "annotate", kinds, *mark, "changed=yes")
    code, report, said = shop.run("restore-config", file, "--yes")
    assert code == 0, (report, said)
    admin(*space, "delete", kinds, *mark, "--wait=true")
    code, report, said = shop.run("restore-config", file, "--yes")
    assert code == 0, (report, said)

    told = used("status", "diagnose", "backup-config")
    assert asked(shop, looker) == told - {(IN_SPLITS.kind.plural, IN_SPLITS.verb)}
    assert asked(shop, restorer) == used("restore-config")


@pytest.fixture
def serving(shop: Shop) -> Shop:
    """v1.0.0 serves."""
    code, report, said = shop.command_deploy("v1.0.0")
    assert code == 0, (report, said)
    return shop


@pytest.mark.parametrize("verb", ["deploy", "status", "diagnose", "backup-config"])
def test_a_verb_names_the_one_rule_that_is_missing(
    serving: Shop,
    verb: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each right of it is taken away by itself; nothing is changed."""
    described = ["--application", str(serving.application()), "--gateway", "gw"]
    words = {
        "deploy": ["deploy", "v2.0.0", *described],
        "diagnose": ["diagnose", "prices"],
    }.get(verb, [verb])
    needed = rights.OF_VERB[verb]
    checked = needed if verb == "deploy" else needed - {IN_SPLITS}
    serving.way = serving.cluster.user(serving.namespace, rules(needed))
    account = serving.way.stem

    quiet: list[Right] = []
    for right in sorted(checked, key=str):
        serving.cluster.allow(serving.namespace, account, rules(needed - {right}))
        code = main([*serving.command(*words), "--json"])
        report = json.loads(capsys.readouterr().out)
        if code != 1 or str(right) not in report["error"]:
            quiet.append(right)

    assert quiet == []
    assert serving.serving("v1.0.0")
