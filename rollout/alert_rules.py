"""The numbers of the runbook's nine alerts; each stands once in the policy."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ErrorWarning:
    """Errors in percent of the requests, over so many minutes in a row."""

    warning_percent: float
    warning_minutes: int


@dataclass(frozen=True, slots=True)
class SlowAlerts:
    """p95 of a minute over two limits, so many minutes in a row."""

    critical_ms: float
    critical_minutes: int
    warning_ms: float
    warning_minutes: int


@dataclass(frozen=True, slots=True)
class GaugeAlert:
    """A use in percent, over so many minutes."""

    above_percent: float
    minutes: int


@dataclass(frozen=True, slots=True)
class RestartAlert:
    """More restarts than that, within so many seconds."""

    more_than: int
    within: float


@dataclass(frozen=True, slots=True)
class DatabaseAlert:
    """A failed connection within so many seconds, seen for so many."""

    within: float
    seconds: float


@dataclass(frozen=True, slots=True)
class AlertRules:
    """All of them, with the seconds after which a sample is stale.

    Late errors are watched without an end: `late_errors_every` is the least mean time between two
    false alarms, in seconds.
    """

    stale_after: float
    late_errors_every: float
    errors: ErrorWarning
    response_time: SlowAlerts
    cpu: GaugeAlert
    memory: GaugeAlert
    restarts: RestartAlert
    database: DatabaseAlert


def alert_rules(table: Mapping[str, Any]) -> AlertRules:
    """From the tables of a policy, checked and merged."""
    return AlertRules(
        stale_after=table["stale_after"],
        late_errors_every=table["late_errors_every"],
        errors=ErrorWarning(**table["errors"]),
        response_time=SlowAlerts(**table["response_time"]),
        cpu=GaugeAlert(**table["cpu"]),
        memory=GaugeAlert(**table["memory"]),
        restarts=RestartAlert(**table["restarts"]),
        database=DatabaseAlert(**table["database"]),
    )
