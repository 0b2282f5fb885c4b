"""Models on real pods behind a real gateway, by the command line, as clients outside see them."""

import os
import signal
from collections.abc import Iterator

import pytest
from kube_models import Models, registry
from kube_real import RealNode, inside
from kube_verbs import ended
from test_roles import CLUSTERS, MADE_BY_PATCH

from cluster.kubernetes.kinds import EVENT
from cluster.kubernetes.rights import SERVING
from flows.rehearsal.small_client import Client
from flows.rehearsal.small_site import MODEL, eventually

pytestmark = [pytest.mark.gateway, pytest.mark.timeout(900)]

WITHIN = 120.0


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
