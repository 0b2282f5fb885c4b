"""A shadow beside the first champion of a model: followed twice, and ended by hand."""

import time

import pytest

from cluster.local.instances import versions_up
from flows.platform import traffic
from flows.rehearsal.small_site import SmallSite, ended, eventually
from rollout.state import Ending

pytestmark = [pytest.mark.site, pytest.mark.long, pytest.mark.timeout(400)]

NAME = "second"


def test_a_shadow_is_followed_by_the_same_command_and_ended_by_a_rollback(
    here: SmallSite,
) -> None:
    """Nothing served before the champion: it keeps all traffic, and nothing is left of the copy."""
    for version in ("v1.0.0", "v2.0.0"):
        source = str(here.directory / "models" / version)
        assert here.pincex("register-model", NAME, version, source).code == 0
    assert here.pincex("deploy-model", NAME, "v1.0.0", "--first").code == 0
    assert here.pincex("deploy-model", NAME, "v2.0.0", "--no-follow").code == 0
    eventually(lambda: traffic(here.site, NAME).mirrored, 60, "v2.0.0 gets copies")
    rate = here.pincex("deploy-model", NAME, "v2.0.0", "--cap", "3")
    assert (rate.code, "is open" in rate.report["error"]) == (1, True), rate
    assert here.pincex("deploy-model", NAME, "v2.0.0", "--no-follow").code == 0
    begun = time.monotonic()
    again = here.command("deploy-model", NAME, "v2.0.0")
    time.sleep(3)
    assert again.poll() is None

    ran = here.pincex("rollback-model", NAME, "--reason", "not today")

    assert (ran.code, ran.report["to"], ran.report["ended"]) == (0, "v1.0.0", "v2.0.0"), ran
    last = here.site.history(NAME).rollouts[-1]
    assert (last.closed, last.reason) == (Ending.ABANDONED, "rollback-model: not today")
    now = traffic(here.site, NAME)
    assert (now.weights, now.mirrored) == ({"v1.0.0": 100}, None)
    assert versions_up(here.home, NAME) == ["v1.0.0"]
    followed = ended(again, begun)
    assert followed.report["ending"] == "ABANDONED", followed
    refused = here.pincex("rollback-model", NAME)
    assert refused.code == 1
    assert "nothing served before v1.0.0" in refused.report["error"]
