"""Release steps: before the candidate starts, or last of all; once, and no way back across one."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from release_parts import BAD, GOOD, Shop, running

from rollout.application import parse_application
from rollout.history import OPENED
from rollout.release import BEGUN, RAN, TAKEN, fold_parts
from rollout.release_facts import End, Run, Start, Take
from rollout.state import Ending, Revision, Verb

STEPPED = parse_application("""
[application]
name = "shop"

[component.prices]
command = ["prices", "{port}"]
runs = "many"

[[component.prices.release_steps]]
name = "shrink"
command = ["migrate", "--drop"]

[[component.prices.release_steps]]
name = "grow"
command = ["migrate"]
reversible = true

[component.orders]
command = ["orders", "{port}"]
dependencies = ["prices"]
runs = "many"

[[component.orders.release_steps]]
name = "fill"
command = ["fill", "{version}"]
reversible = true
""")
V1, V2 = (Revision(version, "d") for version in ("v1", "v2"))


def released(shop: Shop) -> End:
    """What the release of v2 came to."""
    ended = shop.run(shop.opened(Verb.RELEASE, "v2"))
    assert ended is not None
    return ended


def test_what_can_be_taken_back_runs_before_the_candidate_and_the_rest_last_of_all() -> None:
    """Beside the version before a step must do no harm; nothing may be undone after the other."""
    shop = running(described=STEPPED)
    ended = released(shop)
    told = [
        one.step.name if isinstance(one, Run) else f"{type(one).__name__} {one.component}"
        for one in shop.actions
        if isinstance(one, Run | Start | Take)
    ]

    assert told == [
        *("grow", "Start prices", "Take prices", "fill", "Start orders", "Take orders", "shrink"),
    ]
    watched = "watched for 10 min, no trigger fired"
    assert ended == End(Ending.PROMOTED, f"v2 serves everywhere; {watched}")


def test_a_first_release_runs_its_steps_too() -> None:
    """There is nothing before it, but its data has to be made as well."""
    shop = Shop(described=STEPPED)
    ended = shop.run(shop.opened(Verb.RELEASE, "v1"))

    assert ended == End(Ending.PROMOTED, "v1 serves everywhere")
    assert shop.ran == {("prices", "v1"): {"grow", "shrink"}, ("orders", "v1"): {"fill"}}


@pytest.mark.parametrize("step", ["grow", "fill"])
def test_a_step_that_fails_before_its_candidate_starts_undoes_the_release(step: str) -> None:
    """It is the version's own step: the same release would fail again."""
    shop = running(described=STEPPED, failing=frozenset({step}))
    ended = released(shop)

    assert ended.ending is Ending.ROLLED_BACK
    assert f"{step} failed" in ended.reason
    assert all(shop.serving[name] == V1 for name in shop.targets)
    assert "shrink" not in shop.ran.get(("prices", "v2"), ())


def test_a_last_step_that_fails_leaves_the_version_serving_and_the_same_deploy_runs_it() -> None:
    """Nothing is known to be harmed, so nothing is undone; what is left can be run again."""
    shop = running(described=STEPPED, failing=frozenset({"shrink"}))
    ended = released(shop)
    shop.failing = frozenset()
    shop.actions.clear()
    again = released(shop)

    assert ended == End(Ending.INCONCLUSIVE, "v2 serves, but shrink failed")
    assert [one.step.name for one in shop.actions if isinstance(one, Run)] == ["shrink"]
    assert again == End(Ending.PROMOTED, "v2 serves everywhere")
    assert all(shop.serving[name] == V2 for name in shop.targets)


def test_what_fails_after_a_last_step_began_undoes_nothing() -> None:
    """Somebody else's change of a route is told; the version before may not work any more."""
    shop = running(described=STEPPED, failing=frozenset({"shrink"}))
    rollout = shop.opened(Verb.RELEASE, "v2")
    while not shop.crossed:
        shop.run(rollout, 1)
    shop.weights["orders"] = {"v1": 100}
    shop.actions.clear()
    ended = shop.run(rollout)

    assert shop.actions == [ended]
    assert ended == End(Ending.INCONCLUSIVE, "v2 serves, but shrink failed")
    assert all(shop.serving[name] == V2 for name in shop.targets)


