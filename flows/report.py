"""What a rollout came to: the exit code and the object that ``--json`` prints."""

from typing import Any

from flows.platform import parts_of
from flows.refusal import Exit
from flows.site import Site
from rollout import approval_text
from rollout.state import Ending, Phase, Rollout

UNPROMOTED = (Ending.ABANDONED, Ending.EXPIRED, Ending.REFUSED)


def exit_code(rollout: Rollout) -> Exit:
    """0 promoted, watched, rolled back by hand, or waiting with its PASS; 3 undone; 4 held.

    A control that ended: 3 with more false alarms than promised, 4 without a whole window.

    A promotion that a person refused, or that nobody approved in time, is held, too.
    """
    match rollout.closed:
        case Ending.PROMOTED | Ending.CONTROLLED:
            return Exit.DONE
        case Ending.FALSE_ALARMS:
            return Exit.HARM
        case Ending.ROLLED_BACK:
            return Exit.DONE if rollout.verb.undoes else Exit.HARM
        case Ending.INCONCLUSIVE | Ending.EXPIRED | Ending.REFUSED:
            return Exit.HELD
        case Ending.ABANDONED:
            return Exit.FAILED
        case None:
            at_rest = rollout.waiting or rollout.phase is Phase.WATCHING
            return Exit.DONE if at_rest and not lapsed(rollout) else Exit.HELD


def lapsed(rollout: Rollout) -> str | None:
    """Why the promotion of a rollout that is still open was given up, if it was."""
    approval = rollout.approval
    return approval.lapsed if approval is not None and rollout.closed is None else None


def report(rollout: Rollout) -> dict[str, Any]:
    """One object: who against whom, how it ended, why, and where the evidence lies."""
    judged, watch = rollout.judged, rollout.watch
    at_judgement = judged is not None and not rollout.undone and rollout.closed not in UNPROMOTED
    given_up = lapsed(rollout)
    return {
        "model": rollout.component,
        "version": rollout.candidate.version,
        "champion": rollout.stable.version if rollout.stable else None,
        "rollout": rollout.id,
        "phase": str(rollout.phase),
        "ending": str(rollout.closed) if rollout.closed else None,
        "decision": str(judged.decision) if judged else None,
        "reason": given_up or (judged.reason if judged and at_judgement else rollout.reason),
        "pairs": judged.pairs if judged else 0,
        "seconds": _seconds(rollout),
        "decided_at": judged.decided_at if judged else None,
        "watch_seconds": watch.seconds if watch and rollout.closed is None else None,
        "watch_until": watch.until.isoformat() if watch else None,
        "approval": approval_text.as_data(rollout),
        "evidence": judged.evidence if judged else None,
        "evidence_digest": judged.evidence_digest if judged else None,
    }


def came_to(here: Site, rollout: Rollout) -> dict[str, Any]:
    """The exit code and the object, for whoever followed a rollout of a model or of services."""
    told = release_report(here, rollout) if rollout.verb.of_release else report(rollout)
    return {"exit": int(exit_code(rollout)), **told}


def release_report(here: Site, rollout: Rollout) -> dict[str, Any]:
    """The object of a rollout of services: what serves now, and what bars the way back."""
    champion, watch = here.history(rollout.component).champion, rollout.watch
    parts = parts_of(here, rollout.component)
    return {
        "application": rollout.component,
        "verb": str(rollout.verb),
        "version": rollout.candidate.version,
        "before": rollout.stable.version if rollout.stable else None,
        "rollout": rollout.id,
        "phase": str(rollout.phase),
        "ending": str(rollout.closed) if rollout.closed else None,
        "reason": rollout.reason,
        "watch_seconds": watch.seconds if watch and rollout.closed is None else None,
        "watch_until": watch.until.isoformat() if watch else None,
        "serves": champion.revision.version if champion else None,
        "barred": parts.barred(parts.below),
    }


def _seconds(rollout: Rollout) -> float | None:
    """How long its verdict took; None where it rests on that of an earlier rollout."""
    judged = rollout.judged
    if judged is None or judged.at < rollout.opened_at:
        return None
    return (judged.at - rollout.opened_at).total_seconds()
