"""One action for a whole application from recorded facts: component by component, or back.

Candidates take over in the order of dependencies; an undo moves all traffic first, in the reverse
order, and ends servers afterwards. A component is watched from when it took over, by the live
rules, while others still take their steps; a trigger undoes the whole release. Release steps that
can be taken back run before the candidate starts, beside the version before; the others once every
watch is over, so that whatever is undone by evidence is undone before them.
"""

from datetime import datetime

from rollout.policy import Policy
from rollout.release import Harm, Step
from rollout.release_facts import (
    End,
    Judge,
    ReleaseAction,
    ReleaseFacts,
    Retire,
    Run,
    Standing,
    Start,
    Take,
    Unobserve,
    Wait,
    Weigh,
)
from rollout.release_watch import (
    LOOK_EVERY,
    given_up,
    harmed,
    missing,
    watch_ended,
    watching,
)
from rollout.state import Decision, Ending, Revision
from rollout.words import duration


def decide_release(facts: ReleaseFacts, policy: Policy) -> ReleaseAction:
    """The next action of a `deploy` or a `rollback`."""
    if facts.rollout.verb.undoes:
        wanted = {one.component.name: one.target for one in facts.standings}
        reason = facts.rollout.override or "rolled back"
        return _go_back(facts, wanted) or End(Ending.ROLLED_BACK, reason)
    if facts.harm is not None:
        wanted = {one.component.name: one.before for one in facts.standings if one.before}
        return _go_back(facts, wanted) or _undone(facts.harm)
    if facts.failure is not None and any(here.crossed for here in facts.standings):
        # Whatever it is that failed: there is no way back from here.
        said = f"{facts.rollout.candidate.version} serves, but {facts.failure.reason}"
        return End(Ending.INCONCLUSIVE, said)
    for standing in facts.standings:
        harm = harmed(facts, standing)
        if harm is not None:
            return harm
    for standing in facts.standings:
        if not standing.holds(standing.target):
            return _forward(facts, standing, policy)
        over = _watch_over(facts, standing, policy)
        if over is not None:
            return over
    return watching(facts) or _last_of_all(facts)


def _watch_over(facts: ReleaseFacts, here: Standing, policy: Policy) -> ReleaseAction | None:
    """The watch of what took over is ended, and its answers are noted no more, at its time."""
    if not here.is_watched:
        return Unobserve(here.component.name) if here.observed is not None else None
    if here.observed != facts.rollout.id:
        failure = facts.failure
        return given_up(here.component.name, failure) if failure else _finish(facts, here)
    return watch_ended(facts, here, policy) if missing(facts, here) is None else None


def _last_of_all(facts: ReleaseFacts) -> ReleaseAction:
    """What cannot be taken back, then the end."""
    for standing in facts.standings:
        step = standing.left(reversible=False)
        if step is not None:
            return Run(standing.component.name, standing.target, step)
    serves = f"{facts.rollout.candidate.version} serves everywhere"
    ended = [(one.component.name, one.watch_ended) for one in facts.standings if one.watch_ended]
    said = sorted({what for _, what in ended})
    told = said if len(said) < 2 else [f"{name} {what}" for name, what in ended]
    return End(Ending.PROMOTED, "; ".join([serves, *told]))


def _forward(facts: ReleaseFacts, here: Standing, policy: Policy) -> ReleaseAction:
    """One component further towards its candidate."""
    name, target, before = here.component.name, here.target, here.before
    if facts.failure is not None:
        return given_up(name, facts.failure)
    if here.serving == target:
        return _finish(facts, here)
    if here.trouble is not None:
        return given_up(name, here.trouble)
    if here.share == 0 and before is not None:
        unobserved = here.observed != facts.rollout.id or here.step is None
        if unobserved:
            return Weigh(name, {before.version: 100}, observe=True)
        if here.past_p95_ms is None:
            return _hear(here, before, facts, policy)
    if here.share == 0 and target.version not in here.ready:
        step = here.left(reversible=True)
        return Run(name, target, step) if step else _start(facts, here, policy)
    if before is None:
        if here.weights != {target.version: 100}:
            return Weigh(name, {target.version: 100}, observe=False)
        return Take(name, target, undo=False)
    if here.share == 0:
        return _weigh(here, here.shares(policy)[0])
    if here.step is None or here.step.share != here.share:
        # Its process died before the share could be written down.
        return Weigh(name, here.weights, observe=True, past_p95_ms=_past(here))
    if here.component.single and here.up - {target.version}:
        # Only one acts: the candidate waits for its place until the one before has ended.
        return Retire(name, before.version)
    return _step(facts, here, here.step, policy)


