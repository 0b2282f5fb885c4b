"""One action from recorded facts; the same facts always give the same action."""

from datetime import datetime, timedelta

from rollout.facts import (
    Action,
    Ask,
    BeginWatch,
    BringUp,
    Conclude,
    Enter,
    Facts,
    Finish,
    Hold,
    Lapse,
    Mirrored,
    Promote,
    RollBack,
    Shift,
    Traffic,
)
from rollout.policy import Policy
from rollout.state import Answer, Decision, Ending, Judged, Phase, Revision, Rollout, Verb
from rollout.words import clock, duration

LOOK_EVERY = 0.2
"""Seconds between two looks of a watch: an undo begins that long after the evidence suffices."""
CONTROL_EVERY = 2.0
"""Seconds between two looks of a control: whoever needs its shadow waits so long."""
ASK_EVERY = 1.0
"""Seconds between two looks for the answer of a person."""
LAST_MOMENT = timedelta(seconds=2)
"""An answer given in time may be written so long after it, and still counts."""
TOO_OLD = "the PASS is older than evidence_max_age allows"


def decide(facts: Facts, policy: Policy) -> Action:
    """The next action of a rollout in any phase, for any verb."""
    match facts.rollout.phase:
        case Phase.SHADOW:
            return _shadow(facts, policy)
        case Phase.PROMOTING:
            return _promoting(facts, policy)
        case Phase.SHIFTING:
            return _returning(facts, policy)
        case Phase.WATCHING:
            return _watching(facts)
        case Phase.DONE | Phase.ROLLED_BACK:
            return Finish(facts.rollout.closed, facts.rollout.reason)


def expired(judged: Judged, now: datetime, policy: Policy) -> bool:
    """A PASS is older than the policy lets it be."""
    return now - judged.at > timedelta(seconds=policy.shadow.evidence_max_age)


def asked_until(rollout: Rollout, now: datetime, policy: Policy) -> datetime:
    """When a promotion that asks a person now is given up: never later than its PASS is good."""
    until = now + timedelta(seconds=policy.approval.timeout)
    if rollout.judged is None or rollout.override:
        return until
    return min(until, rollout.judged.at + timedelta(seconds=policy.shadow.evidence_max_age))


def _shadow(facts: Facts, policy: Policy) -> Action:
    rollout = facts.rollout
    stable, candidate = rollout.stable, rollout.candidate
    if facts.champion != stable:
        return _void(facts)
    if rollout.verb is Verb.CONTROL:
        return _controlling(facts, policy)
    if rollout.awaiting:
        return _awaiting(facts, policy)
    judged = rollout.judged
    if judged and judged.decision is Decision.ROLLBACK:
        return RollBack(stable, judged.reason, Ending.ROLLED_BACK)
    if judged and judged.decision is Decision.INCONCLUSIVE:
        return RollBack(stable, judged.reason, Ending.INCONCLUSIVE)
    if judged:
        if stable is None:
            return Enter(Phase.PROMOTING)
        if expired(judged, facts.now, policy):
            return RollBack(stable, TOO_OLD, Ending.EXPIRED)
        return Finish(None, "waiting for promote-model")
    spent = _budget_spent(facts, policy)
    if spent and not (facts.look and facts.look.pairs):
        return RollBack(stable, f"{spent}, without a single pair", Ending.INCONCLUSIVE)
    if spent or (facts.look is not None and facts.look.decision is not Decision.CONTINUE):
        return Conclude(spent)
    if candidate.version not in facts.ready:
        return _bring_up(facts, policy)
    wanted = _wanted_mirror(facts)
    if stable is not None and facts.traffic.mirrored != wanted:
        return Shift({stable.version: 100}, wanted)
    age = _age(facts)
    return Hold(min(5.0, 1.0 + age / 120), "the evidence is not sufficient yet")


def control_over(facts: Facts, policy: Policy) -> bool:
    """A control ends when something else needs its place, or its time is over."""
    return facts.rollout.leaving is not None or _age(facts) > policy.control.max_seconds


