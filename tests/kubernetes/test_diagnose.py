"""Each planted fault is found and named first, with its evidence: fake nodes, then real pods."""

import ipaddress
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from kube_cluster import Cluster, rules
from kube_left import taken
from kube_real import POD_RANGE, RealNode
from kube_shop import FINE, PINNED, Shop, fated, real

from cluster.errors import NotReady
from cluster.kubernetes import rights
from cluster.kubernetes.diagnosis import diagnose
from cluster.kubernetes.traffic import Gateway, Traffic
from cluster.kubernetes.workloads import Workload
from cluster.route import Route
from flows.cli import main

pytestmark = pytest.mark.kubernetes

V2 = "deployment/price-v2-0-0"
WITHIN = 60.0


@pytest.fixture
def shop(fake_cluster: Cluster) -> Shop:
    """v1.0.0 of price takes all traffic, on fake nodes."""
    made = Shop(fake_cluster, fake_cluster.namespace())
    made.up("v1.0.0", PINNED)
    made.traffic.set_route("price", Route({"v1.0.0": 100}), made.lease)
    return made


def tried(shop: Shop, workload: Workload) -> None:
    """A second version that does not come up."""
    with pytest.raises(NotReady):
        shop.up("v2.0.0", workload, within=1)


def patched(shop: Shop, **pod: object) -> None:
    """The second version with another pod template."""
    patch = json.dumps({"spec": {"template": {"spec": pod}}})
    shop.cluster.kubectl("-n", shop.name, "patch", V2, "-p", patch)


def quota(shop: Shop) -> None:
    """Room for the pods that are there, and no other."""
    shop.cluster.kubectl("-n", shop.name, "create", "quota", "small", "--hard=pods=2")
    told = ("wait", "resourcequota/small", "--for=jsonpath={.status.used.pods}=2", "--timeout=60s")
    shop.cluster.kubectl("-n", shop.name, *told)
    tried(shop, FINE)


def capacity(shop: Shop) -> None:
    """A pod that wants more cores than any node has."""
    shop.up("v2.0.0", FINE)
    patched(shop, containers=[{"name": "server", "resources": {"requests": {"cpu": "1000"}}}])


def volume(shop: Shop) -> None:
    """A pod that wants a volume which nobody claimed."""
    shop.up("v2.0.0", FINE)
    claimed = {"name": "data", "persistentVolumeClaim": {"claimName": "gone"}}
    patched(shop, volumes=[claimed])


def no_pods(shop: Shop) -> None:
    """What serves was scaled to nothing."""
    shop.cluster.kubectl("-n", shop.name, "scale", "deployment", "price-v1-0-0", "--replicas=0")


def at_its_most(shop: Shop) -> None:
    """An autoscaler that would like more pods than it may make, as its controller writes it."""
    told = ("autoscale", "deployment", "price-v1-0-0", "--name=price", "--max=2", "--cpu=50%")
    shop.cluster.kubectl("-n", shop.name, *told)
    condition = {
        "type": "ScalingLimited",
        "status": "True",
        "reason": "TooManyReplicas",
        "message": "the desired replica count is more than the maximum replica count",
    }
    status = {"currentReplicas": 2, "desiredReplicas": 2, "conditions": [condition]}
    patch = ("patch", "hpa", "price", "--subresource=status", "--type=merge")
    given = json.dumps({"status": status})
    shop.cluster.kubectl("-n", shop.name, *patch, "-p", given)


def fate(name: str) -> Callable[[Shop], None]:
    """A second version whose pods have a fate."""
    return lambda shop: tried(shop, fated(name))


def require_first(shop: Shop, cause: str, words: str) -> None:
    """Wait until the first cause is the one that was planted, for the reason that it was."""
    deadline = time.monotonic() + WITHIN
    while True:
        told = diagnose(shop.api, shop.traffic, "price").found
        if told and f"{told[0].case}: {told[0].cause}" == cause and words in told[0].evidence:
            return
        assert time.monotonic() < deadline, told
        time.sleep(0.5)


@pytest.mark.parametrize(
    ("plant", "cause", "words"),
    [
        (quota, "stuck: quota", "quota small is used up"),
        (capacity, "stuck: node capacity", "Insufficient cpu"),
        (volume, "stuck: volume", 'persistentvolumeclaim "gone" not found'),
        (fate("image-missing"), "stuck: image pull", "shop/price:1: ImagePullBackOff"),
        (fate("no-config"), "stuck: configuration", 'secret "db-credentials" not found'),
        (fate("crashloop"), "stuck: crash", "exit code 3"),
        (fate("oom"), "performance: memory", "was killed at its memory limit"),
        (at_its_most, "performance: CPU", "price is at its most, 2 pods, and wants more"),
        (fate("damaged"), "model: damaged model file", "model.pkl in /models/price/v2.0.0 differs"),
        (fate("never-ready"), "health checks: slow start", "runs since"),
        (no_pods, "model: model service unreachable", "gets 100 % of the traffic"),
    ],
    ids=["quota", "capacity", "volume", "image", "configuration", "crash", "memory", "autoscaler",
         "damaged model", "slow start", "unreachable"],
)  # fmt: skip
def test_a_planted_fault_is_the_first_cause(
    shop: Shop, plant: Callable[[Shop], None], cause: str, words: str
) -> None:
    """With what was seen; without the fault nothing is found."""
    assert diagnose(shop.api, shop.traffic, "price").found == []

    plant(shop)

    require_first(shop, cause, words)


