"""A rollout is one e-process, whoever looks at it; another candidate begins a new one."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import log
from pathlib import Path

import orjson
import pytest
from evidence_parts import POLICY

from analysis import Verdict
from cluster.local.home import Home
from flows.effects import close
from flows.openers import open_rollout
from flows.sight import Sight, sight
from flows.site import Site
from rollout.facts import Facts, Mirrored, Traffic
from rollout.state import Ending, Revision, Rollout, Verb

START = datetime(2026, 1, 5, 12, tzinfo=UTC)
STEP = 0.01
STABLE, HARMFUL, OTHER = (Revision(f"v{n}.0.0", str(n) * 64) for n in (1, 2, 3))
WRITTEN = 8.0
"""Seconds of requests."""
LOOKS = (2.0, 4.0, 6.0, 8.0, 14.0)
"""Seconds after the start; by the last all are settled."""


def site(path: Path) -> Site:
    """One without processes."""
    made = Site("local", Home(path))
    path.mkdir()
    made.home.create()
    return made


@pytest.fixture
def here(tmp_path: Path) -> Site:
    """The site of one rollout."""
    return site(tmp_path / "home")


def shadow(here: Site, candidate: Revision) -> Rollout:
    """An open one, of which nothing was written yet."""
    return open_rollout(here, "price", Verb.DEPLOY, STABLE, candidate, POLICY, 1.0, 1000.0)


def written(
    here: Site, rollout: Rollout, seconds: tuple[float, float], failed: Sequence[int]
) -> None:
    """What both sides wrote between two times: the copies with these numbers fail."""
    folder = here.home.records / rollout.component / rollout.id
    folder.mkdir(parents=True, exist_ok=True)
    first, end = (round(second / STEP) for second in seconds)
    for side, version in (("baseline", STABLE), ("candidate", rollout.candidate)):
        with (folder / f"{side}-{version.version}-1.jsonl").open("ab") as file:
            for number in range(first, end):
                at = START.timestamp() + number * STEP
                bad = side == "candidate" and number in failed
                row = {"id": f"r-{number}", "at": at, "status": 500 if bad else 200, "ms": 2.0}
                row |= {"prediction": float(number), "segment": None, "mirrored": True}
                file.write(orjson.dumps(row | {"open": at + 0.002}) + b"\n")


def looked(eye: Sight, rollout: Rollout, second: float) -> Verdict:
    """What one look of the loop finds."""
    copies = Mirrored(rollout.candidate.version, 1.0, rollout.id)
    facts = Facts(
        now=START + timedelta(seconds=second),
        rollout=rollout,
        champion=STABLE,
        traffic=Traffic({STABLE.version: 100}, copies),
        ready=frozenset({STABLE.version, rollout.candidate.version}),
        unready_for=0.0,
        failure=None,
        look=None,
        watched=None,
    )
    eye.take_in(facts)
    assert eye.verdict is not None
    return eye.verdict


def test_restarts_and_second_viewers_continue_the_same_e_process(here: Site) -> None:
    """At each look a process that lives on, one just started and one beside it say the same."""
    rollout, begin, decisions = shadow(here, HARMFUL), 0.0, []
    eye = sight(here, rollout)
    for second in LOOKS:
        end = min(second, WRITTEN)
        written(here, rollout, (begin, end), failed=range(300, 800, 9))
        lives = looked(eye, rollout, second)
        begun, beside = (looked(sight(here, rollout), rollout, second) for _ in range(2))
        assert begun.to_json() == beside.to_json() == lives.to_json()
        decisions.append(lives.decision)
        begin = end

    assert (decisions[0], decisions[-1]) == ("CONTINUE", "ROLLBACK")


def test_a_new_candidate_draws_on_a_new_budget(tmp_path: Path) -> None:
    """After one that was rejected it is judged as if it were the first, at the whole level."""
    here, alone = site(tmp_path / "here"), site(tmp_path / "alone")
    rejected = shadow(here, HARMFUL)
    written(here, rejected, (0.0, WRITTEN), failed=range(300, 800, 9))
    assert looked(sight(here, rejected), rejected, LOOKS[-1]).decision == "ROLLBACK"
    close(here, rejected, Ending.ROLLED_BACK, "errors")

    after, first = (judged_anew(place, failed=(310, 420, 530)) for place in (here, alone))

    assert after.to_json() == first.to_json()
    proof = after.finding("errors-paired").log_e_harm
    assert after.decision == "CONTINUE"
    assert proof is not None
    assert 0 < proof < log(1 / (0.05 * 0.25))


def judged_anew(here: Site, failed: Sequence[int]) -> Verdict:
    """Another candidate, shadowed to its last look."""
    rollout = shadow(here, OTHER)
    written(here, rollout, (0.0, WRITTEN), failed)
    return looked(sight(here, rollout), rollout, LOOKS[-1])
