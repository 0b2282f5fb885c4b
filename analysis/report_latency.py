"""Latency of both sides: distributions on a log axis, and quantiles beside each other."""

from math import log
from typing import TypeAlias

import numpy as np

from analysis.bets import Floats, Integers
from analysis.course import INTERVAL_LEVEL
from analysis.drift import SHORTEST_MS
from analysis.latency_arms import Ascending
from analysis.quantiles import Quantile, binned_quantile, edge, quantile
from analysis.report_html import Html, figure, grid, joined, paragraph, table
from analysis.report_ticks import Axis, log_axis
from analysis.show import Panel, drawing, hline, label, line, markers, outline
from analysis.words import milliseconds

MEDIAN = 0.5
SHARES = (0.05, 0.25, MEDIAN, 0.75, 0.9, 0.95, 0.99, 0.999)
BINS = 90
NARROWEST = 75
"""Bins of `quantiles.bins` that make up half as much again, the least that is drawn."""
FINITE = 0x7F7F
"""The highest of them that ends below infinity."""
NOTHING = "No latency to compare: one side has none."
Rows: TypeAlias = tuple[float, Quantile, Quantile]
"""A share, its quantile of the baseline and of the candidate."""
FINE = (0.5, 0.67, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0)
COARSE = (0.01, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 1000.0)


def latency_parts(sides: Ascending, names: tuple[str, str], limit_ms: float) -> list[Html]:
    """Plots and the table, of sides in ascending order; a sentence where one has no latency."""
    if not len(sides.baseline) or not len(sides.candidate):
        return [paragraph(NOTHING)]
    both = [(share, *_both(sides, share)) for share in SHARES]
    plots = grid([_densities(sides, both, names, limit_ms), _ratios(both)])
    return [plots, _table(both, names)]


def binned_latency_parts(
    baseline: Integers, candidate: Integers, names: tuple[str, str], limit_ms: float
) -> list[Html]:
    """The same of how many answers of each side fell into each bin of `quantiles.bins`."""
    if not baseline.any() or not candidate.any():
        return [paragraph(NOTHING)]
    both = [(share, _binned(baseline, share), _binned(candidate, share)) for share in SHARES]
    known = np.flatnonzero(baseline + candidate)
    first, last = int(known[0]), max(int(known[-1]), int(known[0]) + NARROWEST)
    size = (last - first) // BINS + 1
    begins = np.arange(first, last + 1, size)
    edges = np.array([edge(min(begin, FINITE)) for begin in (*begins, begins[-1] + size)])
    heights = [
        np.add.reduceat(side[: last + 1], begins) / side.sum() for side in (baseline, candidate)
    ]
    drawn = _distributions(edges, heights, both, names, limit_ms)
    return [grid([drawn, _ratios(both)]), _table(both, names)]


def _binned(counts: Integers, share: float) -> Quantile:
    found = binned_quantile(counts, share, INTERVAL_LEVEL / 2)
    assert found is not None
    return found


def _both(sides: Ascending, share: float) -> tuple[Quantile, Quantile]:
    """Each side at half the level, so that their difference holds at the whole."""
    baseline = quantile(sides.baseline, share, INTERVAL_LEVEL / 2)
    candidate = quantile(sides.candidate, share, INTERVAL_LEVEL / 2)
    assert baseline is not None
    assert candidate is not None
    return baseline, candidate


def _densities(sides: Ascending, both: list[Rows], names: tuple[str, str], limit_ms: float) -> Html:
    """Share of requests per bin of equal ratio."""
    least = max(min(sides.baseline[0], sides.candidate[0]), SHORTEST_MS)
    most = max(sides.baseline[-1], sides.candidate[-1], least * 1.5)
    edges = np.geomspace(least, most * 1.0001, BINS + 1)
    heights = [
        np.diff(np.searchsorted(values, edges)) / len(values)
        for values in (sides.baseline, sides.candidate)
    ]
    return _distributions(edges, heights, both, names, limit_ms)


