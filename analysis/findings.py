"""The result of one gate: outcome, reason, estimate with its interval, evidence both ways."""

from dataclasses import dataclass
from enum import StrEnum
from math import isfinite

from analysis.bets import Trace
from analysis.clock import Look


class Outcome(StrEnum):
    """What a gate says; worst first, and anything unknown is INCONCLUSIVE."""

    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    PASS = "PASS"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its time-uniform interval over n pairs; None where there is nothing to say."""

    value: float | None
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One gate judged. `harm` and `safety` hold counts, log evidence, threshold and progress.

    `about` is the metric of the policy, `brief` the clause that a verdict quotes; `unit` says what
    estimate, low and high are: "share", "difference of shares", "ratio" (less 1), "loss" (0 to 1),
    or "" where the gate has no estimate.
    """

    name: str
    about: str
    metric: str
    segment: str | None
    blocking: bool
    outcome: Outcome
    reason: str
    estimate: Estimate
    tolerance: float | None
    margin: float | None
    harm: Trace | None
    safety: Trace | None
    decided_at: Look | None
    brief: str
    unit: str

    @property
    def label(self) -> str:
        """The gate, with its segment where it is about one."""
        return self.name if self.segment is None else f"{self.name} in {self.segment}"

    @property
    def log_e_harm(self) -> float | None:
        """Log evidence for harm at the end."""
        return self.harm.log_e if self.harm else None

    @property
    def log_e_safety(self) -> float | None:
        """Log evidence for safety at the end."""
        return self.safety.log_e if self.safety else None

    @property
    def harm_progress(self) -> float | None:
        """Evidence for harm as a fraction of what proves it, -1 to 1."""
        return self.harm.progress if self.harm else None

    @property
    def safety_progress(self) -> float | None:
        """Evidence for safety as a fraction of what proves it, -1 to 1."""
        return self.safety.progress if self.safety else None

    def as_dict(self) -> dict[str, object]:
        """The keys of the verdict's JSON, floats with 9 significant digits and never NaN."""
        return {
            "name": self.name,
            "metric": self.metric,
            "segment": self.segment,
            "blocking": self.blocking,
            "outcome": self.outcome.value,
            "reason": self.reason,
            "estimate": rounded(self.estimate.value),
            "low": rounded(self.estimate.low),
            "high": rounded(self.estimate.high),
            "tolerance": rounded(self.tolerance),
            "margin": rounded(self.margin),
            "n": self.estimate.n,
            "log_e_harm": rounded(self.log_e_harm),
            "log_e_safety": rounded(self.log_e_safety),
            "decided_at": self.decided_at.as_dict() if self.decided_at else None,
        }


def rounded(value: float | None) -> float | None:
    """Nine significant digits; None for what JSON cannot say."""
    if value is None or not isfinite(value):
        return None
    return float(f"{value:.9g}")
