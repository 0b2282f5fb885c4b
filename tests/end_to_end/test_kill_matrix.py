"""The steps that a verb's own processes report, and a sample of kills before and after them.

All of them: `make test-faults`; the last full run is docs/kill-matrix.md.
"""

import random
from collections.abc import Iterator

import pytest
from story_parts import Story

from benchmarks.kill_matrix import SEED, WATCHED, Matrix
from benchmarks.kill_verbs import VERBS
from benchmarks.step_plan import Point, Seen, Steps, killings, points

BY_NAME = {verb.name: verb for verb in VERBS}
ROUTE = (
    "rename to envoy/xds/rds/routes.json < cluster.local.xds.write"
    " < cluster.local.traffic.set_route < cluster.local.serving.set_route"
)
CLOSED = (
    "commit insert rows rollout-closed < cluster.ledger.append < flows.effects.close"
    " < flows.effects._promote"
)
KILLS = {
    "promote-model": Point("flow", ROUTE, "after"),
    "rollback-model": Point("command", CLOSED, "after"),
}


def seen(*steps: str) -> list[Seen]:
    """A trace of one process; a step in brackets is scratch."""
    return [Seen("flow", step.strip("()"), step.startswith("(")) for step in steps]


@pytest.mark.parametrize(
    ("trace", "kills"),
    [
        pytest.param(seen("rename a"), ["before rename a", "after rename a"], id="one step"),
        pytest.param(
            seen("rename a", "rename b"),
            ["before rename a", "before rename b", "after rename b"],
            id="one kill shows after one and before the next",
        ),
        pytest.param(
            seen("rename a", "rename b", "rename a"),
            ["before rename a", "before rename b", "after rename b"],
            id="a repeated step hides nothing: after the one before it is killed",
        ),
        pytest.param(
            seen("rename a", "(open draft)", "rename b"),
            [
                *("before rename a", "before open draft", "after open draft"),
                *("before rename b", "after rename b"),
            ],
            id="a draft lies between",
        ),
        pytest.param(
            seen("open log", "rename a"),
            ["before open log", "after open log", "before rename a", "after rename a"],
            id="a file that was opened is still empty",
        ),
    ],
)
def test_every_step_has_a_kill_on_either_side(trace: list[Seen], kills: list[str]) -> None:
    """And no kill is made twice."""
    found = [f"{point.side} {point.step}" for point in points(killings(trace))]

    assert sorted(found) == sorted(kills)


@pytest.fixture(scope="module")
def board(story: Story, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    """The session's site, after the story, under load."""
    steps = Steps(tmp_path_factory.mktemp("steps"))
    story.here.hold_to(WATCHED)
    with story.here.load() as client:
        yield Matrix(story.here, story.here, client, steps)


@pytest.mark.site
@pytest.mark.timeout(300)
def test_a_verb_reports_its_steps_and_survives_a_kill_at_each(board: Matrix) -> None:
    """What registers a version is seen where it happens; two of its steps are killed."""
    verb = BY_NAME["register-model"]
    trace = board.trace(verb)
    reported = [step.step.partition(" < ")[0] for step in trace]

    assert [step for step in reported if step.startswith("PUT ")], reported
    assert reported[-1].endswith("/runs/update"), reported
    for turn, point in enumerate(random.Random(SEED).sample(points(killings(trace)), 2)):
        row = board.kill(verb, point, turn)
        assert (row.killed, row.failed, row.state) == (True, 0, "one version with its manifest")


@pytest.mark.site
@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", KILLS)
def test_a_step_of_a_rollout_is_killed(board: Matrix, name: str) -> None:
    """Just after traffic moved; and just after the last row, with the aliases still to follow."""
    row = board.kill(BY_NAME[name], KILLS[name], 0)

    assert (row.killed, row.failed, row.doubled) == (True, 0, 0)
    assert row.then == "resume"
