"""Hosts that were calibrated by a copy of the champion: false rollbacks, and how soon harm is seen.

Each repetition has an A/A window of its own: three hours of it, twelve where hosts wander for long.
"""

from collections.abc import Iterator
from dataclasses import fields
from math import log

import numpy as np

from analysis import JudgePolicy, calibrate, judge, parse_policy
from analysis.calibration import calibrated
from analysis.drift import SCALE, Scores
from analysis.envelope import Calibration
from analysis.minutes import Sustained, sustained
from benchmarks.calibration import wilson_upper
from benchmarks.hosts import START_US, Hosts
from flows.calibrating import table_of

HOUR_US = 3_600_000_000
NOISE = 0.283
SCORES_A_SECOND = 20.0
RHOS = (0.5, 0.8, 0.95)
# Answers take 200 ms here, which is over the packaged limit whatever the version.
NO_LIMIT = "[gates.p95-limit]\nlimit_ms = 1e6\n"


def scores(rng: np.random.Generator, minutes: int, rho: float, ratio: float = 1.0) -> Scores:
    """Seconds of two hosts whose latency each drifts by 10 %, AR(1) from minute to minute."""
    own = np.empty((2, minutes))
    own[:, 0] = rng.normal(0, 0.1, 2)
    for minute in range(1, minutes):
        step = rng.normal(0, 0.1 * np.sqrt(1 - rho**2), 2)
        own[:, minute] = rho * own[:, minute - 1] + step
    second = np.arange(60 * minutes)
    n = rng.poisson(SCORES_A_SECOND, len(second))
    mean = (own[0] - own[1])[second // 60] + log(ratio)
    noise = NOISE * np.sqrt(n) * rng.normal(size=len(second))
    total = np.rint(SCALE * (n * mean + noise)).astype(np.int64)
    squares = np.rint(SCALE**2 * n * (mean**2 + NOISE**2)).astype(np.int64)
    seen = n > 0
    return Scores(second[seen], n[seen], total[seen], squares[seen], 0)


def judged(
    found: Calibration, seen: Scores, limit: float, side: int = 1, level: float = 0.05
) -> Sustained:
    """An hour on calibrated hosts."""
    return sustained(seen, HOUR_US, found, log(limit), side, level)


def minutes_of(rho: float) -> int:
    """Of a window that is long enough most of the time."""
    return 180 if rho < 0.9 else 720


def usable(rho: float, reps: int) -> Iterator[tuple[Calibration, np.random.Generator]]:
    """Calibrations that can be relied on, each with a generator for what follows."""
    minutes = minutes_of(rho)
    for rep in range(reps):
        rng = np.random.default_rng([rep, minutes, round(100 * rho)])
        found = calibrated(scores(rng, minutes, rho), minutes * 60_000_000)
        assert found is not None
        if not found.trouble:
            yield found, rng


def policy_of(found: Calibration, more: str = "") -> JudgePolicy:
    """What `pincex calibrate` prints, as the policy of what is judged next."""
    return parse_policy(f"{table_of(found)}[latency]\nbaseline_p95_ms = 365\n{more}")


def before(found: Calibration) -> Calibration:
    """The same, of a window that ended before any record here began."""
    told = {one.name: getattr(found, one.name) for one in fields(found)}
    return Calibration(**{**told, "until_us": START_US - 1})


def seconds_until_undone(
    rho: float, ratio: float, rate: float, rng: np.random.Generator
) -> float | None:
    """By every gate that can roll back; infinite where none did, None without a calibration."""
    found = calibrate(Hosts(rate, minutes_of(rho), 0.1, rho).pairs(rng))
    if found is None or found.trouble:
        return None
    record = Hosts(rate, 60, 0.1, rho, ratio).pairs(rng)
    verdict = judge(record, policy_of(before(found), NO_LIMIT))
    looks = [f.decided_at for f in verdict.findings if f.outcome == "FAIL" and f.decided_at]
    blocking = verdict.decision == "ROLLBACK"
    ended = min((look.at_us for look in looks), default=None) if blocking else None
    return float("inf") if ended is None else (ended - START_US) / 1e6


def rows(full: bool) -> Iterator[dict[str, object]]:
    """The minute model on many hours, then whole verdicts on fewer."""
    for rho in RHOS:
        hours = list(usable(rho, 3_000 if full else 60))
        false = sum(
            bool(judged(found, scores(rng, 60, rho), 1.0).above.any()) for found, rng in hours
        )
        yield {
            "what": f"equal versions for an hour, hosts drift 10 %, AR(1) {rho} by the minute",
            "judged by": "minute model at .05",
            "calibrations that can be relied on": len(hours),
            "rolled back": false / len(hours),
            "at most": wilson_upper(false, len(hours)),
        }
    for rho in RHOS:
        for ratio in (1.0, 2.0):
            yield _whole(rho, ratio, 100 if full else 12)


def _whole(rho: float, ratio: float, reps: int) -> dict[str, object]:
    rng = np.random.default_rng([round(100 * rho), round(ratio)])
    found = [seconds_until_undone(rho, ratio, 10.0, rng) for _ in range(reps)]
    known = np.array([seconds for seconds in found if seconds is not None])
    assert len(known), "no window was long enough"
    hits = int(np.isfinite(known).sum())
    told: dict[str, object] = {
        "what": f"{'latency doubled' if ratio > 1 else 'equal versions'} for an hour, AR(1) {rho}",
        "judged by": "the whole policy",
        "calibrations that can be relied on": len(known),
        "rolled back": hits / len(known),
    }
    if ratio > 1:
        return told | {"within 2 min": float((known <= 120).mean())}
    return told | {"at most": wilson_upper(hits, len(known))}
