"""Services one after the other: in order, in steps, back as a whole, from wherever it stopped."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from release_parts import BAD, GOOD, OPEN, POLICY, Judged, Shop, running

from rollout.release import StepLook
from rollout.release_facts import End, Judge, Retire, Start, Take, Weigh
from rollout.state import Decision, Ending, Revision, Rollout, Verb

NAMES = ("prices", "orders", "settlement")
V1, V2 = Revision("v1", "d"), Revision("v2", "d")


def judged(bad: str, at: int, look: StepLook = BAD) -> Judged:
    """Everything is fine but one component from a share on."""
    return lambda component, share: look if component == bad and share >= at else GOOD


def test_the_first_release_starts_everything_in_the_order_of_dependencies() -> None:
    """There is nothing to be compared with: ready is enough."""
    shop = Shop()
    ended = shop.run(shop.opened(Verb.RELEASE, "v1"))

    assert [one.component for one in shop.actions if isinstance(one, Take)] == [*NAMES]
    assert ended == End(Ending.PROMOTED, "v1 serves everywhere")
    assert all(shop.weights[name] == {"v1": 100} for name in NAMES)


def test_a_component_takes_over_in_steps_and_the_next_one_waits_for_it() -> None:
    """5, 20, 80, 100 percent of the requests, each judged before the next."""
    shop = running()
    ended = shop.run(shop.opened(Verb.RELEASE, "v2"))
    shares = [
        one.weights.get("v2", 0)
        for one in shop.actions
        if isinstance(one, Weigh) and one.component == "orders" and one.observe
    ]
    taken = [number for number, one in enumerate(shop.actions) if isinstance(one, Take)]
    begun = [number for number, one in enumerate(shop.actions) if isinstance(one, Start)]

    assert shares == [0, 5, 20, 80, 100]
    assert taken[0] < begun[1] < taken[1] < begun[2]
    assert ended is not None
    assert ended.ending is Ending.PROMOTED
    assert all(observed is None for observed in shop.observed.values())


def test_a_single_component_is_handed_over_before_it_is_judged() -> None:
    """All requests at once, then the one before ends: two never act."""
    shop = running()
    shop.run(shop.opened(Verb.RELEASE, "v2"))
    own = [one for one in shop.actions if getattr(one, "component", "") == "settlement"]
    kinds = [type(one) for one in own if not isinstance(one, Weigh) or one.weights != {"v1": 100}]
    weights = [one.weights for one in own if isinstance(one, Weigh)]

    assert all(len(told) == 1 for told in weights)
    assert kinds.index(Weigh) < kinds.index(Retire) < kinds.index(Judge) < kinds.index(Take)
    assert shop.up["settlement"] == {"v2"}
    assert shop.up["orders"] == {"v1", "v2"}


@pytest.mark.parametrize("share", POLICY.steps.shares)
@pytest.mark.parametrize("bad", NAMES)
def test_harm_at_any_step_takes_every_component_back(bad: str, share: int) -> None:
    """Also those that had taken over already; traffic of all of them first."""
    shop = running(look=judged(bad, share))
    ended = shop.run(shop.opened(Verb.RELEASE, "v2"))
    harmed = next(
        number
        for number, one in enumerate(shop.actions)
        if isinstance(one, Judge) and one.decision is Decision.ROLLBACK
    )
    after = shop.actions[harmed + 1 :]

    assert ended == End(Ending.ROLLED_BACK, f"{bad}: errors 30 %")
    assert all(shop.weights[name] == {"v1": 100} for name in NAMES)
    assert all(shop.serving[name] == V1 for name in NAMES)
    # What is still up takes its requests back before anything is brought up: a start takes seconds.
    assert isinstance(after[0], Weigh)
    begun = [number for number, one in enumerate(after) if isinstance(one, Start)]
    others = [
        number
        for number, one in enumerate(after)
        if isinstance(one, Weigh) and one.component != "settlement"
    ]
    assert not begun or others[-1] < begun[0]
    moved = [number for number, one in enumerate(after) if isinstance(one, Weigh)]
    written = [number for number, one in enumerate(after) if isinstance(one, Retire | Take)]
    assert moved
    assert all(number > moved[-1] for number in written)


def test_what_is_never_decided_is_undone_once_its_time_is_up() -> None:
    """Absence of evidence passes no step."""
    shop = running(look=judged("orders", 20, OPEN))
    ended = shop.run(shop.opened(Verb.RELEASE, "v2"))

    assert ended is not None
    assert ended.ending is Ending.INCONCLUSIVE
    assert "undecided after 15 min: 40 of 200 requests" in ended.reason
    assert shop.serving == dict.fromkeys(NAMES, V1)


def until_passed(shop: Shop, component: str, share: int) -> Rollout:
    """A release of v2 that died right after it had passed this step."""
    rollout = shop.opened(Verb.RELEASE, "v2")
    while not isinstance(shop.actions[-1] if shop.actions else None, Judge) or (
        shop.weights[component].get("v2") != share
    ):
        shop.run(rollout, stop_after=1)
    assert shop.steps[component].passed
    return rollout


@pytest.mark.parametrize("share", [20, 100])
def test_a_step_that_was_passed_is_looked_at_again_before_the_next(share: int) -> None:
    """Its process may have died since, and the candidate with it."""
    shop = running()
    rollout = until_passed(shop, "orders", share)
    shop.look = judged("orders", share)
    shop.actions.clear()
    ended = shop.run(rollout)

    assert isinstance(shop.actions[0], Judge)
    assert ended == End(Ending.ROLLED_BACK, "orders: errors 30 %")


def test_no_step_is_passed_while_the_candidate_is_not_ready() -> None:
    """What nobody asks any more is judged by what it answered before."""
    shop = running()
    rollout = until_passed(shop, "orders", 20)
    shop.broken = frozenset({("orders", "v2")})
    shop.actions.clear()
    ended = shop.run(rollout)

    assert ended is not None
    assert ended.ending is Ending.INCONCLUSIVE
    assert ended.reason == "orders: undecided after 15 min: v2 is not ready"


def test_a_candidate_that_cannot_start_gets_no_request() -> None:
    """Nothing has moved for it, and those before it go back."""
    shop = running(broken=frozenset({("orders", "v2")}))
    ended = shop.run(shop.opened(Verb.RELEASE, "v2"))

    assert ended == End(Ending.INCONCLUSIVE, "orders: it does not start")
    assert all(shop.weights[name] == {"v1": 100} for name in NAMES)


def test_a_rollback_brings_up_what_it_returns_to_before_traffic_moves() -> None:
    """Onto a dead version it would be an outage; the handed over one has to start again."""
    shop = running()
    shop.run(shop.opened(Verb.RELEASE, "v2"))
    shop.actions.clear()
    shop.up["prices"].discard("v1")
    ended = shop.run(shop.opened(Verb.RETURN, "v1"))
    started = [one.component for one in shop.actions if isinstance(one, Start)]

    assert ended is not None
    assert ended.ending is Ending.ROLLED_BACK
    assert started == ["settlement", "prices"]
    assert all(shop.weights[name] == {"v1": 100} for name in NAMES)
    assert shop.up["settlement"] == {"v1"}


def test_one_component_alone_can_go_back() -> None:
    """Nothing of the others is touched."""
    shop = running()
    shop.run(shop.opened(Verb.RELEASE, "v2"))
    shop.run(shop.opened(Verb.RETURN, "v2", {"orders": "v1"}))

    assert shop.serving == {"prices": V2, "orders": V1, "settlement": V2}
    assert shop.weights["prices"] == {"v2": 100}


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(
    killed=st.lists(st.integers(1, 25), max_size=6),
    bad=st.sampled_from(NAMES) | st.none(),
    share=st.sampled_from(POLICY.steps.shares),
    back=st.booleans(),
)
def test_from_wherever_it_stops_it_ends_whole_and_no_request_meets_nobody(
    killed: list[int], bad: str | None, share: int, back: bool
) -> None:
    """However often its process dies, the same facts lead on: all new or all as before.

    The shop fails the test by itself where traffic would go to a version that is not ready, or a
    version would end that gets requests.
    """
    shop = running(look=judged(bad, share) if bad else lambda component, share: GOOD)
    rollout = shop.opened(Verb.RELEASE, "v2")
    ended = None
    for actions in killed:
        ended = ended or shop.run(rollout, actions)
        assert all(shop.alive(name) for name in NAMES)
    if back and ended is None:
        rollout = shop.opened(Verb.RETURN, "v1")
    ended = ended or shop.run(rollout)
    serving = {revision.version for revision in shop.serving.values()}
    routed = {tuple(weights.items()) for weights in shop.weights.values()}

    assert ended is not None
    assert len(serving) == 1
    assert routed == {((serving.pop(), 100),)}
