"""What a rollout came to: the exit code and the object that ``--json`` prints."""

from typing import Any

from flows.refusal import Exit
from rollout.state import Ending, Rollout, Verb


def exit_code(rollout: Rollout) -> Exit:
    """0 promoted, rolled back by hand, or a PASS that waits; 3 undone on evidence; 4 held."""
    match rollout.closed:
        case Ending.PROMOTED:
            return Exit.DONE
        case Ending.ROLLED_BACK:
            return Exit.DONE if rollout.verb is Verb.ROLLBACK else Exit.HARM
        case Ending.INCONCLUSIVE | Ending.EXPIRED:
            return Exit.HELD
        case Ending.ABANDONED:
            return Exit.FAILED
        case None:
            return Exit.DONE if rollout.waiting else Exit.HELD


def report(rollout: Rollout) -> dict[str, Any]:
    """One object: who against whom, how it ended, why, and where the evidence lies."""
    judged = rollout.judged
    return {
        "model": rollout.component,
        "version": rollout.candidate.version,
        "champion": rollout.stable.version if rollout.stable else None,
        "rollout": rollout.id,
        "phase": str(rollout.phase),
        "ending": str(rollout.closed) if rollout.closed else None,
        "decision": str(judged.decision) if judged else None,
        "reason": judged.reason if judged else rollout.reason,
        "pairs": judged.pairs if judged else 0,
        "seconds": (judged.at - rollout.opened_at).total_seconds() if judged else None,
        "decided_at": judged.decided_at if judged else None,
        "evidence": judged.evidence if judged else None,
        "evidence_digest": judged.evidence_digest if judged else None,
    }
