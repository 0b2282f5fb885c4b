"""Argo Rollouts' AnalysisRun: measurements against a condition, totals against limits.

Source: argo-rollouts, docs/features/analysis.md, and the assessment in analysis/analysis.go. Where
prose and code differ this follows the code: failureLimit 3 fails on the fourth failure. Two sets of
templates: the example of the documentation (success rate of 95 %, every 5 minutes, failureLimit 3)
with the runbook's numbers beside it, and one that sees a p95 10 % up, at the default failureLimit
of 0. The share of wrong answers is measured from the first label on (initialDelay).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from analysis.bets import Flags, Floats
from rivals.evidence import MINUTE, Evidence, Windows
from rivals.ruling import PROMOTE, ROLLBACK, Ruling, undecided


class Phase(StrEnum):
    """What a measurement, a metric or a run came to."""

    SUCCESSFUL = "Successful"
    FAILED = "Failed"
    INCONCLUSIVE = "Inconclusive"
    ERROR = "Error"
    RUNNING = "Running"


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a metric with Argo's defaults; a limit below 0 is off."""

    count: int
    failures: int = 0
    inconclusive: int = 0
    consecutive_errors: int = 4
    consecutive_successes: int = 0


def measured(value: float | None, success: Flags | bool) -> Phase:
    """One measurement with a success condition alone: no series is an error, NaN meets nothing."""
    if value is None:
        return Phase.ERROR
    return Phase.SUCCESSFUL if success and not np.isnan(value) else Phase.FAILED


def assess(measurements: Sequence[Phase], limits: Limits) -> Phase:
    """The phase of a metric after these measurements."""
    failed = sum(phase is Phase.FAILED for phase in measurements)
    inconclusive = sum(phase is Phase.INCONCLUSIVE for phase in measurements)
    counted = sum(phase is not Phase.ERROR for phase in measurements)
    phase = Phase.RUNNING
    if 0 <= limits.failures < failed:
        phase = Phase.FAILED
    if 0 <= limits.inconclusive < inconclusive:
        phase = Phase.INCONCLUSIVE
    if _run(measurements, Phase.ERROR) > limits.consecutive_errors:
        phase = Phase.ERROR
    if phase is not Phase.RUNNING:
        return phase
    successes = limits.consecutive_successes
    if successes and _run(measurements, Phase.SUCCESSFUL) >= successes:
        return Phase.SUCCESSFUL
    if counted < limits.count:
        return Phase.RUNNING
    if successes:
        return Phase.INCONCLUSIVE if limits.failures >= 0 else Phase.FAILED
    return Phase.SUCCESSFUL


def _run(measurements: Sequence[Phase], wanted: Phase) -> int:
    length = 0
    for phase in reversed(measurements):
        if phase is not wanted:
            break
        length += 1
    return length


@dataclass(frozen=True, slots=True)
class Template:
    """A metric of an AnalysisTemplate: its value in each window, and the most it may be."""

    name: str
    value: Callable[[Windows], Floats]
    at_most: float


@dataclass(frozen=True, slots=True)
class Argo:
    """A run of these templates every `interval` seconds, as long as the record is."""

    templates: tuple[Template, ...]
    interval: int
    failure_limit: int

    def __call__(self, seen: Evidence) -> Ruling:
        """Abort with the first metric that fails or errs; successful when all have their count."""
        windows = seen.minutes if self.interval == MINUTE else seen.windows(self.interval)
        runs = [run for run in (self._run(t, windows) for t in self.templates) if run]
        aborted = [(index, f"{name}: {phase}") for index, phase, name in runs if phase in ABORTING]
        if aborted:
            index, why = min(aborted)
            return Ruling(ROLLBACK, windows.look(index), why)
        if runs and all(phase is Phase.SUCCESSFUL for _, phase, _ in runs):
            index = max(index for index, _, _ in runs)
            return Ruling(PROMOTE, windows.look(index), "every metric is Successful")
        return undecided("no metric could be measured often enough")

    def _run(self, template: Template, windows: Windows) -> tuple[int, Phase, str] | None:
        """The window at which a metric ended, its phase and its name; from its first value on."""
        values = template.value(windows)
        known = np.flatnonzero(~np.isnan(values))
        if not len(known):
            return None
        begin = int(known[0])
        limits = Limits(count=len(values) - begin, failures=self.failure_limit)
        measurements: list[Phase] = []
        for index in range(begin, len(values)):
            value = float(values[index])
            measurements.append(measured(value, value <= template.at_most))
            phase = assess(measurements, limits)
            if phase is not Phase.RUNNING:
                return index, phase, template.name
        return len(values) - 1, Phase.RUNNING, template.name


ABORTING = (Phase.FAILED, Phase.ERROR)


def errors(windows: Windows) -> Floats:
    """Share of errors of the candidate."""
    return windows.candidate.error_share


def p95_ratio(windows: Windows) -> Floats:
    """The candidate's p95 over the baseline's of the same window."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return windows.candidate.p95_ms / windows.baseline.p95_ms


def wrong(windows: Windows) -> Floats:
    """Share of wrong answers of the candidate."""
    return windows.candidate.wrong_share


DOCUMENTED = Argo(
    (
        Template("errors", errors, 0.05),
        Template("p95", p95_ratio, 1.5),
        Template("wrong", wrong, 0.15),
    ),
    interval=300,
    failure_limit=3,
)
STRICT = Argo(
    (
        Template("errors", errors, 0.05),
        Template("p95", p95_ratio, 1.1),
        Template("wrong", wrong, 0.15),
    ),
    interval=60,
    failure_limit=0,
)
