"""What a look tells whoever follows: a shadow is no control."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cluster.local.home import Home
from flows.progress import progress_of
from flows.sight import sight
from flows.site import Site
from rollout.facts import Facts, Hold, Traffic
from rollout.policy import default_policy_text
from rollout.state import Phase, Revision, Rollout, Verb

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
V1, V2 = Revision("v1.0.0", "a"), Revision("v2.0.0", "b")


@pytest.mark.parametrize(
    ("verb", "control"),
    [(Verb.DEPLOY, None), (Verb.CONTROL, "no pair so far")],
    ids=["shadow", "control"],
)
def test_only_a_control_says_what_was_controlled(
    tmp_path: Path, verb: Verb, control: str | None
) -> None:
    """Of a shadow `status` and the lines of a pipe say what is undecided."""
    rollout = Rollout(
        "r-1", verb, "price", "local", V1, V2, default_policy_text(),
        1.0, 1000.0, "ann", NOW, Phase.SHADOW,
    )  # fmt: skip
    facts = Facts(
        NOW,
        rollout,
        V1,
        Traffic({"v1.0.0": 100}, None),
        frozenset({"v1.0.0"}),
        0.0,
        None,
        None,
        None,
    )
    eye = sight(Site("local", Home(tmp_path)), rollout)

    assert progress_of(eye, facts, Hold(1.0, "looking"))["control"] == control
