"""What goes wrong around a `deploy` on a real API server: in words, traffic where it is well."""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from kube_cluster import Cluster
from kube_pods import unready
from kube_release import NAME, PATIENCE, Shop
from kube_requests import Behaviour

from cluster.kubernetes.kinds import DEPLOYMENT, SERVICE
from cluster.kubernetes.lock import Lock
from cluster.kubernetes.names import REGION
from rollout.history import TRAFFIC
from rollout.state import Ending

pytestmark = pytest.mark.kubernetes

SLOW = """
[rollout]
ready_within = 120

[rollout.steps]
first_percent = 50
growth = 2
seconds = 10
min_requests = 50
errors_limit_percent = 80
deadline = 60

[rollout.live_rules.health]
every = 0.5

[rollout.watch]
seconds = 0
"""


@pytest.fixture(scope="module")
def running(fake_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """v1.0.0 of one component serves, without a Gateway."""
    folder = tmp_path_factory.mktemp("shop")
    with pytest.MonkeyPatch.context() as patch, Shop(fake_cluster, folder, gateway=False) as made:
        patch.setenv("PINCEX_HOME", str(folder))
        code, report = made.deploy("v1.0.0")
        assert (code, report.get("ending")) == (0, "PROMOTED"), report
        yield made


@pytest.fixture
def shop(running: Shop) -> Iterator[Shop]:
    """The same, v1.0.0 serving again and nothing open whatever a test did before."""
    yield running
    assert running.serving("v1.0.0")
    assert running.holder() is None


def noted(shop: Shop) -> int:
    """The share that the newest row about the candidate's requests has."""
    shares = [row.data["share"] for row in shop.site.ledger.rows() if row.kind == TRAFFIC]
    return int(str(shares[-1]))


def begun(shop: Shop, version: str) -> "Future[tuple[int, dict[str, Any]]]":
    """A deploy whose steps last long enough for something to happen, at its first step."""
    running = shop.begin(version, SLOW)
    shop.until(
        lambda: running.done() or noted(shop) == 50,
        "half of the requests",
    )
    assert not running.done(), running.result()
    return running


@pytest.mark.parametrize(
    ("version", "tag", "code", "ending", "words"),
    [
        ("v2.0.0", "crashloop", 3, "ROLLED_BACK", "ends again and again"),
        ("v2.1.0", "oom", 3, "ROLLED_BACK", "ran out of memory and was killed"),
        ("v2.2.0", "image-missing", 3, "ROLLED_BACK", "cannot be had (ImagePullBackOff)"),
        ("v2.3.0", "no-config", 3, "ROLLED_BACK", 'secret "db-credentials" not found'),
        ("v2.4.0", "never-ready", 4, "INCONCLUSIVE", "readiness probe does not succeed"),
    ],
)
def test_pods_that_cannot_serve_end_the_rollout_in_their_own_words(
    shop: Shop, version: str, tag: str, code: int, ending: str, words: str
) -> None:
    """Within seconds where waiting cannot cure them; one that is only late is given its time."""
    path = shop.folder / "late.toml"
    path.write_text(SLOW.replace("120", "10"))
    policy = ("--policy", str(path)) if tag == "never-ready" else ()
    ran, report = shop.deploy(version, *policy, prices=f"shop/prices:{tag}")

    assert (ran, report.get("ending")) == (code, ending), report
    assert words in report["reason"]
    assert shop.services.versions_up("prices") == ["v1.0.0"]


def scaled(shop: Shop) -> str:
    shop.cluster.kubectl(
        "-n", shop.namespace, "scale", "deployment", "prices-v3-0-0", "--replicas=4"
    )
    return "kubectl changed spec.replicas of"


def edited(shop: Shop) -> str:
    patch = '{"spec": {"selector": {"app": "maintenance"}}}'
    shop.cluster.kubectl("-n", shop.namespace, "patch", "service", "prices", "-p", patch)
    return "changed the selector of the Service prices"


def deleted(shop: Shop) -> str:
    told = ("delete", "deployment", "prices-v3-0-0", "--wait=false")
    shop.cluster.kubectl("-n", shop.namespace, *told)
    return "the Deployment prices-v3-0-0 is gone; somebody deleted it"


def deleted_before(shop: Shop) -> str:
    told = ("delete", "deployment", "prices-v1-0-0", "--wait=false")
    shop.cluster.kubectl("-n", shop.namespace, *told)
    return "the Deployment prices-v1-0-0 is gone; somebody deleted it"


@pytest.mark.parametrize("meddle", [scaled, edited, deleted, deleted_before])
def test_who_meddles_with_a_rollout_is_named_and_it_is_undone(shop: Shop, meddle: Any) -> None:
    """Held, not failed: the version did nothing wrong. What served serves alone again."""
    rollout = begun(shop, "v3.0.0")
    words = meddle(shop)
    code, report = rollout.result(PATIENCE)

    assert (code, report.get("ending")) == (4, "INCONCLUSIVE"), report
    assert words in report["reason"]
    assert shop.api.get(DEPLOYMENT, "prices-v1-0-0")["spec"]["replicas"] == 2


def test_a_candidate_that_takes_half_as_long_again_is_undone(shop: Shop) -> None:
    """Against the pinned p95 of the version before, by the bounds of a histogram."""
    shop.requests.behave["prices", "v3.3.0"] = Behaviour(seconds=0.2)
    code, report = shop.deploy("v3.3.0")

    assert (code, report.get("ending")) == (3, "ROLLED_BACK"), report
    assert "slower than 15 ms (past p95 5 ms)" in report["reason"]


def test_pods_that_stop_serving_in_the_middle_fail_their_health_checks(shop: Shop) -> None:
    """Three in a row undo the rollout: nothing in the pods' state says that it is for good."""
    rollout = begun(shop, "v3.1.0")
    unready(shop, "prices", "v3.1.0")
    code, report = rollout.result(PATIENCE)

    assert (code, report.get("ending")) == (3, "ROLLED_BACK"), report
    assert "failed 3 health checks in a row" in report["reason"]


def test_ctrl_c_stops_following_and_a_rollback_ends_the_rollout(shop: Shop) -> None:
    """The rollout goes on in its own process; a second deploy names it; an undo takes the lock."""
    (shop.folder / "slow.toml").write_text(SLOW)
    shop.application()
    process = shop.start("deploy", "v3.2.0", "--policy", str(shop.folder / "slow.toml"))
    shop.until(lambda: shop.weights().get("prices", {}).get("v3.2.0") == 50, "half of them")
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 4, said
    assert "the rollout goes on" in said
    assert f"pincex resume {NAME} --namespace {shop.namespace}" in said

    code, report = shop.deploy("v4.0.0")
    assert code == 1
    assert "held by deploy v3.2.0" in report["error"]

    code, report, said = shop.run("rollback", "--reason", "wrong prices")
    assert (code, report.get("back")) == (0, {"prices": "v1.0.0"}), (report, said)
    code, report, _ = shop.run("history")
    kinds = [(row["kind"], row["data"].get("ending")) for row in report["rows"]]
    assert kinds[-2:] == [
        ("rollout-closed", str(Ending.ABANDONED)),
        ("rollout-closed", str(Ending.ROLLED_BACK)),
    ]


def test_a_second_orchestrator_is_refused_by_the_lease(shop: Shop) -> None:
    """Whoever holds the lease of the application is named, and nothing is written."""
    lease = Lock(shop.api).acquire(NAME, REGION, "deploy v9 by ann elsewhere", 60)
    try:
        code, report = shop.deploy("v4.1.0")
    finally:
        lease.release()

    assert code == 1
    assert "held by deploy v9 by ann elsewhere" in report["error"]


def test_what_cannot_be_right_is_bad_input(shop: Shop, tmp_path: Path) -> None:
    """Each with what would be right, and nothing changed: version, namespace, Gateway, metrics."""
    before = shop.api.get(SERVICE, "prices")["metadata"]["resourceVersion"]
    code, report = shop.deploy("v1.0.0")
    assert code == 2
    assert "v1.0.0 of shop serves already" in report["error"]

    told = ["deploy", "v5.0.0", "--gateway", "nowhere"]
    code, report, _ = shop.run(*told)
    assert code == 2
    assert "Gateway nowhere" in report["error"]

    (tmp_path / "wrong.toml").write_text('url = "http://ann:secret@127.0.0.1"\n')
    code, report, _ = shop.run("deploy", "v5.0.0", "--metrics", str(tmp_path / "wrong.toml"))
    assert code == 2
    assert "holds a password" in report["error"]
    assert "secret" not in str(report)
    assert shop.api.get(SERVICE, "prices")["metadata"]["resourceVersion"] == before


def test_a_namespace_in_which_nothing_was_deployed_is_told(shop: Shop) -> None:
    """A wrong namespace is no empty status, and nothing is made there."""
    kept, shop.namespace = shop.namespace, shop.cluster.namespace()
    try:
        code, report, _ = shop.run("rollback")
        assert code == 2
        assert f"nothing was deployed to {shop.namespace}" in report["error"]
    finally:
        shop.namespace = kept


def test_where_nobody_counts_answers_nothing_is_begun(shop: Shop) -> None:
    """Absence of evidence never passes: refused before anything is started, exit code 4."""
    path = shop.folder / "metrics.toml"
    text = path.read_text()
    path.unlink()
    try:
        code, report = shop.deploy("v5.1.0")
    finally:
        path.write_text(text)

    assert code == 4
    assert "nobody counts what prices answer" in report["error"]
    assert shop.services.versions_up("prices") == ["v1.0.0"]


def test_another_ledger_does_not_replace_what_it_does_not_know(shop: Shop, tmp_path: Path) -> None:
    """What serves would be taken for nothing, and its successor get everything unjudged."""
    home = shop.folder
    shop.application()
    (tmp_path / "application.toml").write_text((home / "application.toml").read_text())
    shop.folder = tmp_path
    try:
        code, report, _ = shop.run("deploy", "v6.0.0")
    finally:
        shop.folder = home

    assert code == 1
    assert "prices gets requests (v1.0.0)" in report["error"]


def test_settings_that_lose_requests_are_refused_unless_accepted(shop: Shop) -> None:
    """`validate` says so before, `deploy` refuses, and --accept-downtime goes on."""
    spec = shop.api.get(DEPLOYMENT, "prices-v1-0-0")["spec"]["strategy"]
    patch = '{"spec": {"strategy": {"rollingUpdate": {"maxUnavailable": 1}}}}'
    space = ("-n", shop.namespace)
    shop.cluster.kubectl(*space, "patch", "deployment", "prices-v1-0-0", "-p", patch)
    code, report, _ = shop.run("validate", "prices")
    assert code == 3
    assert "maxUnavailable 1" in str(report["lines"])

    code, report = shop.deploy("v7.0.0")
    assert code == 1
    assert "would lose requests: prices-v1-0-0: maxUnavailable 1" in report["error"]
    assert shop.services.versions_up("prices") == ["v1.0.0"]

    code, report = shop.deploy("v7.0.0", "--accept-downtime")
    assert (code, report.get("ending")) == (0, "PROMOTED"), report

    # An undo brings up what it returns to as we would run it.
    code, report, said = shop.run("rollback")
    assert code == 0, (report, said)
    assert shop.api.get(DEPLOYMENT, "prices-v1-0-0")["spec"]["strategy"] == spec


def test_silent_metrics_hold_a_rollout_without_undoing_it(shop: Shop) -> None:
    """No answer of Prometheus is neither traffic nor harm: it goes on once it answers again."""
    rollout = begun(shop, "v8.0.0")
    (pid,) = shop.scraper.parts.alive().values()
    os.kill(pid, signal.SIGSTOP)
    time.sleep(12)
    still = not rollout.done() and shop.weights()["prices"] == {"v1.0.0": 50, "v8.0.0": 50}
    os.kill(pid, signal.SIGCONT)
    code, report = rollout.result(PATIENCE)

    assert still
    assert code == 0, report
    code, report, _ = shop.run("rollback")
    assert code == 0, report
