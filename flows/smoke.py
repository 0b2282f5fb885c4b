"""Smoke requests to a first version: it has no champion, so only absolute gates can judge it."""

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate

import polars as pl

from analysis import Outcome, judge
from cluster.errors import NotFound
from flows.site import Site
from models.loading import example
from rollout.policy import Policy
from rollout.state import Decision, Rollout
from rollout.words import count

GATE = "p95-limit"


@dataclass(frozen=True, slots=True)
class Smoke:
    """What the smoke requests showed; `answers` holds status and milliseconds of each."""

    decision: Decision
    reason: str
    answers: tuple[tuple[int | None, float], ...]


def smoke(site: Site, rollout: Rollout, policy: Policy) -> Smoke:
    """Ask the servers directly, one request after the other, and judge errors and latency."""
    version = rollout.candidate.version
    directory = site.home.models / rollout.component / version
    body = json.dumps({"features": example(directory)}).encode()
    servers = site.serving.servers(rollout.component, version)
    if not servers:
        raise NotFound(f"{rollout.component} {version} has no servers that could be asked")
    answers = tuple(
        _ask(site, rollout.component, servers[number % len(servers)], body)
        for number in range(policy.smoke_requests)
    )
    return _judged(answers, policy)


def _ask(site: Site, component: str, server: str, body: bytes) -> tuple[int | None, float]:
    started = time.perf_counter()
    status = site.serving.ask(component, server, body)
    return status, 1000 * (time.perf_counter() - started)


def _judged(answers: tuple[tuple[int | None, float], ...], policy: Policy) -> Smoke:
    """Every request must be answered, and the absolute latency gate must pass."""
    failed = sum(status != 200 for status, _ in answers)
    total = count(len(answers))
    if failed:
        reason = f"{count(failed)} of {total} smoke requests were not answered with 200"
        return Smoke(Decision.ROLLBACK, reason, answers)
    verdict = judge(_frame(answers), policy.judging)
    latency = next(finding for finding in verdict.findings if finding.name == GATE)
    passed = latency.outcome is Outcome.PASS
    decision = Decision.PROMOTE if passed else Decision.INCONCLUSIVE
    if latency.outcome is Outcome.FAIL:
        decision = Decision.ROLLBACK
    reason = f"{total} of {total} smoke requests answered; {latency.reason}; nothing else certified"
    return Smoke(decision, reason, answers)


def _frame(answers: tuple[tuple[int | None, float], ...]) -> pl.DataFrame:
    """The answers as pairs of a version with itself; only an absolute gate is read off them.

    Each was asked when the one before had answered: its seconds tell a slow version from a stop.
    """
    taken = [timedelta(milliseconds=latency) for _, latency in answers]
    ended = list(accumulate(taken, initial=datetime.now(UTC) - sum(taken, timedelta())))
    statuses = [status for status, _ in answers]
    latencies = [latency for _, latency in answers]
    nothing: list[float | None] = [None] * len(answers)
    columns = {
        "request_id": [f"smoke-{number}" for number in range(len(answers))],
        "arrived_at": ended[:-1],
        "segment": [None] * len(answers),
        "baseline_status": statuses,
        "candidate_status": statuses,
        "baseline_latency_ms": latencies,
        "candidate_latency_ms": latencies,
        "baseline_prediction": nothing,
        "candidate_prediction": nothing,
        "candidate_outcome": ["answered"] * len(answers),
        "label": nothing,
        "labelled_at": [None] * len(answers),
    }
    return pl.DataFrame(columns)
