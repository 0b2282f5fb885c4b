"""What the platform says of a rollout: faults end it, blindness holds it, pods make its steps."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from release_parts import OPEN, POLICY, Shop, running

from rollout.application import Component, parse_application
from rollout.deploying import decide_release
from rollout.release_facts import End, Fault, Judge, Standing, Wait, Weigh
from rollout.state import Decision, Ending, Verb

CRASHED = Fault("orders v2 ends again and again", of_version=True)
DELETED = Fault("somebody deleted it", of_version=False)


@dataclass
class Watched(Shop):
    """A shop whose platform says something of one component once its candidate has requests."""

    says: dict[str, object] = field(default_factory=dict)

    def _standing(self, part: Component) -> Standing:
        here = super()._standing(part)
        return replace(here, **self.says) if part.name == "orders" and here.share else here  # type: ignore[arg-type]


def watched(**says: object) -> Watched:
    """v1 serves everywhere, and the platform says this of orders v2."""
    shop = running()
    kept = {name: getattr(shop, name) for name in ("weights", "observed", "up", "serving")}
    return Watched(look=lambda component, share: OPEN if component == "orders" else shop.look(
        component, share), says=says, **kept)  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "ending"),
    [(CRASHED, Ending.ROLLED_BACK), (DELETED, Ending.INCONCLUSIVE)],
    ids=["of the version", "of somebody else"],
)
def test_a_fault_takes_everything_back_with_its_reason(fault: Fault, ending: Ending) -> None:
    """Harm where the version is to blame; where it is not, it may be tried again at once."""
    shop = watched(trouble=fault)
    ended = shop.run(shop.opened(Verb.RELEASE, "v2"))

    assert ended == End(ending, f"orders: {fault.reason}")
    assert all(weights == {"v1": 100} for weights in shop.weights.values())


@pytest.mark.parametrize("fault", [CRASHED, DELETED], ids=["of the version", "of somebody else"])
def test_what_cannot_be_done_is_no_step_to_try_again(fault: Fault) -> None:
    """Whatever was to be done next: the component under way is judged by it."""
    shop = running()
    rollout = shop.opened(Verb.RELEASE, "v2")
    action = decide_release(replace(shop.facts(rollout), failure=fault), POLICY)

    wanted = Decision.ROLLBACK if fault.of_version else Decision.INCONCLUSIVE
    assert action == Judge("prices", wanted, fault.reason)


def test_who_sees_nothing_waits_without_a_deadline() -> None:
    """An outage of the metrics is no harm and no lack of requests."""
    shop = watched(blind="Prometheus does not answer")
    rollout = shop.opened(Verb.RELEASE, "v2")
    assert shop.run(rollout, 400) is None
    shop.now += timedelta(days=1)
    # The watch of what took over before is over by now.
    assert shop.run(rollout, 10) is None
    action = decide_release(shop.facts(rollout), POLICY)

    assert isinstance(action, Wait)
    assert action.reason == "Prometheus does not answer"
    assert shop.weights["orders"] == {"v1": 95, "v2": 5}


@pytest.mark.parametrize(
    ("instances", "shares"),
    [(1, (100,)), (2, (50, 100)), (3, (33, 67, 100)), (4, (25, 75, 100)), (20, (5, 20, 80, 100))],
)
def test_steps_of_whole_pods_are_those_that_so_many_can_make(
    instances: int, shares: tuple[int, ...]
) -> None:
    """Each of the policy's steps becomes the nearest number of pods, at least one."""
    part = parse_application(
        '[application]\nname = "x"\n[component.a]\nimage = "a"\nruns = "many"\n'
        f"instances = {instances}\n"
    ).components[0]

    assert part.shares((5, 20, 80, 100), by_instances=True) == shares
    assert part.shares((5, 20, 80, 100)) == (5, 20, 80, 100)


def test_a_component_without_a_gateway_takes_over_by_pods() -> None:
    """Half of two pods is its first step."""
    shop = running()
    rollout = shop.opened(Verb.RELEASE, "v2")
    facts = shop.facts(rollout)
    shop.run(rollout, 2)
    standings = [replace(one, by_instances=True) for one in shop.facts(rollout).standings]
    action = decide_release(replace(facts, standings=standings), POLICY)

    assert isinstance(action, Weigh)
    assert action.weights == {"v1": 50, "v2": 50}
