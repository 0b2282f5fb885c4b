"""A stretch of a model's life in numbers: shares with intervals, latencies, what moved.

Nothing here decides. Intervals are time-uniform, as reports are read every day; how far two samples
differ (PSI, Kolmogorov-Smirnov) is a description and no verdict.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import ks_2samp

from analysis.bets import Floats
from analysis.quantiles import quantile
from analysis.rates import interval

LEVEL = 0.05
METHOD = "time-uniform 95 % interval (beta-binomial mixture), requests taken as independent"
BINS = 10
LEAST = 200
"""Fewer values on a side describe chance more than a move."""

SMALL, LARGE = 0.1, 0.25
"""Between these a population stability index is customarily called moderate."""


def share(events: int, n: int) -> dict[str, Any] | None:
    """How often something happened, with its interval; None of nothing."""
    if n == 0:
        return None
    low, high = interval(events, n, LEVEL)
    return {"n": n, "events": events, "estimate": events / n, "low": low, "high": high}


def against_floor(right: Mapping[str, Any] | None, floor: float) -> str:
    """On which side of the floor the whole interval lies."""
    if right is None:
        return "unknown"
    if right["low"] >= floor:
        return "above"
    return "below" if right["high"] < floor else "not certain"


def latencies(ms: Floats) -> dict[str, dict[str, float | None]] | None:
    """p50, p95 and p99 with their intervals; an end that the sample does not reach is None."""
    if not len(ms):
        return None
    ordered, found = np.sort(ms), {}
    for percent in (50, 95, 99):
        told = quantile(ordered, percent / 100, LEVEL)
        assert told is not None
        high = told.high if np.isfinite(told.high) else None
        found[f"p{percent}"] = {"value": told.value, "low": told.low, "high": high}
    return found


def moved(name: str, before: Sequence[Any], now: Sequence[Any]) -> dict[str, Any]:
    """How far a quantity moved from one sample to another; texts and flags by how often each is."""
    told: dict[str, Any] = {"name": name, "before": len(before), "now": len(now)}
    if min(len(before), len(now)) < LEAST:
        return {**told, "psi": None, "ks": None, "size": "too few values"}
    if _numbers(before) and _numbers(now):
        old, new = np.asarray(before, dtype=np.float64), np.asarray(now, dtype=np.float64)
        psi, ks = _psi(*_binned(old, new)), float(ks_2samp(old, new, method="asymp").statistic)
        return {**told, "psi": psi, "ks": ks, "size": _size(psi)}
    psi = _psi(*_counted([str(one) for one in before], [str(one) for one in now]))
    return {**told, "psi": psi, "ks": None, "size": _size(psi)}


def _numbers(values: Sequence[Any]) -> bool:
    first = values[0]
    return isinstance(first, int | float | np.number) and not isinstance(first, bool)


def _binned(before: Floats, now: Floats) -> tuple[Floats, Floats]:
    """Counts between the deciles of the earlier sample; a value held often is a bin of its own."""
    edges = np.unique(np.quantile(before, np.linspace(0, 1, BINS + 1)[1:-1]))
    bins = 2 * len(edges) + 1
    old, new = (
        np.bincount(
            np.searchsorted(edges, side) + np.searchsorted(edges, side, "right"), minlength=bins
        ).astype(np.float64)
        for side in (before, now)
    )
    filled = old + new > 0
    return old[filled], new[filled]


def _counted(before: Sequence[str], now: Sequence[str]) -> tuple[Floats, Floats]:
    names, codes = np.unique([*before, *now], return_inverse=True)
    old, new = codes[: len(before)], codes[len(before) :]
    counts = [np.bincount(side, minlength=len(names)).astype(np.float64) for side in (old, new)]
    return counts[0], counts[1]


def _psi(before: Floats, now: Floats) -> float:
    """The sum of (q - p) log(q / p) over bins, half a value more in each so that none is empty."""
    p, q = (side + 0.5 for side in (before, now))
    p, q = p / p.sum(), q / q.sum()
    return float(((q - p) * np.log(q / p)).sum())


def _size(psi: float) -> str:
    if psi < SMALL:
        return "small"
    return "large" if psi >= LARGE else "moderate"
