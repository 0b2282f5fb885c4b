"""Services rolled out and back while the process at it is killed at one of its own steps.

All of them: `make test-faults`; the last full run is docs/kill-matrix.md.
"""

from collections.abc import Iterator

import pytest

from benchmarks.kill_config import RESTORE_SERVICES
from benchmarks.kill_matrix import Matrix, exchange_matrix
from benchmarks.kill_services import SERVICES
from benchmarks.kill_verbs import Verb
from benchmarks.step_plan import Point

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

ROUTE = (
    "rename to envoy/xds/rds/routes.json < cluster.local.xds.write"
    " < cluster.local.traffic.set_route < cluster.local.services.set_route"
)
SERVED = (
    "commit insert rows component-served < cluster.ledger.append"
    " < flows.release_effects._append < flows.release_effects.perform"
)
KILLS = {"deploy": Point("flow", ROUTE, "after"), "rollback": Point("command", SERVED, "after")}


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    """An exchange that a trader uses."""
    with exchange_matrix(tmp_path_factory.mktemp("kills")) as made:
        yield made


@pytest.mark.parametrize("verb", SERVICES, ids=lambda verb: verb.name)
def test_a_killed_release_comes_to_one_good_end(board: Matrix, verb: Verb) -> None:
    """Just after a share was moved, or a component taken: no order fails or stands twice."""
    row = board.kill(verb, KILLS[verb.name], 0)

    assert (row.killed, row.failed, row.doubled, row.then) == (True, 0, 0, "resume"), row
    assert row.state.startswith(("deploy PROMOTED", "rollback ROLLED_BACK"))


def test_a_killed_restore_is_ended_by_the_same_command(board: Matrix) -> None:
    """Just after a share was moved back: all of the backup is there, and no order is lost."""
    point = Point("command", ROUTE, "after")
    row = board.kill(RESTORE_SERVICES, point, 0)

    assert (row.killed, row.failed, row.doubled, row.then) == (True, 0, 0, "the same"), row
    assert row.state == "all as in the backup"
