"""What a rollout came to: the exit code and the object that ``--json`` prints."""

from typing import Any

from flows.refusal import Exit
from rollout.state import Ending, Phase, Rollout, Verb


def exit_code(rollout: Rollout) -> Exit:
    """0 promoted, watched, rolled back by hand, or waiting with its PASS; 3 undone; 4 held."""
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
            at_rest = rollout.waiting or rollout.phase is Phase.WATCHING
            return Exit.DONE if at_rest else Exit.HELD


def report(rollout: Rollout) -> dict[str, Any]:
    """One object: who against whom, how it ended, why, and where the evidence lies."""
    judged, watch = rollout.judged, rollout.watch
    return {
        "model": rollout.component,
        "version": rollout.candidate.version,
        "champion": rollout.stable.version if rollout.stable else None,
        "rollout": rollout.id,
        "phase": str(rollout.phase),
        "ending": str(rollout.closed) if rollout.closed else None,
        "decision": str(judged.decision) if judged else None,
        "reason": judged.reason if judged and not rollout.undone else rollout.reason,
        "pairs": judged.pairs if judged else 0,
        "seconds": (judged.at - rollout.opened_at).total_seconds() if judged else None,
        "decided_at": judged.decided_at if judged else None,
        "watch_seconds": watch.seconds if watch and rollout.closed is None else None,
        "watch_until": watch.until.isoformat() if watch else None,
        "evidence": judged.evidence if judged else None,
        "evidence_digest": judged.evidence_digest if judged else None,
    }
