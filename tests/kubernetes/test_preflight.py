"""The checklist on a real API server: each planted fault is found, and named with its remedy."""

from collections.abc import Callable

import pytest
from kube_cluster import Cluster, rules
from kube_shop import PINNED, Shop

from cluster.kubernetes import rights
from cluster.kubernetes.lock import Lock
from cluster.kubernetes.preflight import checklist
from cluster.kubernetes.traffic import Gateway, Traffic
from cluster.kubernetes.workloads import Workloads
from cluster.route import Route
from rollout.checklist_line import Line, Outcome

pytestmark = pytest.mark.kubernetes


@pytest.fixture
def shop(fake_cluster: Cluster) -> Shop:
    """A namespace in which price v1.0.0 runs as we run it."""
    made = Shop(fake_cluster, fake_cluster.namespace())
    made.up("v1.0.0", PINNED)
    return made


def bad(shop: Shop) -> list[Line]:
    """The lines that are not OK."""
    return [line for line in checklist(shop.api, "price") if line.outcome is not Outcome.OK]


def test_a_site_without_a_fault_is_ok_in_every_line(shop: Shop) -> None:
    """Nothing is found where nothing is wrong, and every subject has its line."""
    lines = list(checklist(shop.api, "price"))

    assert {line.outcome for line in lines} == {Outcome.OK}
    names = [line.name for line in lines]
    assert names[:4] == ["namespace", "nodes", "version skew", "rights"]
    assert "price-v1-0-0: end of server" in names


def quota(shop: Shop) -> None:
    """Room for three pods, of which two are used."""
    given = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "small"},
        "spec": {"hard": {"pods": "3"}},
    }
    shop.cluster.kubectl("-n", shop.name, "apply", "-f", "-", given=given)
    told = ("wait", "resourcequota/small", "--for=jsonpath={.status.used.pods}=2", "--timeout=20s")
    shop.cluster.kubectl("-n", shop.name, *told)


def secret(shop: Shop) -> None:
    """A container that names a Secret which is not there."""
    told = ("set", "env", "deployment/price-v1-0-0", "--from=secret/db")
    shop.cluster.kubectl("-n", shop.name, "create", "secret", "generic", "db", "--from-literal=a=b")
    shop.cluster.kubectl("-n", shop.name, *told)
    shop.cluster.kubectl("-n", shop.name, "delete", "secret", "db")


def key(shop: Shop) -> None:
    """A container that names a key which its Secret has lost."""
    told = ("set", "env", "deployment/price-v1-0-0", "--from=secret/db")
    shop.cluster.kubectl("-n", shop.name, "create", "secret", "generic", "db", "--from-literal=a=b")
    shop.cluster.kubectl("-n", shop.name, *told)
    lost = '[{"op": "move", "from": "/data/a", "path": "/data/other"}]'
    shop.cluster.kubectl("-n", shop.name, "patch", "secret", "db", "--type=json", "-p", lost)


def settings(shop: Shop) -> None:
    """A container that names a ConfigMap which is not there."""
    known = ("create", "configmap", "limits", "--from-literal=a=b")
    shop.cluster.kubectl("-n", shop.name, *known)
    told = ("set", "env", "deployment/price-v1-0-0", "--from=configmap/limits")
    shop.cluster.kubectl("-n", shop.name, *told)
    shop.cluster.kubectl("-n", shop.name, "delete", "configmap", "limits")


def unavailable(shop: Shop) -> None:
    """An update that may take a pod away before another serves."""
    patch = '{"spec": {"strategy": {"rollingUpdate": {"maxUnavailable": 1}}}}'
    shop.cluster.kubectl("-n", shop.name, "patch", "deployment", "price-v1-0-0", "-p", patch)


def budget(shop: Shop) -> None:
    """A budget that lets no pod go."""
    marks = "rollout.pincex/component=price"
    told = ("create", "pdb", "strict", f"--selector={marks}", "--min-available=100%")
    shop.cluster.kubectl("-n", shop.name, *told)


def scaler(shop: Shop) -> None:
    """An autoscaler that moves the same replicas."""
    told = ("autoscale", "deployment", "price-v1-0-0", "--min=2", "--max=5", "--cpu-percent=50")
    shop.cluster.kubectl("-n", shop.name, *told)


@pytest.mark.parametrize(
    ("plant", "name", "outcome", "words"),
    [
        (quota, "quota small: pods", Outcome.FAIL, "1 of 3 left, a second version takes 2"),
        (secret, "Secret db", Outcome.FAIL, "is not there"),
        (key, "Secret db", Outcome.FAIL, "has no key a"),
        (settings, "ConfigMap limits", Outcome.FAIL, "is not there"),
        (unavailable, "strategy", Outcome.FAIL, "maxUnavailable 1"),
        (budget, "budget strict", Outcome.WARN, "nodes under it cannot be drained"),
        (scaler, "autoscaler price-v1-0-0", Outcome.WARN, "between 2 and 5"),
    ],
    ids=["quota", "secret", "key", "config-map", "unavailable", "budget", "autoscaler"],
)
def test_a_planted_fault_is_the_one_line_that_is_not_ok(
    shop: Shop, plant: Callable[[Shop], None], name: str, outcome: Outcome, words: str
) -> None:
    """Named, with what was found; nothing else is suspected."""
    plant(shop)

    (line,) = bad(shop)

    assert line.name.endswith(name)
    assert line.outcome is outcome
    assert words in line.evidence


