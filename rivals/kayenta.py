"""Kayenta's NetflixACAJudge-v1.0: Mann-Whitney intervals by metric, a score, growing windows.

Source: spinnaker/kayenta, kayenta-mannwhitney (MannWhitney.scala, after R's wilcox.test) and
kayenta-judge (MannWhitneyClassifier, WeightedSumScorer). Confidence .98 and tolerance .25 are fixed
there. Given here: one point a minute, metrics that may only rise, each in a group of its own, pass
95 and marginal 75 (as in Spinnaker's documentation), judged every 10 minutes on all so far.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

import numpy as np
from scipy.special import ndtri

from analysis.bets import Floats
from rivals.evidence import Evidence
from rivals.pipecd import metrics_of
from rivals.ranks import group_sizes, tie_variance, u_statistic
from rivals.ruling import PROMOTE, ROLLBACK, Ruling, undecided

TOLERANCE, ACCURACY = 0.25, 1e-4
QUANTILE = float(ndtri(0.99))
"""Both sides of a confidence of .98."""
NOISE = 1e-5
EPSILON = float(np.finfo(np.float64).eps)
PASS, HIGH, NODATA = "Pass", "High", "Nodata"


def shift_at(experiment: Floats, control: Floats, level: float) -> float:
    """The shift of the experiment at which Mann-Whitney's corrected z is `level`."""
    lowest = float(experiment.min() - control.max())
    highest = float(experiment.max() - control.min())

    def above(shift: float) -> float:
        return _z(experiment - shift, control) - level

    if above(lowest) <= 0:
        return lowest
    if above(highest) >= 0:
        return highest
    return brent(above, lowest, highest, ACCURACY)


def _z(experiment: Floats, control: Floats) -> float:
    n, m = len(experiment), len(control)
    excess = u_statistic(experiment, control) - n * m / 2
    spread = sqrt(tie_variance(n, m, group_sizes(np.concatenate([experiment, control]))))
    return (excess - 0.5 * float(np.sign(excess))) / spread if spread else 0.0


def brent(f: Callable[[float], float], low: float, high: float, accuracy: float) -> float:
    """Brent's root finder (1973, chapter 4), which stops at half the accuracy as R's does."""
    a, b = low, high
    fa, fb = f(a), f(b)
    c, fc = a, fa
    step = before = b - a
    while True:
        if abs(fc) < abs(fb):
            a, b, c = b, c, b
            fa, fb, fc = fb, fc, fb
        tolerance = 2 * EPSILON * abs(b) + accuracy / 2
        half = (c - b) / 2
        if abs(half) <= tolerance or fb == 0:
            return b
        if abs(before) < tolerance or abs(fa) <= abs(fb):
            step = before = half
        else:
            before, step = _interpolated((a, b, c), (fa, fb, fc), half, tolerance, (before, step))
        a, fa = b, fb
        b += step if abs(step) > tolerance else float(np.copysign(tolerance, half))
        fb = f(b)
        if (fb > 0) == (fc > 0):
            c, fc = a, fa
            step = before = b - a


def _interpolated(
    points: tuple[float, float, float],
    values: tuple[float, float, float],
    half: float,
    tolerance: float,
    steps: tuple[float, float],
) -> tuple[float, float]:
    """The step that goes before, and the next: inverse quadratic, or half where that is too far."""
    a, b, c = points
    fa, fb, fc = values
    s = fb / fa
    if a == c:
        p, q = 2 * half * s, 1 - s
    else:
        q, r = fa / fc, fb / fc
        p = s * (2 * half * q * (q - r) - (b - a) * (r - 1))
        q = (q - 1) * (r - 1) * (s - 1)
    q = -q if p > 0 else q
    p = abs(p)
    if p >= 1.5 * half * q - abs(tolerance * q) or p >= abs(0.5 * steps[0] * q):
        return half, half
    return steps[1], p / q


def classify(experiment: Floats, control: Floats) -> str:
    """High, Pass or Nodata for a metric that may only rise (allowedIncrease 1)."""
    experiment, control = experiment[~np.isnan(experiment)], control[~np.isnan(control)]
    if not len(experiment) or not len(control):
        return NODATA
    if len(group_sizes(np.concatenate([experiment, control]))) == 1:
        return PASS
    if np.array_equal(np.sort(experiment), np.sort(control)):
        return PASS
    if len(group_sizes(experiment)) == len(group_sizes(control)) == 1:
        # Constants of two kinds have no ranks to compare; the original adds noise as small.
        rng = np.random.default_rng(0)
        experiment = experiment + rng.normal(0, 1, len(experiment)) * NOISE * abs(experiment)
        control = control + rng.normal(0, 1, len(control)) * NOISE * abs(control)
    low = shift_at(experiment, control, QUANTILE)
    means = float(experiment.mean()), float(control.mean())
    effect = means[0] / means[1] if all(means) else None
    if low <= 0 or (effect is not None and effect < 1):
        return PASS
    return HIGH if low > TOLERANCE * abs(shift_at(experiment, control, 0.0)) else PASS


def score(labels: list[str]) -> float:
    """Metrics in a group each, of equal weight; half of them without data is a score of 0."""
    if 2 * labels.count(NODATA) >= len(labels):
        return 0.0
    return round(100 * sum(label != HIGH for label in labels) / len(labels), 2)


@dataclass(frozen=True, slots=True)
class Kayenta:
    """A canary stage as long as the record."""

    every: int = 10
    marginal: float = 75.0
    passing: float = 95.0

    def __call__(self, seen: Evidence) -> Ruling:
        """Judged again and again on a growing window; a score up to marginal ends it at once."""
        minutes = seen.minutes
        metrics = metrics_of(minutes)
        looks = len(minutes.end_us) // self.every
        reached = 0.0
        for look in range(1, looks + 1):
            n = look * self.every
            labels = {
                name: classify(candidate[:n], baseline[:n])
                for name, (baseline, candidate) in metrics.items()
            }
            reached = score(list(labels.values()))
            if reached <= self.marginal:
                named = ", ".join(name for name, label in labels.items() if label != PASS)
                return Ruling(ROLLBACK, minutes.look(n - 1), f"score {reached:g}: {named}")
        if looks and reached >= self.passing:
            return Ruling(PROMOTE, minutes.look(looks * self.every - 1), f"score {reached:g}")
        return undecided(f"score {reached:g}" if looks else f"fewer than {self.every} minutes")


DEFAULT = Kayenta()
