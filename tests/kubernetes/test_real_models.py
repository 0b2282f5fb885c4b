"""Models on real pods behind a real gateway, by the command line, as clients outside see them."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from kube_models import (
    PATIENT,
    READY_SECONDS,
    REGISTRY_PORT,
    ROLE,
    ROOT,
    Models,
    registry,
    start_registry,
)
from kube_real import RealNode, inside
from kube_verbs import ended
from test_roles import CLUSTERS, MADE_BY_PATCH

from cluster.kubernetes.kinds import EVENT
from cluster.kubernetes.rights import SERVING
from flows.rehearsal.small_client import Client
from flows.rehearsal.small_site import MODEL, eventually
from models.registry import Registry

pytestmark = [pytest.mark.gateway, pytest.mark.timeout(900)]

WITHIN = 120.0
TURNING = ROOT / "tests" / "end_to_end" / "turning_model.py"


@pytest.fixture(scope="module")
def mlflow(real_node: RealNode) -> Iterator[str]:
    """Its address; it starts while the gateway does."""
    with registry(real_node) as url:
        yield url


@pytest.fixture(scope="module")
def models(
    mlflow: str, gateway: RealNode, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Models]:
    """v1.0.0 serves; one that is as good and a bad one are registered beside it."""
    folder = tmp_path_factory.mktemp("models")
    with inside(gateway.namespace), Models(gateway, folder, mlflow) as made:
        made.register("v1.0.0", "v2.0.0", "v3.0.0")
        made.deploy(0, "v1.0.0", "--first")
        made.until_answered("v1.0.0")
        yield made


@pytest.fixture(scope="module")
def client(models: Models) -> Iterator[Client]:
    """Requests and labels from outside, over all of the tests."""
    with models.load() as running:
        yield running


def test_a_model_is_proven_promoted_and_rolled_back_without_a_lost_request(
    models: Models, client: Client
) -> None:
    """Copies until the verdict, then all traffic, and back at once; the evidence holds."""
    report = models.deploy(0, "v2.0.0")

    assert report["decision"] == "PROMOTE", report
    assert models.route().weights == {"v1.0.0": 100}
    models.verify(report)

    models.must(0, "promote-model", MODEL)
    assert models.route().weights == {"v2.0.0": 100}
    assert models.route().mirror is None
    eventually(lambda: client.by_version["v2.0.0"] > 60, WITHIN, "v2.0.0 answers")

    models.must(0, "rollback-model", MODEL)
    assert models.route().weights == {"v1.0.0": 100}
    models.until_answered("v1.0.0")
    assert client.failures == []
    assert client.doubled == 0


def test_a_bad_version_is_found_in_its_shadow_and_taken_out(models: Models, client: Client) -> None:
    """No client is ever answered by it, and nothing of it is left."""
    report = models.deploy(3, "v3.0.0")

    assert report["decision"] == "ROLLBACK", report
    assert models.route().weights == {"v1.0.0": 100}
    assert models.route().mirror is None
    eventually(lambda: "v3.0.0" not in models.deployed(), WITHIN, "v3.0.0 is gone")
    models.verify(report)
    assert "v3.0.0" not in client.by_version
    assert client.failures == []


def test_a_shadow_whose_process_is_killed_goes_on_to_the_same_verdict(
    models: Models, client: Client
) -> None:
    """`kill -9` while copies are counted, then `resume`."""
    running = models.start("deploy-model", MODEL, "v2.0.0")
    eventually(lambda: models.route().mirror is not None, WITHIN, "v2.0.0 gets copies")
    os.kill(models.holder(), signal.SIGKILL)
    ended(running)

    report = models.must(0, "resume", MODEL)

    assert (report["version"], report["decision"]) == ("v2.0.0", "PROMOTE"), report
    models.verify(report)
    assert client.failures == []
    assert client.doubled == 0


def test_the_account_has_the_rights_that_it_uses_and_no_others(models: Models) -> None:
    """By the audit log, after all of the above; the Gateway was named, so none was looked for."""
    asked = {(kind, verb) for kind, verb in models.asked() if kind not in CLUSTERS}
    told = {(right.kind.plural.partition("/")[0], right.verb) for right in SERVING}
    told -= {(kind, "create") for kind in MADE_BY_PATCH}

    assert asked <= told
    assert told - asked == {("gateways", "list")}


@pytest.mark.parametrize("words", [("deploy-model", MODEL, "v2.0.0"), ("promote-model", MODEL)])
def test_a_verb_asks_for_each_of_its_rights_before_it_changes_anything(
    models: Models, words: tuple[str, ...]
) -> None:
    """One rule less at a time, and the error names it; who has all of them promotes, below."""
    before = models.rows()

    quiet = [right for right in sorted(SERVING, key=str) if not models.names(right, *words)]

    assert quiet == []
    assert models.rows() == before


def test_a_rollback_is_stopped_at_each_right_it_misses_and_goes_on_with_it(
    models: Models, client: Client
) -> None:
    """An undo does not ask first; in the order of use each rule is named, and none is lost."""
    models.must(0, "promote-model", MODEL, "v2.0.0")
    with models.acting(SERVING) as user:
        models.must(0, "rollback-model", MODEL)
        used = models.cluster.rights_in_order(user, SERVING)
    models.must(0, "promote-model", MODEL, "v2.0.0")
    models.until_answered("v2.0.0")

    order = [right for right in used if right.kind is not EVENT]
    quiet = [right for right in order if not models.names(right, "rollback-model", MODEL)]
    models.must(0, "rollback-model", MODEL)

    assert quiet == []
    assert len(order) >= 10
    assert models.route().weights == {"v1.0.0": 100}
    models.until_answered("v1.0.0")
    assert client.failures == []


def test_accuracy_that_falls_after_a_promotion_undoes_it(models: Models, client: Client) -> None:
    """Below 85 % on a bound: the watch returns all traffic, and whoever follows it gets code 3."""
    (home,) = (models.folder / "clusters").iterdir()
    switch, saved, policy = home / "records" / "switch", models.folder / "v6", models.policy
    made = [sys.executable, "-W", "ignore", str(TURNING), str(saved), str(switch)]
    subprocess.run(made, check=True, capture_output=True)
    models.must(0, "register-model", MODEL, "v6.0.0", str(saved))
    policy.write_text(PATIENT.replace("seconds = 0", "seconds = 180"))

    models.must(0, "promote-model", MODEL, "v6.0.0", "--override", "a test")
    models.until_answered("v6.0.0")
    labelled = client.by_version["v6.0.0"]
    switch.write_text("wrong 1")
    report = models.must(3, "resume", MODEL)
    policy.write_text(PATIENT)

    assert report["ending"] == "ROLLED_BACK", report
    assert report["reason"].startswith("accuracy ")
    assert "proven below 85 %" in report["reason"]
    assert models.route().weights == {"v1.0.0": 100}
    models.until_answered("v1.0.0")
    known = models.must(0, "model-status", MODEL)
    marks = {one["version"]: one["validation_status"] for one in known["versions"]}
    assert (known["champion"], marks["v6.0.0"]) == ("v1.0.0", "rejected")
    assert client.by_version["v6.0.0"] > labelled
    assert client.failures == []


def test_a_report_of_the_model_is_made_from_the_rows_of_its_pods(
    models: Models, client: Client
) -> None:
    """Requests and labels of both versions that served, and every rollout; no server is asked."""
    report = models.must(0, "model-report", MODEL)

    assert report["champion"]["version"] == "v1.0.0"
    assert set(report["versions"]) == {"v1.0.0", "v2.0.0", "v6.0.0"}
    assert report["requests"] >= 0.9 * sum(client.by_version.values())
    assert report["accuracy"]["n"] > 100
    assert {one["version"] for one in report["rollouts"]} >= {"v2.0.0", "v3.0.0"}


def test_aliases_that_somebody_moved_come_back_with_a_backup(models: Models) -> None:
    """Kept beside the objects and what serves; put back without a word to the traffic."""
    code, kept, said = models.as_admin("backup-config")
    assert code == 0, said
    with Registry(models.url) as registry:
        before = registry.aliases(MODEL)
        registry.set_alias(MODEL, "champion", "v3.0.0")

        code, _, said = models.as_admin("restore-config", kept["file"], "--yes")

        assert code == 0, said
        assert registry.aliases(MODEL) == before
    assert {f"aliases {MODEL}", "policy"} <= {*kept["items"]}
    assert before["champion"] == "v1.0.0"
    assert models.route().weights == {"v1.0.0": 100}


def test_a_registry_that_does_not_answer_leaves_its_aliases_out_of_a_restore(
    models: Models,
) -> None:
    """What can be compared is, and is put back; the rest is told."""
    code, kept, said = models.as_admin("backup-config")
    assert code == 0, said
    models.node.plane.parts.stop(ROLE)
    try:
        code, report, said = models.as_admin("restore-config", kept["file"], "--yes")
    finally:
        start_registry(models.node)
        models.node.wait_listens(ROLE, REGISTRY_PORT, READY_SECONDS)

    assert code == 0, said
    assert [why.split(":")[0] for why in report["not_compared"]] == [f"aliases {MODEL}"]


def test_a_damaged_model_file_is_the_cause_that_diagnose_names(
    models: Models, client: Client
) -> None:
    """A pod that begins anew refuses it; the other one answers meanwhile, and it is mended."""
    (file,) = (models.folder / "clusters").glob(f"*/models/{MODEL}/v1.0.0/MLmodel")
    whole = file.read_bytes()
    file.write_bytes(whole + b"#")
    (pod, *_) = models.pods("v1.0.0")
    models.cluster.kubectl("-n", models.namespace, "delete", "pod", pod, "--wait=false")
    try:
        eventually(lambda: diagnosed(models) == "damaged model file", WITHIN, "it is named")
        told = models.as_admin("diagnose", MODEL)[1]["causes"][0]
    finally:
        file.write_bytes(whole)
        for one in models.pods("v1.0.0"):
            models.cluster.kubectl("-n", models.namespace, "delete", "pod", one, "--wait=false")
        models.ready("v1.0.0")

    assert told["case"] == "model"
    assert "MLmodel in " in told["evidence"]
    assert "differs from what was registered" in told["evidence"]
    assert told["remedy"].startswith(f"pincex rollback-model {MODEL}")


def diagnosed(models: Models) -> str | None:
    """The first cause."""
    causes = models.as_admin("diagnose", MODEL)[1]["causes"]
    return causes[0]["cause"] if causes else None
