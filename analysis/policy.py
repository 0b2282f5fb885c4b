"""The judging part of a policy: budgets, gates and the rules that feed them."""

from collections.abc import Mapping
from dataclasses import dataclass

from analysis.dependence import Dependence
from analysis.envelope import Calibration

# Of requests that are split between the sides; the other ones of these need no pairs either.
SPLIT = (
    "split-errors",
    "split-errors-late",
    "split-frozen-p95",
    "split-gross-p95",
    "split-thresholds",
    "split-share",
)
PAIRLESS = ("errors-absolute", "errors-late-absolute", "p95-limit", "sample-integrity")
LATE = (
    "errors-late-paired",
    "errors-late-absolute",
    "gross-frozen-p95",
    "split-errors-late",
    "split-gross-p95",
)
# Told, and never decided.
ADVISORY = ("prediction-shift",)
HARM_ONLY = (*LATE, "latency-thresholds", "split-thresholds")
PAIRED = ("errors-paired", "accuracy-paired")
FROZEN = ("frozen-p95", "frozen-p99")
# What tolerance and margin are: a part of the baseline's latency, or a difference; else a share.
RATIOS = (
    *FROZEN,
    "gross-frozen-p95",
    "latency-thresholds",
    "latency-mean",
    "p95-ratio",
    "split-frozen-p95",
    "split-gross-p95",
    "split-thresholds",
)
DIFFERENCES = (*PAIRED, "errors-late-paired", "loss-paired", "split-errors", "split-errors-late")
# Late gates whose evidence is a difference of both sides.
DIFFERENT = ("errors-late-paired", "gross-frozen-p95", "split-errors-late", "split-gross-p95")
WEIGHTLESS = ("loss-paired",)
LOSSES = ("log", "brier")


@dataclass(frozen=True, slots=True)
class Gate:
    """One rule before promotion: its claims, its share of the rollback budget, its own limits.

    `metric` is what it is about, `loss` which loss of an answer, if any, `segments` whether it
    judges each segment, too, or which. Blocking means that a promotion waits for its PASS; any gate
    with a weight may prove harm.
    """

    name: str
    metric: str
    blocking: bool
    weight: float
    tolerance: float | None
    margin: float | None
    limits: Mapping[str, float]
    loss: str = ""
    segments: bool | tuple[str, ...] = False


@dataclass(frozen=True, slots=True)
class Accuracy:
    """When a prediction counts as right."""

    rule: str
    tolerance: float


@dataclass(frozen=True, slots=True)
class Drift:
    """What is believed of the hosts: `none` with its reason, `guard` or `calibrated` with numbers.

    A calibration comes from `pincex calibrate`.
    """

    kind: str
    reason: str
    block: float
    blocks: int
    sparse_blocks: int
    sparse_rate: float
    level: float
    calibration: Calibration | None = None


@dataclass(frozen=True, slots=True)
class JudgePolicy:
    """Everything that `judge` is told; times in seconds, shares as fractions."""

    alpha_rollback: float
    alpha_promote: float
    min_pairs: int
    segments: float
    timeout: float
    label_window: float
    horizon: float
    drift: Drift
    dependence: Dependence
    accuracy: Accuracy
    reference_pairs: int
    baseline_p95_ms: float | None
    baseline_p99_ms: float | None
    gates: Mapping[str, Gate]
    digest: str

    def rollback_level(self, gate: Gate) -> float:
        """The chance of false harm that this gate may spend."""
        return self.alpha_rollback * gate.weight
