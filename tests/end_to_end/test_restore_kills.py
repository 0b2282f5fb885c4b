"""`restore-config` and `backup-config` killed at their own steps: the same command ends what began.

All of them: `make test-faults`; the last full run is docs/kill-matrix-config.md.
"""

from collections.abc import Iterator

import pytest
from story_parts import Story
from test_kill_matrix import ROUTE

from benchmarks.kill_config import BACKUP, RESTORE, each_whole_or_refused
from benchmarks.kill_matrix import WATCHED, Matrix
from benchmarks.step_plan import Point, Steps

pytestmark = [pytest.mark.site, pytest.mark.long, pytest.mark.timeout(600)]

OPENED = (
    "commit insert rows rollout-opened < cluster.ledger.append < flows.openers.append_opening"
    " < flows.openers.open_rollout"
)
WANTED = (
    "rename to processes/price@{version}#{n}.json < cluster.local.processes.want"
    " < cluster.local.instances.start_instances < cluster.local.serving.start"
)
POLICY = (
    "rename to policy.toml < flows.kept_files.put < flows.local_config.restore"
    " < flows.backup.restore_config"
)
KILLS = {
    "its rollback is open": Point("command", OPENED, "after"),
    "traffic moved": Point("command", ROUTE, "after"),
    "a server is wanted and not listed": Point("command", WANTED, "after"),
    "only the policy is left": Point("command", POLICY, "before"),
}
DRAFT = (
    "open backups/.config-{id}T{id}Z.json.{n}.{id} < cluster.backup.write"
    " < flows.backup.backup_config < flows.cli.answer"
)


@pytest.fixture(scope="module")
def board(story: Story, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    """The session's site, after the story, under load."""
    steps = Steps(tmp_path_factory.mktemp("steps"))
    story.here.hold_to(WATCHED)
    with story.here.load() as client:
        yield Matrix(story.here, story.here, client, steps)


@pytest.mark.parametrize("where", KILLS)
def test_a_restore_that_is_killed_is_ended_by_the_same_command(board: Matrix, where: str) -> None:
    """What the backup holds is there, locks are free, and no request failed."""
    row = board.kill(RESTORE, KILLS[where], 0)

    assert (row.killed, row.failed, row.doubled) == (True, 0, 0)
    assert (row.then, row.state) == ("the same", "all as in the backup")


def test_a_backup_that_was_killed_half_written_is_not_one(board: Matrix) -> None:
    """Its draft is refused; the same command makes a whole one."""
    row = board.kill(BACKUP, Point("command", DRAFT, "after"), 0)

    assert row.killed
    left = [file.name for file in (board.here.home.path / "backups").iterdir()]
    assert (len(left), each_whole_or_refused(board.here)) == (2, 1)
