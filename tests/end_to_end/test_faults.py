"""A fault around a rollback does not delay it; all of them: `make test-faults`."""

from collections.abc import Iterator

import pytest
from story_parts import Story

from benchmarks.faults import strike
from benchmarks.kill_matrix import WATCHED
from benchmarks.kill_verbs import VERBS
from flows.rehearsal.small_client import Client

pytestmark = [pytest.mark.site, pytest.mark.long, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def client(story: Story) -> Iterator[Client]:
    """Requests from outside, after the story."""
    story.here.hold_to(WATCHED)
    with story.here.load() as running:
        yield running


def test_a_rollback_does_not_wait_for_mlflow(story: Story, client: Client) -> None:
    """MLflow sleeps for ten seconds: traffic moves at once, the aliases follow."""
    verb = next(verb for verb in VERBS if verb.verb == "rollback-model")

    struck = strike(story.here, client, "MLflow answers after 10 s", verb)

    assert (struck.code, struck.again, struck.failed) == (0, False, 0)
    assert struck.state.endswith("v1.0.0 serves")
