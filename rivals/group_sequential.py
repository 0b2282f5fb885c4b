"""A group-sequential test: five planned looks, alpha spent as O'Brien and Fleming would.

Source: Lan and DeMets, Discrete sequential boundaries for clinical trials (Biometrika 1983), with
the O'Brien-Fleming-type spending function; boundaries by the recursion of Armitage, McPherson and
Rowe (1969). The fair rival where the length of the record is known, and it is told it here.
One-sided at .05 over errors (McNemar), latency (mean log ratio) and wrong answers, a third each.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from scipy.special import ndtr, ndtri

from analysis.bets import Floats, Integers
from analysis.clock import Look
from rivals.evidence import Evidence
from rivals.peeking import mcnemar_z
from rivals.ruling import ROLLBACK, Ruling, earliest, undecided

LOOKS = 5
ALPHA = 0.05
GRID = 801
REACH = 8.0


def spent(fraction: float, alpha: float) -> float:
    """Alpha spent by this fraction of the information, one-sided, O'Brien-Fleming type."""
    return float(2 * (1 - ndtr(ndtri(1 - alpha / 2) / np.sqrt(fraction))))


@lru_cache(maxsize=16)
def boundaries(looks: int, alpha: float) -> tuple[float, ...]:
    """Upper boundaries of z at equally spaced looks that together cross with chance alpha."""
    z = np.linspace(-REACH, REACH, GRID)
    width = float(z[1] - z[0])
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    found: list[float] = []
    for look in range(1, looks + 1):
        if look > 1:
            density = _next(z, width, density, look)
        wanted = spent(look / looks, alpha) - (spent((look - 1) / looks, alpha) if look > 1 else 0)
        found.append(_upper(z, width, density, wanted))
        # The cell that the boundary cuts goes on with the part below it.
        density = density * np.clip((found[-1] - z) / width + 0.5, 0.0, 1.0)
    return tuple(found)


def _next(z: Floats, width: float, density: Floats, look: int) -> Floats:
    """The density of z at a look among what went on: sqrt(k) z_k = sqrt(k-1) z_(k-1) + noise."""
    apart = np.sqrt(look) * z[:, None] - np.sqrt(look - 1) * z[None, :]
    kernel = np.exp(-(apart**2) / 2) / np.sqrt(2 * np.pi) * np.sqrt(look)
    return np.asarray(kernel @ density * width)


def _upper(z: Floats, width: float, density: Floats, wanted: float) -> float:
    """Where the upper tail of this density holds the wanted chance, linear within a cell."""
    tail = (density[::-1].cumsum() * width)[::-1] - density * width / 2
    return float(np.interp(-wanted, -tail, z))


def judge(seen: Evidence) -> Ruling:
    """Look five times, at equal fractions of the record."""
    nothing = undecided("not significant at the planned looks")
    if not len(seen.arrived_us):
        return nothing
    span = seen.watermark_us - seen.begin_us
    at_us = seen.begin_us + span * np.arange(1, LOOKS + 1) // LOOKS
    bounds = np.array(boundaries(LOOKS, ALPHA / 3))
    labels = seen.labels
    errors = mcnemar_z(seen.baseline_error, seen.candidate_error)
    wrong = mcnemar_z(labels.baseline_wrong, labels.candidate_wrong)
    arrived = np.searchsorted(seen.arrived_us, at_us, side="right")
    told = np.searchsorted(labels.at_us, at_us, side="right")

    def look(index: int) -> Look:
        return Look(int(arrived[index]), int(at_us[index]))

    return earliest(
        [
            _first("errors", _at(errors, arrived), bounds, look),
            _first("latency", _at(_log_ratio_z(seen), arrived), bounds, look),
            _first("wrong answers", _at(wrong, told), bounds, look),
        ],
        nothing.why,
    )


def _at(z: Floats, n: Integers) -> Floats:
    return np.asarray(np.concatenate([np.zeros(1), z])[n])


def _log_ratio_z(seen: Evidence) -> Floats:
    """The z of the mean log ratio of latency after every pair; pairs seen on one side count 0."""
    ratio = np.log(np.maximum(seen.candidate_ms, 1e-3) / np.maximum(seen.baseline_ms, 1e-3))
    ratio = np.where(np.isnan(ratio), 0.0, ratio)
    n = np.arange(1, len(ratio) + 1)
    mean = ratio.cumsum() / n
    variance = np.maximum((ratio**2).cumsum() / n - mean**2, 1e-12)
    return np.asarray(mean / np.sqrt(variance / n))


def _first(name: str, z: Floats, bounds: Floats, look: Callable[[int], Look]) -> Ruling:
    above = z >= bounds
    if not above.any():
        return undecided("")
    index = int(above.argmax())
    return Ruling(ROLLBACK, look(index), f"{name}: z {z[index]:.2f} at look {index + 1}")
