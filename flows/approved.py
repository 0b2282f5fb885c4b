"""What is known of an approved promotion before it begins: judged once more, nothing in the way."""

from dataclasses import replace
from pathlib import Path

from analysis import judge
from flows import evidence
from flows.openers import refuse_foreign
from flows.refusal import Refused
from flows.sight import Sight
from models.errors import RegistryError
from rollout.facts import Facts, Look
from rollout.state import Decision, Phase, Rollout


def examined(sight: Sight, facts: Facts) -> Facts:
    """The facts with what is in the way, and with a verdict on everything seen so far.

    Without the registry there is no look: the promotion is held until it answers.
    """
    rollout = facts.rollout
    assert rollout.approval is not None
    answer = rollout.approval.answer
    assert answer is not None
    try:
        refuse_foreign(sight.site, rollout.component, sight.site.history(rollout.component))
    except Refused as refused:
        return replace(facts, obstacle=refused.message)
    except RegistryError:
        return facts
    if rollout.phase is not Phase.SHADOW:
        return replace(facts, look=_kept(sight, rollout))
    if rollout.judged is not None and rollout.judged.at >= answer.at:
        return facts
    return sight.judged(facts)


def _kept(sight: Sight, rollout: Rollout) -> Look:
    """The kept evidence of a version that is in no shadow: intact, and giving the same verdict."""
    judged = rollout.judged
    if judged is None:
        return Look(Decision.INCONCLUSIVE, "there is no verdict", 0, 0.0)
    place = Path(judged.evidence)
    wrong = next(evidence.differences(place, judged.evidence_digest), None)
    if wrong is not None:
        return Look(Decision.INCONCLUSIVE, f"evidence {place}: {wrong}", 0, 0.0)
    verdict = judge(place / evidence.PAIRS, sight.policy.judging)
    return Look(Decision(verdict.decision), verdict.reason, verdict.pairs, 0.0)
