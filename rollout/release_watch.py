"""What the watch of components that took over comes to: harm, an end, or another look."""

from rollout.facts import Enter
from rollout.policy import Policy
from rollout.release_facts import (
    End,
    EndWatch,
    Fault,
    Judge,
    ReleaseAction,
    ReleaseFacts,
    Standing,
    Wait,
)
from rollout.state import Decision, Ending, Phase
from rollout.words import duration

LOOK_EVERY = 0.2
WATCHED = "watched"


def given_up(component: str, fault: Fault) -> Judge:
    """Harm where the version is to blame, else nothing is known of it."""
    decision = Decision.ROLLBACK if fault.of_version else Decision.INCONCLUSIVE
    return Judge(component, decision, fault.reason)


def harmed(facts: ReleaseFacts, here: Standing) -> ReleaseAction | None:
    """What a trigger, or the servers themselves, say against a component that took over."""
    name, fault = here.component.name, here.trouble if here.is_watched else None
    firing = here.watched.firing if here.watched else None
    if firing is None and fault is None:
        return None
    if any(one.crossed for one in facts.standings):
        # Its release steps were begun by whoever did not wait for a watch: no way leads back.
        said = firing or (fault.reason if fault else "")
        return End(
            Ending.INCONCLUSIVE, f"{facts.rollout.candidate.version} serves, but {name}: {said}"
        )
    if firing is not None:
        return Judge(name, Decision.ROLLBACK, firing)
    assert fault is not None
    return given_up(name, fault)


def missing(facts: ReleaseFacts, here: Standing) -> str | None:
    """What the end of a watch waits for, in words; None where it can be told what it came to.

    While nobody tells what is answered, or nothing is there that could answer, all is not well.
    """
    assert here.watch is not None
    if here.blind is not None:
        return here.blind
    if here.target.version not in here.ready:
        return f"{here.target.version} is not ready"
    return WATCHED if facts.now < here.watch.until else None


def watch_ended(facts: ReleaseFacts, here: Standing, policy: Policy) -> ReleaseAction | None:
    """What it came to; where steps without a way back wait for it, not before it saw something."""
    name, watch, watched = here.component.name, here.watch, here.watched
    assert watch is not None
    assert watched is not None
    left = [one for one in facts.standings if one.left(reversible=False)]
    if left and not watched.seen:
        over = (facts.now - watch.until).total_seconds()
        if over <= policy.steps.deadline:
            return None
        said = f"nothing could be judged in {duration(watch.seconds + over)} of watching"
        return Judge(name, Decision.INCONCLUSIVE, said)
    unjudged = ", ".join(watched.unjudged)
    found = f"not judged: {unjudged}" if unjudged else "no trigger fired"
    return EndWatch(name, f"watched for {duration(watch.seconds)}, {found}")


def watching(facts: ReleaseFacts) -> ReleaseAction | None:
    """Every candidate serves: wait for what is still watched; None once nothing is."""
    watched = [here for here in facts.standings if here.is_watched]
    if not watched:
        return None
    if facts.rollout.phase is not Phase.WATCHING:
        return Enter(Phase.WATCHING)
    here = min(watched, key=lambda one: missing(facts, one) == WATCHED)
    return Wait(here.component.name, LOOK_EVERY, missing(facts, here) or "no request yet")