def test_a_node_that_does_not_report_is_a_warning(shop: Shop) -> None:
    """Fewer nodes than somebody thinks are left for a second version; it is named.

    What it never told cannot be compared.
    """
    silent = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "silent-1"}}
    shop.cluster.kubectl("apply", "-f", "-", given=silent)
    try:
        found = {line.name: line for line in bad(shop)}
    finally:
        shop.cluster.kubectl("delete", "node", "silent-1")

    assert set(found) == {"nodes", "version skew"}
    assert found["nodes"].outcome is Outcome.WARN
    assert found["nodes"].evidence.endswith("are not ready: silent-1")
    assert found["version skew"].outcome is Outcome.NOT_CHECKED
    assert found["version skew"].evidence.endswith("no version of silent-1")


def test_a_namespace_that_is_being_deleted_is_told_first(shop: Shop) -> None:
    """Nothing new is admitted there, however much of it still serves."""
    kept = {"name": "kept", "finalizers": ["pincex.test/kept"]}
    given = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": kept}
    shop.cluster.kubectl("-n", shop.name, "apply", "-f", "-", given=given)
    shop.cluster.kubectl("delete", "namespace", shop.name, "--wait=false")
    try:
        first = next(iter(checklist(shop.api, "price")))
    finally:
        freed = '{"metadata": {"finalizers": null}}'
        told = ("patch", "configmap", "kept", "--type=merge", "-p", freed)
        shop.cluster.kubectl("-n", shop.name, *told)

    assert (first.name, first.outcome) == ("namespace", Outcome.FAIL)
    assert first.evidence == f"{shop.name} is Terminating"


def test_missing_rights_are_printed_as_the_rules_that_give_them(shop: Shop) -> None:
    """Exactly those that are missing; what may not be looked at is said to be unchecked."""
    kept = [right for right in rights.RELEASING if right.kind.plural != "httproutes"]
    api = shop.cluster.api(shop.name, shop.cluster.user(shop.name, rules(kept)))

    lines = {line.name: line for line in checklist(api, "price")}

    told = lines["rights"]
    assert told.outcome is Outcome.FAIL
    assert "3 of" in told.evidence
    assert told.remedy.count("httproutes") == 3
    assert lines["nodes"].outcome is lines["namespace"].outcome is Outcome.NOT_CHECKED


@pytest.mark.parametrize("wrong", ["namespace", "server"])
def test_what_cannot_be_asked_is_told_first(shop: Shop, wrong: str) -> None:
    """A namespace that is not there is a line; an API that is not there is the only one."""
    plane = shop.cluster.plane
    if wrong == "namespace":
        first = next(iter(checklist(shop.cluster.api("nowhere"), "price")))
        assert (first.name, first.outcome) == ("namespace", Outcome.FAIL)
        return
    way = plane.write_kubeconfig(plane.directory / "gone.yaml", {"token": "x"})
    way.write_text(way.read_text().replace(plane.url, "https://127.0.0.1:1"))
    (line,) = checklist(shop.cluster.api(shop.name, way), "price")
    assert (line.name, line.outcome) == ("API", Outcome.FAIL)
    assert "cannot be reached" in line.evidence


def test_the_rights_of_a_rollout_are_those_that_it_uses(shop: Shop) -> None:
    """Up, routed and down with exactly these rules, none of them idle, by the audit log."""
    way = shop.cluster.user(shop.name, rules(rights.ROUTING | rights.DEPLOYING))
    api = shop.cluster.api(shop.name, way)
    traffic = Traffic(api, Gateway("gw", shop.name))
    workloads = Workloads(api, traffic)
    lease = Lock(api).acquire("risk", "eu", "worker", 60)
    lease.renew()
    for version in ("v1.0.0", "v2.0.0"):
        workloads.bring_up("risk", version, PINNED, 60, lease)
        traffic.set_route("risk", Route({version: 100}), lease)
    workloads.take_down("risk", "v1.0.0", 60, lease, alone=False)
    assert workloads.versions_up("risk") == ["v2.0.0"]

    user = f"system:serviceaccount:{shop.name}:{way.stem}"
    used = {(right.kind.plural, right.verb) for right in rights.ROUTING | rights.DEPLOYING}
    # Logged as the patch that made the object.
    used -= {(kind, "create") for kind in ("deployments", "services", "httproutes")}
    assert shop.cluster.asked_by(user) == used
