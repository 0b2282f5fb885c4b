"""What a look leaves behind for whoever follows: one small file, replaced whole."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from analysis import Finding, Verdict, forecast
from flows.evidence import REPORT
from flows.sight import Sight
from rollout import approval_text, gate_words, watch_words
from rollout.facts import Action, Conclude, Facts, Finish
from rollout.gate_words import Beside
from rollout.state import Decision, Phase, Rollout, Verb


def progress_of(sight: Sight, facts: Facts, action: Action) -> dict[str, Any]:
    """Plain values for the live view, the Prefect page and `status`."""
    rollout = facts.rollout
    labels, delay = _labels(sight.shadow.pairs) if sight.shadow else (0, None)
    beside = _beside(sight, rollout)
    verdict = sight.verdict
    watch = _watch(sight, facts)
    elapsed = (facts.now - rollout.opened_at).total_seconds()
    rate = facts.look.requests_per_second if facts.look else sight.rate
    decision = rollout.judged.decision if rollout.judged else (facts.look and facts.look.decision)
    reason = rollout.judged.reason if rollout.judged else getattr(action, "reason", "")
    if rollout.undone:
        decision, reason = Decision.ROLLBACK, rollout.reason
    if isinstance(action, Conclude) and facts.look:
        reason = action.undecided or facts.look.reason
    expected = _expected(verdict, elapsed) if verdict and decision is Decision.CONTINUE else None
    return {
        "at": datetime.now(UTC).isoformat(),
        "rollout": rollout.id,
        "component": rollout.component,
        "stable": rollout.stable.version if rollout.stable else None,
        "candidate": rollout.candidate.version,
        "phase": str(rollout.phase),
        "elapsed": elapsed,
        "max_seconds": _longest(sight, rollout),
        "rate": rate,
        "mirrored": facts.traffic.mirrored.fraction if facts.traffic.mirrored else 0.0,
        "pairs": verdict.pairs if verdict else sight.control.pairs if sight.control else 0,
        "control": facts.controlled.said if rollout.verb is Verb.CONTROL else None,
        "coverage": (verdict.coverage if verdict else None) or 0.0,
        "labels": labels,
        "label_delay": delay,
        "labels_refused": sight.shadow.labels_refused if sight.shadow else 0,
        "looks": sight.looks,
        "gates": [_gate(found, beside) for found in verdict.pooled] if verdict else [],
        "decision": str(decision) if decision else None,
        "reason": reason,
        "expected": expected,
        "approval": approval_text.as_data(rollout),
        "watch": watch,
        "report": _report(rollout),
        "finished": isinstance(action, Finish),
    }


def _longest(sight: Sight, rollout: Rollout) -> float:
    """Seconds that it may last."""
    if rollout.verb is Verb.CONTROL:
        return sight.policy.control.max_seconds
    return sight.policy.shadow.max_seconds


def _report(rollout: Rollout) -> str | None:
    """The page of the verdict; a first version has none."""
    place = Path(rollout.judged.evidence) / REPORT if rollout.judged else None
    return str(place) if place and place.is_file() else None


def _watch(sight: Sight, facts: Facts) -> dict[str, Any] | None:
    """The triggers as they stand, and until when they are looked at; None outside of a watch."""
    rollout = facts.rollout
    if rollout.watch is None or rollout.phase is not Phase.WATCHING or sight.watcher is None:
        return None
    return {
        "since": rollout.watch.since.isoformat(),
        "until": rollout.watch.until.isoformat(),
        "seconds": rollout.watch.seconds,
        "left": max(0.0, (rollout.watch.until - facts.now).total_seconds()),
        "past_p95_ms": rollout.watch.past_p95_ms,
        "triggers": [
            watch_words.as_data(reading, sight.policy) for reading in sight.watcher.readings
        ],
    }


def _gate(finding: Finding, beside: Beside) -> dict[str, Any]:
    gate = finding.as_dict()
    return {
        "name": finding.name,
        "label": gate_words.label(gate, beside),
        "now": gate_words.now(gate, finding.unit, beside),
        "harm": finding.harm_progress or 0.0,
        "safe": finding.safety_progress or 0.0,
        "outcome": finding.outcome.value,
        "blocking": finding.blocking,
    }


def _beside(sight: Sight, rollout: Rollout) -> Beside:
    champion = rollout.stable.version if rollout.stable else "no champion"
    limit = sight.policy.judging.gates["p95-limit"].limits["limit_ms"]
    pairs = sight.shadow.pairs if sight.shadow else None
    return Beside(champion, limit, _p95(pairs, "baseline"), _p95(pairs, "candidate"))


def _p95(pairs: pl.DataFrame | None, side: str) -> float | None:
    return None if pairs is None else pairs[f"{side}_latency_ms"].quantile(0.95, "higher")


def _expected(verdict: Verdict, elapsed: float) -> list[float] | None:
    """Seconds until each undecided blocking gate decides; None where one is not getting there."""
    blocking = {finding.name for finding in verdict.findings if finding.blocking}
    seconds = [entry.seconds for entry in forecast(verdict, elapsed) if entry.gate in blocking]
    known = [value for value in seconds if value is not None]
    return known if known and len(known) == len(seconds) else None


def _labels(pairs: pl.DataFrame) -> tuple[int, float | None]:
    """How many pairs have their label, and the median delay in seconds."""
    labelled = pairs.filter(pl.col("label").is_not_null() & pl.col("labelled_at").is_not_null())
    delay = (labelled["labelled_at"] - labelled["arrived_at"]).median()
    return labelled.height, delay.total_seconds() if isinstance(delay, timedelta) else None
