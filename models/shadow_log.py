"""The shadow-metrics log: one JSON object per look and line, for `tail -f` and for scripts."""

import os
from pathlib import Path

import orjson
import polars as pl

from analysis import Finding, Outcome, Verdict
from models.records import Shadow


def append_shadow_line(path: Path, verdict: Verdict, shadow: Shadow, looks: int) -> None:
    """Add what one look saw; OSError when the disk does not take it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    line = orjson.dumps(shadow_line(verdict, shadow, looks)) + b"\n"
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, line)
    finally:
        os.close(file)


def shadow_line(verdict: Verdict, shadow: Shadow, looks: int) -> dict[str, object]:
    """One look as plain values; times in UTC, shares as fractions, latencies in milliseconds."""
    pairs = shadow.pairs
    return {
        "window_start": _utc(pairs, 0),
        "window_end": _utc(pairs, -1),
        "n": pairs.height,
        "looks": looks,
        "decision": verdict.decision,
        "reason": verdict.reason,
        "missing": [f"{f.name}: {f.reason}" for f in verdict.findings if _is_missing(f)],
        "gates": [finding.as_dict() for finding in verdict.findings],
        "coverage": verdict.coverage,
        "requests": shadow.requests,
        "left_out": shadow.left_out,
        "pending": shadow.pending,
        "timeouts": shadow.timeouts,
        "not_sent": shadow.not_sent,
        "orphans": shadow.orphans,
        "labels": pairs["label"].count(),
        **_latencies(pairs, "baseline"),
        **_latencies(pairs, "candidate"),
    }


def _is_missing(finding: Finding) -> bool:
    return finding.blocking and finding.outcome is Outcome.INCONCLUSIVE


def _latencies(pairs: pl.DataFrame, side: str) -> dict[str, float | None]:
    column = pairs[f"{side}_latency_ms"]
    return {
        f"{side}_p{percent}_ms": column.quantile(percent / 100, "higher")
        for percent in (50, 95, 99)
    }


def _utc(pairs: pl.DataFrame, row: int) -> str | None:
    return pairs["arrived_at"][row].isoformat() if pairs.height else None
