"""Components that took over are watched: a trigger takes all of the release back, silence none."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from release_parts import GOOD, OPEN, POLICY, WELL, Shop, running
from test_release_steps import STEPPED

from analysis.triggers import Reading, State
from rollout.deploying import LOOK_EVERY, decide_release
from rollout.facts import Enter, Watched
from rollout.live import line, lines, markdown
from rollout.release_facts import (
    End,
    EndWatch,
    Fault,
    Judge,
    Run,
    Take,
    Unobserve,
    Wait,
    Weigh,
)
from rollout.release_text import progress_of
from rollout.state import Decision, Ending, Phase, Revision, Rollout, Verb

NAMES = ("prices", "orders", "settlement")
V1 = Revision("v1", "d")
SECONDS = POLICY.watch.seconds
BAD = Watched("errors 9 % of 6,000 requests, over 5 % in each of 2 minutes in a row", ())


def fires(component: str, after: float) -> Shop:
    """v1 serves, and the triggers of a component of v2 fire so long after it took over."""
    return running(
        watching=lambda name, age: BAD if (name, age >= after) == (component, True) else quiet(name)
    )


def quiet(component: str) -> Watched:
    """Of settlement nobody asks enough to judge its response time."""
    return Watched(None, ("response time",) if component == "settlement" else ())


def test_a_release_ends_once_each_component_was_watched_from_when_it_took_over() -> None:
    """Its answers are noted to the end, and no longer; what could not be judged is named."""
    shop = running(watching=lambda component, age: quiet(component))
    ended = shop.run(shop.opened(Verb.RELEASE, "v2"))
    taken = [one for one in shop.actions if isinstance(one, Take)]
    watches = [one for one in shop.actions if isinstance(one, EndWatch)]
    entered = shop.actions.index(Enter(Phase.WATCHING))

    assert [one.component for one in watches] == [*NAMES]
    assert shop.actions.index(taken[-1]) < entered < shop.actions.index(watches[-1])
    assert (shop.now - shop.taken["settlement"]).total_seconds() >= SECONDS
    assert ended == End(
        Ending.PROMOTED,
        "v2 serves everywhere; prices watched for 10 min, no trigger fired; orders watched for "
        "10 min, no trigger fired; settlement watched for 10 min, not judged: response time",
    )
    assert set(shop.observed.values()) == {None}


@pytest.mark.parametrize("after", [0.0, 1.0, SECONDS - 2], ids=["at once", "soon", "at the end"])
@pytest.mark.parametrize("component", NAMES)
def test_a_trigger_takes_every_component_back(component: str, after: float) -> None:
    """Also while others still take their steps, and those whose watch is over already."""
    shop = fires(component, after)
    ended = shop.run(shop.opened(Verb.RELEASE, "v2"))

    assert ended == End(Ending.ROLLED_BACK, f"{component}: {BAD.firing}")
    assert all(shop.weights[name] == {"v1": 100} for name in NAMES)
    assert all(shop.serving[name] == V1 for name in NAMES)
    assert set(shop.observed.values()) == {None}


def test_what_fires_after_its_watch_is_over_undoes_nothing() -> None:
    """The level of the detectors is that of the watch, and no longer one's."""
    shop = fires("prices", SECONDS + 30)
    ended = shop.run(shop.opened(Verb.RELEASE, "v2"))

    assert ended is not None
    assert ended.ending is Ending.PROMOTED


def test_a_component_that_took_over_is_watched_while_the_next_one_takes_its_steps() -> None:
    """Harm in the first undoes the release before the second was decided about."""
    shop = fires("prices", 30.0)
    shop.look = lambda component, share: OPEN if component == "orders" else GOOD
    shop.run(shop.opened(Verb.RELEASE, "v2"))
    judged = [one for one in shop.actions if isinstance(one, Judge)]
    taken = [(one.component, one.undo) for one in shop.actions if isinstance(one, Take)]

    assert judged[-1] == Judge("prices", Decision.ROLLBACK, str(BAD.firing))
    assert taken == [("prices", False), ("prices", True)]


def test_while_nobody_counts_a_watch_does_not_end() -> None:
    """An outage of the metrics at the end of a watch: it waits, and says what for."""
    shop = running()
    rollout = shop.opened(Verb.RELEASE, "v2")
    while shop.phase is not Phase.WATCHING:
        shop.run(rollout, 1)
    shop.blind = "Prometheus does not answer"
    shop.now += timedelta(seconds=2 * SECONDS)

    action = decide_release(shop.facts(rollout), POLICY)
    assert action == Wait("prices", LOOK_EVERY, "Prometheus does not answer")
    shop.blind = None
    ended = shop.run(rollout)
    assert ended is not None
    assert ended.ending is Ending.PROMOTED


def test_the_first_release_is_not_watched() -> None:
    """There is nothing that a trigger could return to."""
    shop = Shop()
    shop.run(shop.opened(Verb.RELEASE, "v1"))

    assert not any(isinstance(one, Enter | EndWatch) for one in shop.actions)


def test_steps_that_cannot_be_taken_back_wait_for_the_watch() -> None:
    """A trigger would find no way back from them."""

    shop = running(described=STEPPED)
    shop.run(shop.opened(Verb.RELEASE, "v2"))
    last = next(
        at
        for at, one in enumerate(shop.actions)
        if isinstance(one, Run) and not one.step.reversible
    )

    assert all(
        at < last for at, one in enumerate(shop.actions) if isinstance(one, EndWatch | Weigh)
    )


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_wherever_it_is_killed_what_goes_on_comes_to_the_same(data: st.DataObject) -> None:
    """The facts alone decide: a new process knows nothing of the one before it."""
    component = data.draw(st.sampled_from(NAMES), "component")
    after = data.draw(st.sampled_from([5.0, SECONDS / 2, 2 * SECONDS]), "seconds")
    shop = fires(component, after)
    rollout = shop.opened(Verb.RELEASE, "v2")
    ended = None
    while ended is None:
        ended = shop.run(rollout, data.draw(st.integers(1, 400), "actions"))
        shop.failure = None

    expected = Ending.ROLLED_BACK if after < SECONDS else Ending.PROMOTED
    assert ended.ending is expected


