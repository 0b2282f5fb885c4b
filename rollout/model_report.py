"""What the ledger adds to a model's report: rollouts, false alarms, and what is missing."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from rollout.alerts import NO_DATA, STALE
from rollout.history import History
from rollout.policy import parse
from rollout.state import Ending, Rollout, Verb


def rollouts_between(
    history: History, closed_at: Mapping[str, datetime], start: datetime, end: datetime
) -> list[dict[str, Any]]:
    """Every rollout that was opened or closed in [start, end) or is open, oldest first."""
    return [
        _told(rollout, closed_at.get(rollout.id))
        for rollout in history.rollouts
        if rollout.closed is None
        or start <= rollout.opened_at < end
        or _within(closed_at.get(rollout.id), start, end)
    ]


def judged_between(history: History, start: datetime, end: datetime) -> list[Rollout]:
    """Shadows that got their verdict in [start, end); a first version has none to be false."""
    return [
        rollout
        for rollout in history.rollouts
        if rollout.verb is Verb.DEPLOY
        and rollout.stable is not None
        and rollout.judged is not None
        and start <= rollout.judged.at < end
    ]


def watched_between(history: History, start: datetime, end: datetime) -> list[Rollout]:
    """Promotions whose watch began in [start, end)."""
    return [r for r in history.rollouts if r.watch is not None and start <= r.watch.since < end]


def alarms_spent(judged: Iterable[Rollout], watches: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """False alarms to expect of what was judged and watched; None where it is not known."""
    alphas = [parse(rollout.policy_text).judging.alpha_rollback for rollout in judged]
    told = list(watches)
    expected = [watch["expected"] for watch in told if watch["expected"] is not None]
    return {
        "judged": len(alphas),
        "alphas": sorted(set(alphas)),
        "false_rollbacks_at_most": sum(alphas),
        "watches": len(told),
        "watched_seconds": sum(watch["seconds"] for watch in told),
        "watch_alarms": sum(expected),
        "watches_unknown": sum(watch["expected"] is None for watch in told),
    }


def missing(report: Mapping[str, Any]) -> list[str]:
    """What a reader may look for and not find, each with its reason."""
    return [sentence for sentence in _missing(report) if sentence]


def _missing(report: Mapping[str, Any]) -> Iterable[str]:
    window, labels, drift = report["window"], report["labels"], report["drift"]
    if window["measured_from"] != window["start"]:
        yield f"rows before {window['measured_from']}: their files were rotated away"
    if report["damaged"]:
        yield f"{report['damaged']:,} damaged lines of the records"
    for outcome, what in ((NO_DATA, "samples"), (STALE, "fresh samples")):
        blind = [one["name"] for one in report["alerts"] if one["outcome"] == outcome]
        if blind:
            yield f"{what} for alerts: {', '.join(blind)}"
    if not report["requests"]:
        yield "traffic: no request was answered"
        return
    if report["accuracy"] is None:
        yield "accuracy: no request has a label"
    if labels["missing"]:
        yield (
            f"labels of {labels['missing']:,} of {labels['due']:,} requests whose label is due, "
            f"since {labels['missing_since']}"
        )
    if not report["disagreement"]:
        yield "disagreement: no shadow ran"
    if drift["predictions"] is None or drift["predictions"]["psi"] is None:
        yield "drift of predictions: too few answers to compare"
    if not drift["inputs"]:
        yield "drift of inputs: inputs are not recorded"
    elif all(one["psi"] is None for one in drift["inputs"]):
        yield "drift of inputs: too few kept requests to compare"
    if report["false_alarms"]["watches_unknown"]:
        yield "false alarms of watches without enough traffic"


def _within(moment: datetime | None, start: datetime, end: datetime) -> bool:
    return moment is not None and start <= moment < end


def _told(rollout: Rollout, closed_at: datetime | None) -> dict[str, Any]:
    judged = rollout.judged
    return {
        "rollout": rollout.id,
        "verb": str(rollout.verb),
        "version": rollout.candidate.version,
        "against": rollout.stable.version if rollout.stable else None,
        "opened_at": rollout.opened_at.isoformat(),
        "closed_at": closed_at.isoformat() if closed_at else None,
        "phase": str(rollout.phase),
        "ending": str(rollout.closed) if rollout.closed else None,
        "decision": str(judged.decision) if judged else None,
        "pairs": judged.pairs if judged else None,
        "reason": rollout.reason or (judged.reason if judged else ""),
        "undone": rollout.closed is Ending.ROLLED_BACK and rollout.watch is not None,
    }