def _start(facts: ReleaseFacts, here: Standing, policy: Policy) -> ReleaseAction:
    if facts.unready_for > policy.ready_within:
        reason = f"{here.target.version} was not ready for {facts.unready_for:.0f} s"
        return Judge(here.component.name, Decision.INCONCLUSIVE, reason)
    return Start(here.component.name, here.target)


def _hear(here: Standing, before: Revision, facts: ReleaseFacts, policy: Policy) -> ReleaseAction:
    """First it must be known what the version before takes; a start beside it would colour that."""
    assert here.step is not None
    steps = policy.steps
    reason = (
        f"{here.requests_before} of {steps.min_requests} requests to {before.version}, "
        f"over {duration(steps.seconds)} at least"
    )
    return _hold(facts, here, here.step.began_at, reason, policy)


def _step(facts: ReleaseFacts, here: Standing, step: Step, policy: Policy) -> ReleaseAction:
    """Judge the step; once it is passed and has lasted, take the next one, after the last all."""
    name, look = here.component.name, here.look
    shares = here.shares(policy)
    age = (facts.now - step.began_at).total_seconds()
    if look is not None and look.decision is Decision.ROLLBACK:
        return Judge(name, Decision.ROLLBACK, look.reason)
    reason = look.reason if look is not None else "no request yet"
    # Where pods make the shares, a version on the way has fewer than all, and those are waited for.
    if here.target.version not in here.ready and not here.by_instances:
        reason = f"{here.target.version} is not ready"
    elif look is not None and look.decision is Decision.PROMOTE:
        # That it was passed may be long ago: its process died since, and others went on.
        if step.passed:
            larger = [share for share in shares if share > here.share]
            return _weigh(here, larger[0]) if larger else Take(name, here.target, undo=False)
        if age >= policy.steps.seconds:
            return Judge(name, Decision.PROMOTE, look.reason)
    return _hold(facts, here, step.began_at, reason, policy)


def _hold(
    facts: ReleaseFacts, here: Standing, since: datetime, reason: str, policy: Policy
) -> ReleaseAction:
    """Wait for evidence, but not for ever; without an eye nothing can be said of a version."""
    if here.blind is not None:
        return Wait(here.component.name, LOOK_EVERY, here.blind)
    waited = (facts.now - since).total_seconds()
    if waited > policy.steps.deadline:
        said = f"undecided after {duration(waited)}: {reason}"
        return Judge(here.component.name, Decision.INCONCLUSIVE, said)
    return Wait(here.component.name, LOOK_EVERY, reason)


def _weigh(here: Standing, share: int) -> Weigh:
    """The candidate at a share, the version before at the rest."""
    assert here.before is not None
    weights = {here.before.version: 100 - share, here.target.version: share}
    kept = {version: percent for version, percent in weights.items() if percent}
    return Weigh(here.component.name, kept, observe=True, past_p95_ms=_past(here))


def _past(here: Standing) -> float | None:
    """The past p95 as it was pinned at the first step, or as it is known before it."""
    return here.step.past_p95_ms if here.step and here.step.share else here.past_p95_ms


def _finish(facts: ReleaseFacts, here: Standing) -> ReleaseAction:
    """What serves by the ledger is what the route says, and nothing else acts beside it."""
    name, wanted = here.component.name, here.target
    observed = facts.rollout.id if here.is_watched else None
    if here.weights != {wanted.version: 100} or here.observed != observed:
        past = here.watch.past_p95_ms if here.watch else None
        return Weigh(name, {wanted.version: 100}, observe=here.is_watched, past_p95_ms=past)
    others = sorted(here.up - {wanted.version})
    assert others
    return Retire(name, others[0])


def _go_back(facts: ReleaseFacts, wanted: dict[str, Revision]) -> ReleaseAction | None:
    """Traffic of every component, then servers and the ledger; None once all of it is back."""
    back = [one for one in reversed(facts.standings) if one.component.name in wanted]
    left = [here for here in back if not _is_back(here, wanted[here.component.name])]
    for here in left:
        to = wanted[here.component.name]
        if to.version in here.ready:
            return Weigh(here.component.name, {to.version: 100}, observe=False)
    if left:
        # Onto a dead version it would be an outage: what it returns to is brought up first; what
        # could move at once has moved before, because a start takes seconds.
        return Start(left[0].component.name, wanted[left[0].component.name])
    for here in back:
        name, to = here.component.name, wanted[here.component.name]
        others = sorted(here.up - {to.version})
        if here.component.single and others:
            return Retire(name, others[0])
        if here.serving != to:
            return Take(name, to, undo=True)
    return None


def _is_back(here: Standing, to: Revision) -> bool:
    return here.weights == {to.version: 100} and here.observed is None


def _undone(harm: Harm) -> End:
    rejected = harm.decision is Decision.ROLLBACK
    ending = Ending.ROLLED_BACK if rejected else Ending.INCONCLUSIVE
    return End(ending, f"{harm.component}: {harm.reason}")