def test_the_live_view_counts_quiet_triggers_and_names_the_others() -> None:
    """In at most 80 columns, with the time that is left and the version that it returns to."""

    shop = running()
    rollout = shop.opened(Verb.RELEASE, "v2")
    while shop.phase is not Phase.WATCHING:
        shop.run(rollout, 1)
    facts = shop.facts(rollout)
    well = Reading("errors", State.QUIET, "0 % of 600", "", 0.01)
    short = Reading("response time", State.NO_TRAFFIC, "nothing yet", "no request so far", None)
    seen = [replace(one, readings=(well, short)) for one in facts.standings]
    facts = replace(facts, standings=seen)
    progress = progress_of(facts, decide_release(facts, POLICY), POLICY)
    shown = lines(progress)

    assert any("orders" in told and "watch 1 of 2 triggers quiet" in told for told in shown)
    assert any(
        told.startswith("10 min left of 10 min; a trigger returns to before") for told in shown
    )
    assert "  orders: p95 +50 % 5 min: no request so far" in shown
    assert max(map(len, shown)) <= 80
    assert "10 min left of 10 min" in line(progress)
    assert "| orders | errors > 5 % 2 min | QUIET | 0 % of 600 | 1.7 a week |  |" in markdown(
        progress
    )


def under_watch(shop: Shop) -> Rollout:
    """A release of v2 that serves everywhere, past the time of its watch."""
    rollout = shop.opened(Verb.RELEASE, "v2")
    while shop.phase is not Phase.WATCHING:
        shop.run(rollout, 1)
    shop.now += timedelta(seconds=2 * SECONDS)
    return rollout


def test_a_watch_does_not_end_over_servers_that_are_not_there() -> None:
    """Who cannot answer raises no trigger; steps without a way back wait, too."""
    shop = running(described=STEPPED)
    rollout = under_watch(shop)
    shop.up["orders"] = {"v1"}
    assert shop.run(rollout, 50) is None

    action = shop.actions[-1]
    assert action == Wait("orders", LOOK_EVERY, "v2 is not ready")
    assert not any(isinstance(one, Run) and not one.step.reversible for one in shop.actions)


@pytest.mark.parametrize(
    ("fault", "ending"),
    [
        (Fault("orders v2 ends again and again", of_version=True), Ending.ROLLED_BACK),
        (Fault("somebody deleted it", of_version=False), Ending.INCONCLUSIVE),
    ],
    ids=["of the version", "of somebody else"],
)
@pytest.mark.parametrize("blind", [None, "Prometheus does not answer"], ids=["seen", "blind"])
def test_what_servers_say_of_themselves_undoes_also_while_nobody_counts(
    fault: Fault, ending: Ending, blind: str | None
) -> None:
    """A crash loop needs no metrics to be seen; what somebody deleted is nobody's harm."""
    shop = running()
    rollout = under_watch(shop)
    facts = shop.facts(rollout)
    standings = [
        replace(one, trouble=fault, blind=blind) if one.component.name == "orders" else one
        for one in facts.standings
    ]
    action = decide_release(replace(facts, standings=standings), POLICY)

    decision = Decision.ROLLBACK if ending is Ending.ROLLED_BACK else Decision.INCONCLUSIVE
    assert action == Judge("orders", decision, fault.reason)


def test_steps_without_a_way_back_wait_for_a_watch_that_saw_something() -> None:
    """Held as long as a step may be undecided, then undone: absence of evidence passes none."""
    nothing = Watched(None, ("errors", "response time"), seen=False)
    shop = running(described=STEPPED, watching=lambda component, age: nothing)
    ended = shop.run(shop.opened(Verb.RELEASE, "v2"))

    assert ended is not None
    assert ended.ending is Ending.INCONCLUSIVE
    assert "nothing could be judged" in ended.reason
    assert not any(isinstance(one, Run) and not one.step.reversible for one in shop.actions)


def test_rows_of_before_there_was_a_watch_are_gone_on_with() -> None:
    """What nobody observes is observed; what crossed a step is never taken back."""
    shop = running()
    rollout = shop.opened(Verb.RELEASE, "v2")
    while shop.phase is not Phase.WATCHING:
        shop.run(rollout, 1)
    shop.observed["orders"] = None
    assert decide_release(shop.facts(rollout), POLICY) == Weigh("orders", {"v2": 100}, True, 4.0)

    shop = running(watching=lambda component, age: BAD if age > 1 else WELL)
    rollout = shop.opened(Verb.RELEASE, "v2")
    while "prices" not in shop.taken:
        shop.run(rollout, 1)
    shop.now += timedelta(seconds=5)
    shop.crossed.add(("prices", "v2"))
    action = decide_release(shop.facts(rollout), POLICY)
    assert isinstance(action, End)
    assert action.ending is Ending.INCONCLUSIVE
    assert "v2 serves, but prices: errors 9 %" in action.reason


def test_taking_off_the_mark_changes_no_share() -> None:
    """It is no change of traffic, which could fail and undo what passed its watch."""
    shop = running()
    rollout = under_watch(shop)
    shop.actions.clear()
    shop.run(rollout)

    assert [one.component for one in shop.actions if isinstance(one, Unobserve)] == [*NAMES]
    assert not any(isinstance(one, Weigh) for one in shop.actions)
