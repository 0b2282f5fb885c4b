"""What took over in a cluster is watched by the runbook's rules: late harm is undone by itself."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import pytest
from kube_cluster import Cluster
from kube_pods import unready
from kube_release import NAME, PATIENCE, POLICY, Shop
from kube_requests import Behaviour

from cluster.kubernetes.kinds import DEPLOYMENT
from rollout.state import Ending, Phase

pytestmark = pytest.mark.kubernetes

# Minutes of four seconds: a Prometheus scrapes every second here.
WATCHED = POLICY.replace(
    "[rollout.watch]\nseconds = 0\n",
    "[rollout.watch]\nseconds = {seconds}\nminute = 4\nmin_requests = 100\n",
)
V1 = "v1.0.0"


@pytest.fixture(scope="module", params=["gateway", "replicas"])
def running(
    fake_cluster: Cluster,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Shop]:
    """v1.0.0 of two components serves, the second one single."""
    folder, behind = tmp_path_factory.mktemp("shop"), request.param == "gateway"
    with (
        pytest.MonkeyPatch.context() as patch,
        Shop(fake_cluster, folder, gateway=behind, single=True) as made,
    ):
        patch.setenv("PINCEX_HOME", str(folder))
        if behind:
            made.apply_gateway()
        code, report = made.deploy(V1)
        assert (code, report.get("ending")) == (0, "PROMOTED"), report
        yield made


@pytest.fixture
def shop(running: Shop) -> Iterator[Shop]:
    """The same, v1.0.0 serving again and nothing open whatever a test did before."""
    yield running
    assert running.serving(V1)
    assert running.holder() is None


def watched(shop: Shop, version: str, seconds: float) -> "Future[tuple[int, dict[str, Any]]]":
    """A deploy that has come to its watch: every component serves the version alone."""
    running = shop.begin(version, WATCHED.format(seconds=seconds))

    def there() -> bool:
        return running.done() or shop.site.history(NAME).rollouts[-1].phase is Phase.WATCHING

    shop.until(there, "it is watched")
    assert not running.done(), running.result()
    assert all(weights == {version: 100} for weights in shop.weights().values())
    return running


def fails(shop: Shop, version: str) -> str:
    """One answer in five is an error."""
    shop.requests.behave["prices", version] = Behaviour(errors=0.2)
    return "prices: errors"


def slows(shop: Shop, version: str) -> str:
    """Every answer takes fifty times as long as before."""
    shop.requests.behave["prices", version] = Behaviour(seconds=0.2)
    return "prices: p95 over 15 ms (past p95 5 ms)"


def sickens(shop: Shop, version: str) -> str:
    """A pod is ready no more, for no reason that would be for good."""
    unready(shop, "prices", version)
    return "prices: a server failed 3 health checks in a row"


@pytest.mark.parametrize(
    ("version", "harm"), [("v2.0.0", fails), ("v2.1.0", slows), ("v2.2.0", sickens)]
)
def test_each_live_rule_takes_the_release_back(
    shop: Shop, version: str, harm: Callable[[Shop, str], str]
) -> None:
    """Every component, onto pods that were kept for it or are brought up again."""
    rollout = watched(shop, version, 120)
    said = harm(shop, version)
    code, report = rollout.result(PATIENCE)

    assert (code, report.get("ending")) == (3, "ROLLED_BACK"), report
    assert report["reason"].startswith(said)
    assert shop.api.get(DEPLOYMENT, "settlement-v1-0-0")["spec"]["replicas"] == 1


def test_harm_while_the_next_component_starts_is_undone_meanwhile(shop: Shop) -> None:
    """What took over is looked at although the servers of another one are waited for."""
    version, policy = "v2.3.0", shop.folder / "slow-start.toml"
    policy.write_text(WATCHED.format(seconds=200).replace("120", "200"))
    rollout = shop.beside.submit(
        shop.deploy, version, "--policy", str(policy), settlement="shop/settlement:never-ready"
    )
    shop.until(lambda: version in shop.services.versions_up("settlement"), "it starts")
    assert shop.weights()["prices"] == {version: 100}
    said, begun = fails(shop, version), time.monotonic()
    code, report = rollout.result(PATIENCE)

    assert (code, report.get("ending")) == (3, "ROLLED_BACK"), report
    assert report["reason"].startswith(said)
    assert time.monotonic() - begun < 100


def test_an_outage_of_the_metrics_holds_and_no_request_is_named(shop: Shop) -> None:
    """Neither is a breach: nothing is undone, and the watch does not end in the dark."""
    rollout = watched(shop, "v3.0.0", 8)
    shop.scraper.stop()
    with pytest.raises(TimeoutError):
        rollout.result(20)
    (entry,) = shop.run("status")[1]["applications"]
    assert "cannot be had" in entry["progress"]["reason"]
    shop.requests.asked = False
    shop.scraper.start()
    code, report = rollout.result(PATIENCE)
    shop.requests.asked = True

    assert (code, report.get("ending")) == (0, "PROMOTED"), report
    assert "not judged: errors" in report["reason"]
    assert shop.run("rollback")[0] == 0


def test_a_watch_whose_process_is_killed_is_resumed_and_undoes(shop: Shop) -> None:
    """Whoever goes on counts from when the component took over, not from when it began to look."""
    policy = shop.folder / "watched.toml"
    policy.write_text(WATCHED.format(seconds=240))
    code, _, said = shop.command_deploy("v4.0.0", "--policy", str(policy), "--no-follow")
    assert code == 0, said

    def watching() -> bool:
        return shop.site.history(NAME).rollouts[-1].phase is Phase.WATCHING

    shop.until(watching, "it is watched")
    shop.kill_holder()
    fails(shop, "v4.0.0")
    code, report, said = shop.run("resume", NAME)
    assert (code, report.get("ending")) == (3, "ROLLED_BACK"), (report, said)
    assert shop.site.history(NAME).rollouts[-1].closed is Ending.ROLLED_BACK
