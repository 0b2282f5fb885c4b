"""Release steps as Jobs on a real API server: in their place, found again, and why they fail."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kube_cluster import Cluster
from kube_release import Shop, release_step

from cluster.kubernetes.kinds import DEPLOYMENT, JOB
from cluster.kubernetes.names import STEP, object_name

pytestmark = pytest.mark.kubernetes

GROW = release_step("grow")
SHRINK = release_step("shrink", reversible=False)
DESCRIBED = """
[component.prices.pod]
serviceAccountName = "prices"

[[component.prices.pod.containers]]
name = "server"
env = [{name = "LEVEL", value = "info"}]
envFrom = [{secretRef = {name = "prices-database"}}]
resources = {requests = {cpu = "10m"}}
"""


@pytest.fixture
def shop(fake_cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """v1.0.0 serves, whose release had a step of each kind."""
    monkeypatch.setenv("PINCEX_HOME", str(tmp_path))
    with Shop(fake_cluster, tmp_path, steps=SHRINK + GROW) as made:
        made.apply_gateway()
        code, report = made.deploy("v1.0.0")
        assert (code, report.get("ending")) == (0, "PROMOTED"), report
        yield made


def jobs(shop: Shop) -> dict[str, Any]:
    """The Jobs of release steps, by the step and the version."""
    found = shop.api.list(JOB, {STEP: None})
    of = {job["metadata"]["name"]: job for job in found}
    container = {name: job["spec"]["template"]["spec"]["containers"][0] for name, job in of.items()}
    return {f"{job['metadata']['labels'][STEP]} {container[name]['command'][1]}": job
            for name, job in of.items()}  # fmt: skip


def test_steps_run_once_with_the_image_of_their_version_and_bar_the_way_back(shop: Shop) -> None:
    """Their pods are none of the version's: nobody would be served by them."""
    code, report = shop.deploy("v2.0.0")
    assert (code, report["ending"]) == (0, "PROMOTED"), report
    found = jobs(shop)
    pods = {name: job["spec"]["template"]["spec"]["containers"][0] for name, job in found.items()}

    assert sorted(found) == ["grow v1.0.0", "grow v2.0.0", "shrink v1.0.0", "shrink v2.0.0"]
    assert pods["grow v2.0.0"]["image"] == "shop/prices:v2.0.0"
    assert all(job["status"]["succeeded"] == 1 for job in found.values())
    assert shop.services.versions_up("prices") == ["v1.0.0", "v2.0.0"]
    begun = {name: job["status"]["startTime"] for name, job in found.items()}
    assert begun["grow v2.0.0"] <= begun["shrink v2.0.0"]
    code, report, _ = shop.run("rollback")
    assert (code, report["changed"]) == (4, "Nothing was changed.")
    assert "began its release step shrink, which cannot be taken back" in report["error"]
    assert shop.serving("v2.0.0")


def test_a_step_that_fails_undoes_the_release_and_is_made_anew_by_the_next_try(shop: Shop) -> None:
    """What the kubelet tells of its end is the reason, and the Job is there to be looked at."""
    shop.steps = release_step("grow", "fail")
    code, report = shop.deploy("v2.0.0")
    assert (code, report["ending"]) == (3, "ROLLED_BACK"), report
    assert "release step grow of prices v2.0.0 failed" in report["reason"]
    assert report["reason"].endswith("exit code 1; the last line")
    assert shop.serving("v1.0.0")
    assert shop.services.versions_up("prices") == ["v1.0.0"]
    before = jobs(shop)["grow v2.0.0"]["metadata"]["uid"]

    shop.deploy("v2.0.0", "--retry")
    assert jobs(shop)["grow v2.0.0"]["metadata"]["uid"] != before
    shop.steps = GROW
    code, report = shop.deploy("v2.0.0", "--retry")
    assert (code, report["ending"]) == (0, "PROMOTED"), report


def test_a_job_that_a_killed_command_left_is_the_same_step(shop: Shop) -> None:
    """Whether it is still under way or done: no second one is made."""
    flow = shop.flow("deploy", shop.request("v2.0.0"))
    shop.until(lambda: "grow v2.0.0" in jobs(shop), "the step is under way")
    flow.kill()
    flow.wait()
    before = jobs(shop)["grow v2.0.0"]["metadata"]["uid"]
    code, report, said = shop.run("resume", "shop")

    assert (code, report.get("ending")) == (0, "PROMOTED"), (report, said)
    assert jobs(shop)["grow v2.0.0"]["metadata"]["uid"] == before


def test_pods_and_steps_run_as_their_component_describes_them(shop: Shop) -> None:
    """With its account, its Secrets by name and its volumes; what a deploy fills in is added."""
    shop.cluster.kubectl("-n", shop.namespace, "create", "serviceaccount", "prices")
    shop.steps = GROW + DESCRIBED
    code, report = shop.deploy("v2.0.0")
    assert (code, report.get("ending")) == (0, "PROMOTED"), report
    deployment = shop.api.get(DEPLOYMENT, object_name("prices", "v2.0.0"))
    found = [deployment, jobs(shop)["grow v2.0.0"]]

    for pod in (one["spec"]["template"]["spec"] for one in found):
        (container,) = pod["containers"]
        assert pod["serviceAccountName"] == "prices"
        assert container["envFrom"] == [{"secretRef": {"name": "prices-database"}}]
        variables = {one["name"]: one["value"] for one in container["env"]}
        assert variables == {"PORT": "8080", "VERSION": "v2.0.0", "LEVEL": "info"}
        assert container["resources"]["requests"] == {"cpu": "10m"}


def test_a_field_that_no_pod_has_undoes_nothing_but_its_own_release(shop: Shop) -> None:
    """The API server says which; what served serves on."""
    shop.steps = DESCRIBED.replace("serviceAccountName", "serviceAcountName")
    code, report = shop.deploy("v2.0.0")

    assert (code, report["ending"]) == (4, "INCONCLUSIVE"), report
    assert "serviceAcountName" in report["reason"]
    assert shop.serving("v1.0.0")