def test_diagnose_says_what_to_do_and_changes_nothing(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """Within 80 columns, for people and as JSON; it may not write, and needs no right to."""
    kubeconfig = shop.cluster.user(shop.name, rules(rights.LOOKING))
    way = ["diagnose", "price", "--namespace", shop.name, "--kubeconfig", str(kubeconfig)]
    assert main(way) == 0
    assert "no cause found" in capsys.readouterr().out
    quota(shop)
    require_first(shop, "stuck: quota", "small")

    assert main(way) == 3
    shown = capsys.readouterr().out
    assert main([*way, "--json"]) == 3
    report = json.loads(capsys.readouterr().out)

    assert shown.startswith(f"price in {shop.name} (test): 1 cause found\n")
    assert "unwell: price-v2-0-0 has 0 of 2 pods" in shown
    assert "1   stuck: quota\n    price-v2-0-0: quota small is used up" in shown
    assert f"do: kubectl -n {shop.name} edit quota small" in shown
    assert max(len(line) for line in shown.splitlines()) <= 80
    assert report["causes"][0]["cause"] == "quota"
    user = f"system:serviceaccount:{shop.name}:{kubeconfig.stem}"
    assert shop.cluster.asked_by(user) == {(r.kind.plural, r.verb) for r in rights.LOOKING}


def test_a_component_that_is_not_there_is_bad_input(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says where it looked."""
    way = ["--namespace", shop.name, "--kubeconfig", str(shop.cluster.plane.kubeconfig)]

    assert main(["diagnose", "risk", *way]) == 2
    assert f"risk has no Deployment in {shop.name}" in capsys.readouterr().err


SLOW = {"VERSION": "v2.0.0", "LATENCY": "4s"}
LATE = {"httpGet": {"path": "/late", "port": 8080}, "periodSeconds": 1, "failureThreshold": 1}


def unlistened(shop: Shop) -> None:
    """A probe on a port on which nothing listens."""
    tried(shop, replace(real("v2.0.0", replicas=1), port=9090))


def impatient(shop: Shop) -> None:
    """A probe of a second on a path that takes four."""
    tried(shop, replace(real("v2.0.0", replicas=1), ready_path="/late", env=SLOW))


def probed(kind: str) -> Callable[[Shop], None]:
    """Another probe of a second on a path that takes four."""

    def plant(shop: Shop) -> None:
        shop.up("v2.0.0", replace(real("v2.0.0", replicas=1), env=SLOW), within=120)
        patched(shop, containers=[{"name": "server", kind: LATE}])

    return plant


def unmountable(shop: Shop) -> None:
    """A volume of a Secret that is not there."""
    shop.up("v2.0.0", real("v2.0.0", replicas=1), within=120)
    mount = {"name": "keys", "mountPath": "/keys"}
    keys = {"name": "keys", "secret": {"secretName": "gone"}}
    patched(shop, volumes=[keys], containers=[{"name": "server", "volumeMounts": [mount]}])


@pytest.fixture
def no_address(real_node: RealNode) -> Iterator[None]:
    """All addresses for pods are taken, as after pods whose node died and gave none back."""
    # A pod that ends meanwhile would make room for another.
    told = ["get", "pods", "-A", "-o", "jsonpath={.items[*].metadata.deletionTimestamp}"]
    deadline = time.monotonic() + WITHIN
    while real_node.run(real_node.plane.kubectl(*told)):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    folder = taken(real_node.namespace)
    folder.mkdir(parents=True, exist_ok=True)
    free = [folder / str(address) for address in ipaddress.ip_network(POD_RANGE).hosts()]
    lost = [path for path in free if not path.exists()]
    for path in lost:
        path.write_text("nobody\r\neth0")
    yield
    for path in lost:
        path.unlink()


@pytest.mark.parametrize(
    ("plant", "cause", "words"),
    [
        (lambda shop: tried(shop, real("v2.0.0", "never-ready", 1)),
         "health checks: dead dependency", "statuscode: 503"),
        (unlistened, "health checks: slow start", "connection refused"),
        (impatient, "health checks: probe timing", "Readiness probe failed"),
        (probed("livenessProbe"), "health checks: probe timing", "killed by its liveness probe"),
        (probed("startupProbe"), "health checks: slow start", "Startup probe failed"),
        (unmountable, "stuck: volume", 'secret "gone" not found'),
    ],
    ids=["dependency", "not listening", "impatient probe", "liveness", "startup", "mount"],
)  # fmt: skip
def test_what_a_kubelet_says_of_probes_and_mounts_is_told_apart(
    real_shop: Shop, plant: Callable[[Shop], None], cause: str, words: str
) -> None:
    """A node's own words lead to the cause: here with real pods and real probes."""
    real_shop.traffic = Traffic(real_shop.api, Gateway("", ""))

    plant(real_shop)

    require_first(real_shop, cause, words)


@pytest.mark.usefixtures("no_address")
def test_pods_for_which_a_node_has_no_address_are_told(real_shop: Shop) -> None:
    """A pod whose containers never begin has no words of its own: the node's are found."""
    real_shop.traffic = Traffic(real_shop.api, Gateway("", ""))

    tried(real_shop, real("v2.0.0", replicas=1))

    require_first(real_shop, "stuck: pod sandbox", "no IP addresses available")