def _distributions(
    edges: Floats,
    heights: list[Floats],
    both: list[Rows],
    names: tuple[str, str],
    limit_ms: float,
) -> Html:
    """Both sides over the same bins; each named with its median."""
    medians = next(sides for share, *sides in both if share == MEDIAN)
    told = (("baseline", "dashed"), ("candidate", "solid"))
    # Answers in less than any bin is long leave all of them empty.
    top = 1.45 * max(float(height.max()) for height in heights) or 1.0
    axis = log_axis(float(edges[0]), float(edges[-1]), "ms, log axis")
    marks = []
    for row, ((side, stroke), height) in enumerate(zip(told, heights, strict=True)):
        marks.append(outline(np.log10(edges), height, side, stroke))
        text = f"{names[row]}: median {milliseconds(medians[row].value)}"
        marks.append(label(axis.high, top, text, side, dx=-4, dy=-3 - 15 * row, hjust=1, vjust=1))
    if edges[0] < limit_ms < edges[-1]:
        at = float(np.log10(limit_ms))
        marks.append(line([at, at], [0, 0.72 * top], "faint", "dotted", px=1.4))
        text = f"limit {milliseconds(limit_ms)}"
        beside = 3 if axis.high - at > 0.1 * (axis.high - axis.low) else -14
        marks.append(label(at, 0, text, "faint", dx=beside, dy=5, vjust=1, angle=90))
    panel = Panel(marks, 170, axis, Axis(0, top), "How long answers took")
    svg = drawing([panel], "distributions of latency")
    return figure(svg, "Share of requests per step of equal ratio; dashed the baseline.")


def _ratios(both: list[Rows]) -> Html:
    """Candidate over baseline, quantile by quantile."""
    rows = [
        (share, cand.value / base.value, cand.low / base.high, _over(cand.high, base.low))
        for share, base, cand in both
        if base.value > 0 and cand.value > 0
    ]
    if not rows:
        return Html("")

    top = max(1.2, *(ratio * 1.3 for _, ratio, _, _ in rows))
    bottom = min(0.8, *(ratio / 1.3 for _, ratio, _, _ in rows))
    marks = [hline(0, "faint")]
    for at, (_, _, low, high) in enumerate(rows):
        reach = np.log([max(low, bottom), min(high, top)])
        marks.append(line([at, at], reach, "candidate", px=5.5, alpha=0.45))
    places = range(len(rows))
    marks.append(markers(places, np.log([ratio for _, ratio, _, _ in rows]), "candidate"))
    shown = [step for step in _steps(top / bottom) if bottom <= step <= top]
    x = Axis(-0.5, len(rows) - 0.5, places, [_p(share) for share, *_ in rows])
    y = Axis(log(bottom), log(top), np.log(shown).tolist(), [f"{step:g} x" for step in shown])
    panel = Panel(marks, 170, x, y, "Candidate over baseline, by quantile")
    svg = drawing([panel], "ratio of quantiles")
    note = "Bars: time-uniform 95 % intervals of each quantile's ratio; cut at the frame."
    return figure(svg, note)


def _steps(reach: float) -> tuple[float, ...]:
    """Round ratios, closer to each other where the axis is short."""
    return FINE if reach < 4 else COARSE


def _over(high: float, low: float) -> float:
    return high / low if low > 0 else float("inf")


def _p(share: float) -> str:
    return f"p{100 * share:.4g}"


def _table(both: list[Rows], names: tuple[str, str]) -> Html:
    head = ("quantile", names[0], names[1], "difference (95 % interval)")
    rows = [
        (_p(share), milliseconds(base.value), milliseconds(cand.value), _difference(base, cand))
        for share, base, cand in both
    ]
    note = (
        "Intervals hold at all times, for one quantile at a time; both sides at 2.5 %, so that "
        "their difference holds at 5 %."
    )
    return joined([table(head, rows, "tight"), paragraph(note, "faint")])


def _difference(base: Quantile, cand: Quantile) -> str:
    low, high = cand.low - base.high, cand.high - base.low
    ends = [f"{end:+.3g}" if np.isfinite(end) else "open" for end in (low, high)]
    return f"{cand.value - base.value:+.3g} ms ({ends[0]} to {ends[1]})"
