"""`restore-config` of a namespace killed at its own steps: the same command ends what began.

All of them: `python -m benchmarks.cluster_kills`; the last full run is docs/kill-matrix-config.md.
"""

from collections.abc import Iterator

import pytest
from kube_cluster import Cluster
from kube_release import Shop

from benchmarks.cluster_kills import RESTORE, Namespaced
from benchmarks.kill_config import backed_up
from benchmarks.kill_matrix import Matrix
from benchmarks.probed import probed_python
from benchmarks.step_plan import Point, Seen, Steps

pytestmark = pytest.mark.kubernetes

HALF = "a deployment is managed by us beside others"
KILLS = {
    "a deployment is as it was, and managed by others": ("PUT", "/deployments/", "._replace"),
    HALF: ("PATCH", "/deployments/", "._take"),
    "a route is managed by us beside others": ("PATCH", "/httproutes/", "._take"),
    "what was deleted is there": ("PATCH", "/configmaps/", "._put"),
    "what was added is being ended": ("DELETE", "/deployments/", "._remove"),
}


@pytest.fixture(scope="module")
def board(fake_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    """v1.0.0 of two components serves."""
    folder = tmp_path_factory.mktemp("shop")
    python = probed_python(tmp_path_factory.mktemp("python") / "probed")
    with pytest.MonkeyPatch.context() as patch, Shop(fake_cluster, folder, single=True) as shop:
        patch.setenv("PINCEX_HOME", str(folder))
        shop.apply_gateway()
        code, report = shop.deploy("v1.0.0")
        assert (code, report.get("ending")) == (0, "PROMOTED"), report
        here = Namespaced(shop, str(python))
        yield Matrix(here, here, None, Steps(folder / "steps"))


@pytest.fixture(scope="module")
def trace(board: Matrix) -> list[Seen]:
    """The steps of a restore that nobody kills."""
    return board.trace(RESTORE)


def point(trace: list[Seen], words: tuple[str, ...]) -> Point:
    """Right after the first step of which all these words are said."""
    step = next(seen for seen in trace if all(word in seen.step for word in words))
    return Point(step.process, step.step, "after")


@pytest.mark.parametrize("where", KILLS)
def test_a_restore_that_is_killed_is_ended_by_the_same_command(
    board: Matrix, trace: list[Seen], where: str
) -> None:
    """All of the backup is there, locks are free, and nobody else manages what a rollout writes."""
    row = board.kill(RESTORE, point(trace, KILLS[where]), 0)

    assert (row.killed, row.then, row.state) == (True, "the same", "all as in the backup")


def test_what_a_killed_restore_left_is_no_configuration_to_keep(
    board: Matrix, trace: list[Seen]
) -> None:
    """A backup names the object, and how to go on; after the same restore it is made."""
    here, words = board.here, RESTORE.prepare(board.here)
    with board.steps.watching("restore-config", point(trace, KILLS[HALF])):
        killed = here.pincex(*words)

    refused, done = here.pincex("backup-config"), here.pincex(*words)

    assert (killed.code, refused.code, done.code) == (-9, 1, 0)
    assert refused.report["error"].startswith("a restore was ended at Deployment prices-")
    assert backed_up(here)
