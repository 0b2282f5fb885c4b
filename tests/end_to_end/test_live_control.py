"""A copy of the champion, shadowed on the real site, counts its false alarms and makes room."""

from collections.abc import Iterator

import pytest
from story_parts import Story

from benchmarks.race_pairs import on_stable, rest
from cluster.local.instances import versions_up
from flows.platform import traffic
from flows.rehearsal.small_client import Client
from flows.rehearsal.small_site import MODEL, UNWATCHED, SmallSite, eventually
from rollout.state import Ending, Verb

pytestmark = [pytest.mark.site, pytest.mark.long, pytest.mark.timeout(400)]

SECONDS = 25
POLICY = f"""{UNWATCHED.replace("label_window = 10.0", "label_window = 2.0")}
[rollout.control]
max_seconds = {SECONDS}
""".replace("[time]", "[time]\nhorizon = 5.0")


@pytest.fixture
def client(here: SmallSite, story: Story) -> Iterator[Client]:
    """v1.0.0 serves, and requests come from outside, none of which may fail."""
    on_stable(here)
    here.hold_to(POLICY)
    with here.load() as running:
        yield running
    assert running.failures == []
    assert set(running.by_version) == {"v1.0.0"}
    rest(here)


def test_a_control_ends_by_itself_and_leaves_nothing_behind(
    here: SmallSite, client: Client
) -> None:
    """Windows, offset and false alarms are told and kept; nothing of the copy runs afterwards."""
    ran = here.pincex("deploy-model", MODEL, "--control")

    last = here.history().rollouts[-1]
    assert last.verb is Verb.CONTROL
    assert last.closed in (Ending.CONTROLLED, Ending.FALSE_ALARMS), ran
    assert ran.code == (3 if last.closed is Ending.FALSE_ALARMS else 0)
    for said in ("false ROLLBACK in ", "windows of 5 s", "mirror offset", "different answers: 0.0"):
        assert said in ran.report["reason"]
    assert ran.report["version"] == "v1.0.0-copy"
    assert "v1.0.0-copy" not in versions_up(here.home, MODEL)
    assert traffic(here.site, MODEL).mirrored is None
    assert here.alias("challenger") is None
    refused = here.pincex("promote-model", MODEL, "v1.0.0-copy", "--override", "why not")
    assert refused.code == 2
    assert here.history().champion.revision.version == "v1.0.0"  # type: ignore[union-attr]


def test_a_deploy_ends_the_control_that_is_open(here: SmallSite, client: Client) -> None:
    """A copy is shadowed where nothing else is; whoever has a version to judge need not wait."""
    here.hold_to(POLICY.replace(f"max_seconds = {SECONDS}\n", "max_seconds = 600\n"))
    assert here.pincex("deploy-model", MODEL, "--control", "--no-follow").code == 0
    eventually(lambda: traffic(here.site, MODEL).mirrored, 60, "the copy gets copies")

    for verb in ("deploy-model", "promote-model"):
        assert here.pincex(verb, MODEL, "v9.9.9").code == 2
    assert here.history().open.leaving is None, "what is refused ends no control"  # type: ignore[union-attr]

    ran = here.pincex("deploy-model", MODEL, "v2.0.0", "--no-follow")

    assert ran.code == 0, ran
    eventually(lambda: here.history().rollouts[-1].verb is Verb.DEPLOY, 60, "the shadow is open")
    control = here.history().rollouts[-2]
    assert control.verb is Verb.CONTROL
    assert control.closed in (Ending.CONTROLLED, Ending.FALSE_ALARMS, Ending.INCONCLUSIVE)
    assert control.reason.startswith("ended for deploy-model v2.0.0")


BAD = {
    "a version of a control": (MODEL, "v2.0.0", "--control"),
    "nothing at all": (MODEL,),
    "a first version that is a copy": (MODEL, "--control", "--first"),
}


@pytest.mark.parametrize("words", BAD.values(), ids=BAD.keys())
def test_a_control_names_no_version(here: SmallSite, story: Story, words: tuple[str, ...]) -> None:
    """What cannot be meant is refused, and nothing is opened."""
    before = len(here.rows())
    assert here.pincex("deploy-model", *words).code == 2
    assert len(here.rows()) == before