@settings(max_examples=60)
@given(
    killed=st.lists(st.integers(1, 25), max_size=6),
    bad=st.sampled_from(["prices", "orders"]) | st.none(),
)
def test_from_wherever_it_stops_no_step_runs_twice_and_none_bars_an_undo(
    killed: list[int], bad: str | None
) -> None:
    """The shop fails the test by itself where a step runs again, or the last one too early."""
    shop = running(described=STEPPED, look=lambda component, _: BAD if component == bad else GOOD)
    rollout = shop.opened(Verb.RELEASE, "v2")
    ended = next((end for after in killed if (end := shop.run(rollout, after))), None)
    ended = ended or shop.run(rollout)

    assert ended is not None
    assert ended.ending is (Ending.ROLLED_BACK if bad else Ending.PROMOTED)
    assert ("shrink" in shop.ran.get(("prices", "v2"), ())) is (bad is None)


class Row:
    """A row of the ledger about `prices`."""

    at = datetime(2026, 11, 30, tzinfo=UTC)
    actor, component, region = "ann", "shop", "local"

    def __init__(self, kind: str, **data: Any) -> None:
        self.kind, self.data = kind, {"component": "prices", **data}


def as_told(version: str) -> dict[str, str]:
    """A revision as a row holds it."""
    return {"version": version, "digest": "d"}


def opened(version: str) -> Row:
    """A release of a version begins."""
    told = as_told(version)
    return Row(OPENED, candidate=told, application=STEPPED.text, targets={"prices": told})


def taken(version: str, *, undo: bool = False) -> Row:
    """A version serves from now on."""
    return Row(TAKEN, to=as_told(version), undo=undo)


def begun(version: str, step: str, *, reversible: bool) -> Row:
    """A step of it began."""
    return Row(BEGUN, of=as_told(version), step=step, reversible=reversible)


def test_the_way_back_is_barred_once_a_step_that_cannot_be_taken_back_has_begun() -> None:
    """Whether it ended is nobody's to say: its process may have been killed."""
    rows = [opened("v1"), taken("v1"), opened("v2"), begun("v2", "grow", reversible=True)]
    part = fold_parts([*rows, taken("v2")]).part("prices")
    crossed = fold_parts([*rows, taken("v2"), begun("v2", "shrink", reversible=False)])

    assert part.barred(V1) is None
    assert crossed.part("prices").barred(V1) == (V2, "shrink")
    assert crossed.part("prices").barred(V2) is None


def test_the_way_back_to_the_version_that_crossed_it_stays_open() -> None:
    """Only what served before a step may not know what it left, whoever serves again."""
    rows = [
        *(opened("v1"), taken("v1"), begun("v1", "shrink", reversible=False)),
        *(opened("v2"), taken("v2")),
    ]

    assert fold_parts(rows).part("prices").barred(V1) is None
    assert fold_parts([*rows, opened("v1"), taken("v1")]).part("prices").barred(V2) is None


def test_the_way_back_stays_barred_below_releases_that_came_after_the_step() -> None:
    """A backup may ask for more than one release down."""
    rows = [
        *(opened("v1"), taken("v1"), opened("v2"), taken("v2")),
        *(begun("v2", "shrink", reversible=False), opened("v3"), taken("v3")),
    ]
    parts = fold_parts(rows)

    assert parts.barred(parts.below) is None
    assert parts.part("prices").barred(V1) == (V2, "shrink")
    assert "prices v2 began its release step shrink" in str(parts.barred({"prices": V1}))


def test_what_was_taken_back_before_the_step_is_barred_as_well() -> None:
    """It is in no way back any more, and may still be asked for by its version."""
    rows = [
        *(opened("v1"), taken("v1"), opened("v0"), taken("v0"), taken("v1", undo=True)),
        *(opened("v2"), taken("v2"), begun("v2", "shrink", reversible=False)),
        *(opened("v3"), taken("v3")),
    ]
    part = fold_parts(rows).part("prices")

    assert part.barred(Revision("v0", "other words")) == (V2, "shrink")
    assert part.barred(Revision("v4", "new")) is None


def test_the_way_back_is_told_in_words() -> None:
    """Which component, which step, and what it would lead to."""
    rows = [opened("v1"), taken("v1"), opened("v2"), taken("v2")]
    crossed = fold_parts([*rows, begun("v2", "shrink", reversible=False)])

    assert fold_parts(rows).barred(fold_parts(rows).below) is None
    assert crossed.barred(crossed.below) == (
        "prices v2 began its release step shrink, which cannot be taken back, so v1 may not work "
        "any more"
    )


def test_steps_that_ran_are_known_by_their_revision() -> None:
    """The same step of the next version is another one."""
    rows = [opened("v1"), Row(RAN, of=as_told("v1"), step="grow")]
    part = fold_parts([*rows, opened("v2")]).part("prices")

    assert part.steps_of(V1) == {"grow"}
    assert part.steps_of(V2) == frozenset()