def _controlling(facts: Facts, policy: Policy) -> Action:
    """A copy of the champion is shadowed to its horizon, or until somebody needs the shadow."""
    rollout, seen = facts.rollout, facts.controlled
    if control_over(facts, policy):
        why = "; ".join(filter(None, (rollout.leaving, seen.said)))
        return RollBack(rollout.stable, why, seen.ending)
    if rollout.candidate.version not in facts.ready:
        return _bring_up(facts, policy)
    assert rollout.stable is not None
    wanted = _wanted_mirror(facts)
    if facts.traffic.mirrored != wanted:
        return Shift({rollout.stable.version: 100}, wanted)
    return Hold(CONTROL_EVERY, seen.said)


def _void(facts: Facts) -> RollBack:
    serving = facts.champion.version if facts.champion else "nothing"
    reason = f"{serving} serves now; evidence against another champion is void"
    return RollBack(facts.champion, reason, Ending.ABANDONED)


def _awaiting(facts: Facts, policy: Policy) -> Action:
    """A promotion that asked a person: held until the answer, judged once more after it."""
    rollout = facts.rollout
    approval = rollout.approval
    assert approval is not None
    answer = approval.answer
    if answer is not None and not answer.approved:
        reason = f"{answer.by} refused it: {answer.reason or 'no reason given'}"
        return RollBack(rollout.stable, reason, Ending.REFUSED)
    judged = rollout.judged
    if judged and not rollout.override and expired(judged, facts.now, policy):
        return RollBack(rollout.stable, TOO_OLD, Ending.EXPIRED)
    if answer is not None:
        return _approved(facts, answer)
    if facts.now < approval.until + LAST_MOMENT:
        return Hold(ASK_EVERY, f"waiting for approval until {clock(approval.until)}")
    patience = duration(policy.approval.timeout)
    return _give_up(rollout, f"nobody approved it within {patience}", Ending.EXPIRED)


def _approved(facts: Facts, answer: Answer) -> Action:
    """The promotion begins if what is known by now still allows it."""
    rollout, look = facts.rollout, facts.look
    judged = rollout.judged
    if facts.obstacle is not None:
        return _give_up(rollout, facts.obstacle, Ending.ABANDONED)
    if judged is not None and judged.at >= answer.at:
        if rollout.override or judged.decision is Decision.PROMOTE:
            return Enter(Phase.PROMOTING)
        harm = judged.decision is Decision.ROLLBACK
        ending = Ending.ROLLED_BACK if harm else Ending.INCONCLUSIVE
        return RollBack(rollout.stable, judged.reason, ending)
    if look is None:
        return Hold(LOOK_EVERY, f"approved by {answer.by}; to be judged once more")
    decided = look.decision in (Decision.PROMOTE, Decision.ROLLBACK)
    if decided and rollout.phase is Phase.SHADOW:
        return Conclude(None)
    if rollout.override or look.decision is Decision.PROMOTE:
        return Enter(Phase.PROMOTING)
    reason = f"not proven on everything seen so far: {look.reason}"
    return _give_up(rollout, reason, Ending.ABANDONED)


def _give_up(rollout: Rollout, reason: str, ending: Ending) -> Action:
    """Back to waiting for `promote-model` where the shadow still runs, else closed."""
    if rollout.phase is Phase.SHADOW:
        return Lapse(reason)
    return RollBack(rollout.stable, reason, ending)


def _bring_up(facts: Facts, policy: Policy) -> Action:
    if facts.failure is not None:
        return RollBack(facts.rollout.stable, facts.failure, Ending.ABANDONED)
    if facts.unready_for > policy.ready_within:
        waited = f"{facts.unready_for:.0f} s"
        version = facts.rollout.candidate.version
        reason = f"{version} was not ready and warm for {waited}"
        return RollBack(facts.rollout.stable, reason, Ending.ABANDONED)
    return BringUp(facts.rollout.candidate)


