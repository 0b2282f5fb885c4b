"""The runbook's nine alerts over what was seen: a reading each, five critical and four warnings."""

from dataclasses import dataclass, replace
from typing import Any

from analysis.alerts import CounterRule, GaugeRule, Samples, grown, over_for
from analysis.findings import rounded
from analysis.triggers import P95_TAIL, Counts, Reading, Rule, State, above_in_a_row
from rollout.policy import Policy

FIRING, NO_DATA, STALE = "firing", "no data", "stale"
OUTCOMES = {
    State.FIRING: FIRING,
    State.QUIET: "quiet",
    State.NO_TRAFFIC: "no traffic",
    State.NO_DATA: NO_DATA,
    State.STALE: STALE,
    State.NOT_JUDGED: "too few",
}
"""What people call them; no alert waits for labels."""
STOPPED = 0.5
"""Of 1 less what `trading_engine_running` says, which is 1 or 0."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Requests by the second with errors, and with those over both limits; gauges and counters.

    `cpu` and `memory` are fractions, `engine` is 1 while it runs, the counters only grow.
    """

    errors: Counts
    over_critical: Counts
    over_warning: Counts
    cpu: Samples
    memory: Samples
    restarts: Samples
    database: Samples
    engine: Samples


def alerts(seen: Seen, policy: Policy) -> tuple[list[Reading], list[Reading]]:
    """Critical ones and warnings; those of requests judge whole minutes of enough requests."""
    live, rules, watch = policy.live_rules.errors, policy.alerts, policy.watch
    slow, stale, minute = rules.response_time, rules.stale_after, watch.minute

    def requests(name: str, limit: float, minutes: int, counts: Counts, what: str) -> Reading:
        return above_in_a_row(Rule(name, limit, minutes, watch.min_requests), counts, minute, what)

    def over(ms: float) -> str:
        return f"p95 over {ms:g} ms: slower are"

    stopped = replace(seen.engine, values=1 - seen.engine.values)
    critical = [
        requests("errors", live.above_percent / 100, live.minutes, seen.errors, "errors"),
        requests(
            "response time",
            P95_TAIL,
            slow.critical_minutes,
            seen.over_critical,
            over(slow.critical_ms),
        ),
        grown(
            CounterRule("restarts", rules.restarts.more_than, rules.restarts.within, 0.0, stale),
            seen.restarts,
        ),
        grown(
            CounterRule("database", 0, rules.database.within, rules.database.seconds, stale),
            seen.database,
        ),
        over_for(GaugeRule("trading engine", STOPPED, 0.0, stale), stopped),
    ]
    warnings = [
        requests(
            "errors",
            rules.errors.warning_percent / 100,
            rules.errors.warning_minutes,
            seen.errors,
            "errors",
        ),
        requests(
            "response time",
            P95_TAIL,
            slow.warning_minutes,
            seen.over_warning,
            over(slow.warning_ms),
        ),
        over_for(
            GaugeRule("CPU", rules.cpu.above_percent / 100, rules.cpu.minutes * 60.0, stale),
            seen.cpu,
        ),
        over_for(
            GaugeRule(
                "memory", rules.memory.above_percent / 100, rules.memory.minutes * 60.0, stale
            ),
            seen.memory,
        ),
    ]
    return critical, warnings


def told(seen: Seen, policy: Policy) -> list[dict[str, Any]]:
    """Each of the nine as reports keep it: outcome, what is so, why, false alarms an hour."""
    critical, warnings = alerts(seen, policy)
    return [
        {
            "severity": severity,
            "name": one.name,
            "outcome": OUTCOMES[one.state],
            "now": one.now,
            "reason": one.reason,
            "false_alarms_per_hour": rounded(one.alarms_per_hour),
            "at_most": one.bound,
        }
        for severity, readings in (("critical", critical), ("warning", warnings))
        for one in readings
    ]
