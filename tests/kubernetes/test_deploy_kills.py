"""The process of a rollout killed, and the API server frozen and restarted: it converges."""

import os
import signal
import time
from collections.abc import Callable, Iterator

import pytest
from kube_cluster import Cluster
from kube_release import NAME, PATIENCE, Shop

from cluster.kubernetes.kinds import LEASE
from cluster.kubernetes.names import FENCE
from cluster.ledger import Row
from rollout.history import OPENED
from rollout.state import Ending

pytestmark = pytest.mark.kubernetes


@pytest.fixture(scope="module")
def running(fake_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """v1.0.0 of two components serves, one of them single, without a Gateway."""
    folder = tmp_path_factory.mktemp("shop")
    made = Shop(fake_cluster, folder, gateway=False, single=True)
    with pytest.MonkeyPatch.context() as patch, made:
        patch.setenv("PINCEX_HOME", str(folder))
        code, report = made.deploy("v1.0.0")
        assert (code, report.get("ending")) == (0, "PROMOTED"), report
        yield made


def rows(shop: Shop) -> list[Row]:
    """The whole ledger, its chain verified."""
    ledger = shop.site.ledger
    ledger.verify()
    return ledger.rows()


def token(shop: Shop) -> int:
    """The newest fencing token of the application."""
    lease = shop.api.get(LEASE, f"pincex-{NAME}.cluster")
    return int(lease["metadata"]["annotations"][FENCE])


def upped(shop: Shop, name: str, version: str) -> bool:
    return version in shop.services.versions_up(name)


def shared(shop: Shop, name: str, version: str, share: int) -> bool:
    return shop.weights().get(name, {}).get(version, 0) == share


STEPS: dict[str, Callable[[Shop, str], bool]] = {
    "candidate starting": lambda shop, v: upped(shop, "prices", v),
    "half of the requests": lambda shop, v: shared(shop, "prices", v, 50),
    "all requests": lambda shop, v: shared(shop, "prices", v, 100),
    "next one starting": lambda shop, v: upped(shop, "settlement", v),
    "handed over": lambda shop, v: shared(shop, "settlement", v, 100),
}


def killed(shop: Shop, reached: Callable[[], bool], what: str) -> None:
    """SIGKILL whoever holds the lock once a step is reached."""
    shop.until(reached, what)
    shop.until(lambda: shop.holder() is not None, "somebody holds the lock")
    pid = shop.holder()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def test_a_deploy_killed_at_every_step_goes_on_by_resume_or_the_same_command(
    running: Shop,
) -> None:
    """One rollout, whatever was half done; each successor's token is above its predecessor's."""
    shop, version = running, "v2.0.0"
    words, tokens = ("deploy", shop.request(version)), [token(shop)]
    for number, (what, reached) in enumerate(STEPS.items()):
        process = shop.flow(*words)
        killed(shop, lambda at=reached: at(shop, version), what)  # type: ignore[misc]
        process.wait(PATIENCE)
        tokens.append(token(shop))
        words = ("resume", NAME) if number % 2 == 0 else ("deploy", shop.request(version))
    said, _ = (process := shop.flow("resume", NAME)).communicate(timeout=PATIENCE)

    assert process.returncode == 0, said
    assert shop.serving(version)
    assert tokens == sorted(set(tokens))
    opened = [row for row in rows(shop) if row.kind == OPENED]
    assert [row.data["candidate"]["version"] for row in opened] == ["v1.0.0", version]  # type: ignore[index]
    assert shop.services.versions_up("settlement") == [version]
    assert shop.holder() is None


def test_a_rollback_that_is_killed_goes_on_by_the_same_command(running: Shop) -> None:
    """Traffic first, and whoever comes next finishes it; no release further back."""
    shop = running
    process = shop.start("rollback")
    killed(shop, lambda: shop.holder() is not None, "it began")
    process.communicate(timeout=PATIENCE)
    code, report, said = shop.run("rollback")

    assert code == 0, (report, said)
    assert shop.serving("v1.0.0")
    assert rows(shop)[-1].data["ending"] == str(Ending.ROLLED_BACK)


def frozen(shop: Shop) -> None:
    """SIGSTOP for 30 s."""
    pid = shop.cluster.plane.parts.alive()["kube-apiserver"]
    os.kill(pid, signal.SIGSTOP)
    time.sleep(30)
    os.kill(pid, signal.SIGCONT)


def restarted(shop: Shop) -> None:
    """Killed, a moment without any, and started again."""
    shop.cluster.plane.parts.stop("kube-apiserver", grace=0.0)
    time.sleep(3)
    shop.cluster.plane.start_again("kube-apiserver")


@pytest.mark.parametrize(("away", "version"), [(frozen, "v5.0.0"), (restarted, "v6.0.0")])
def test_an_api_server_that_goes_away_amid_a_rollout_is_waited_for(
    running: Shop, away: Callable[[Shop], None], version: str
) -> None:
    """The same process goes on once it is back: nothing is undone, nothing is left half done."""
    shop = running
    process = shop.flow("deploy", shop.request(version))
    shop.until(lambda: shared(shop, "prices", version, 50), "half of the requests")
    away(shop)
    said, _ = process.communicate(timeout=PATIENCE)

    assert process.returncode == 0, said
    assert shop.serving(version)
    assert rows(shop)[-1].data["ending"] == str(Ending.PROMOTED)