def _wanted_mirror(facts: Facts) -> Mirrored:
    """The share of requests to copy: the sample, lowered to stay under the cap.

    The share moves in steps of a quarter, so that noise in the rate does not move the route.
    """
    rollout = facts.rollout
    fraction = rollout.sample
    rate = facts.look.requests_per_second if facts.look else 0.0
    while rate * fraction > rollout.cap:
        fraction *= 0.75
    present = facts.traffic.mirrored
    kept = (
        present is not None
        and present.rollout_id == rollout.id
        and fraction <= rollout.sample
        and present.fraction <= rollout.sample
        and present.fraction * rate <= rollout.cap
        and present.fraction * rate > 0.5 * min(rollout.cap, rollout.sample * rate)
    )
    if kept and present is not None:
        return present
    return Mirrored(rollout.candidate.version, fraction, rollout.id)


def _promoting(facts: Facts, policy: Policy) -> Action:
    """All traffic to the candidate; if it is not healthy, to whichever revision is."""
    rollout = facts.rollout
    candidate, stable = rollout.candidate, rollout.stable
    if policy.approval.required and stable is not None and not _is_approved(rollout):
        if facts.champion != stable:
            return _void(facts)
        if rollout.awaiting:
            return _awaiting(facts, policy)
        return Ask(asked_until(rollout, facts.now, policy))
    if candidate.version in facts.ready:
        wanted = {candidate.version: 100}
        if facts.traffic.weights != wanted or facts.traffic.mirrored is not None:
            return Shift(wanted, None)
        # Without a version to return to, a watch could undo nothing.
        if stable is None or not policy.watch.seconds:
            return Promote(candidate, _grounds(facts))
        return BeginWatch(candidate)
    if stable is not None and stable.version not in facts.ready:
        return BringUp(candidate)
    return _bring_up(facts, policy)


def _is_approved(rollout: Rollout) -> bool:
    return rollout.approval is not None and rollout.approval.used


def _watching(facts: Facts) -> Action:
    """Back to the stable revision as soon as a trigger fires, and for good once the time is up."""
    rollout, watched = facts.rollout, facts.watched
    candidate, stable = rollout.candidate, rollout.stable
    firing = watched.firing if watched else None
    if stable is not None and firing is None and _undoing(facts, stable):
        firing = rollout.reason or "the watch had begun to undo when its process ended"
    if firing is not None:
        if stable is not None and stable.version not in facts.ready:
            return BringUp(stable)
        return RollBack(stable, firing, Ending.ROLLED_BACK)
    wanted = Traffic({candidate.version: 100}, None)
    if candidate.version in facts.ready and facts.traffic != wanted:
        return Shift(wanted.weights, None)
    assert rollout.watch is not None
    if facts.now < rollout.watch.until:
        return Hold(LOOK_EVERY, "watched")
    if candidate.version not in facts.ready:
        return Hold(LOOK_EVERY, f"{candidate.version} is not ready")
    unjudged = ", ".join(watched.unjudged) if watched else "anything"
    found = f"not judged: {unjudged}" if unjudged else "no trigger fired"
    reason = f"{_grounds(facts)}; watched for {duration(rollout.watch.seconds)}, {found}"
    return Promote(candidate, reason)


def _undoing(facts: Facts, stable: Revision) -> bool:
    """The undo of this watch was begun: traffic, or the ledger too, is back at the stable one."""
    return facts.champion == stable or facts.traffic.weights == {stable.version: 100}


def _grounds(facts: Facts) -> str:
    return facts.rollout.override or "proven safe"


def _returning(facts: Facts, policy: Policy) -> Action:
    """`rollback-model`: back to the target, which is first brought up where it is not ready."""
    target = facts.rollout.candidate
    if target.version not in facts.ready:
        return BringUp(target)
    wanted = {target.version: 100}
    if facts.traffic.weights != wanted or facts.traffic.mirrored is not None:
        return Shift(wanted, None)
    return Promote(target, facts.rollout.override or "rolled back")


def _age(facts: Facts) -> float:
    return (facts.now - facts.rollout.opened_at).total_seconds()


def _budget_spent(facts: Facts, policy: Policy) -> str | None:
    """Why an undecided shadow ends now, in words; None while it may go on."""
    age = _age(facts)
    if age > policy.shadow.max_seconds:
        return f"undecided after {duration(age)}, the policy's longest shadow"
    pairs = facts.look.pairs if facts.look else 0
    if pairs > policy.shadow.max_pairs:
        return f"undecided after {pairs:,} pairs, the policy's largest shadow"
    return None
