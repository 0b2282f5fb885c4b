"""Latency of both sides: distributions on a log axis, and quantiles beside each other."""

from math import log

import numpy as np

from analysis.course import INTERVAL_LEVEL
from analysis.drift import SHORTEST_MS
from analysis.latency_arms import Ascending
from analysis.quantiles import Quantile, quantile
from analysis.report_html import Html, figure, grid, joined, paragraph, table
from analysis.report_plot import Panel, drawing, hline, label, line, markers, outline
from analysis.report_ticks import Axis, log_axis
from analysis.words import milliseconds

SHARES = (0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999)
BINS = 90
FINE = (0.5, 0.67, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0)
COARSE = (0.01, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 1000.0)


def latency_parts(sides: Ascending, names: tuple[str, str], limit_ms: float) -> list[Html]:
    """Plots and the table, of sides in ascending order; a sentence where one has no latency."""
    if not len(sides.baseline) or not len(sides.candidate):
        return [paragraph("No latency to compare: one side has none.")]
    both = [(share, *_both(sides, share)) for share in SHARES]
    plots = grid([_densities(sides, names, limit_ms), _ratios(both)])
    return [plots, _table(both, names)]


def _both(sides: Ascending, share: float) -> tuple[Quantile, Quantile]:
    """Each side at half the level, so that their difference holds at the whole."""
    baseline = quantile(sides.baseline, share, INTERVAL_LEVEL / 2)
    candidate = quantile(sides.candidate, share, INTERVAL_LEVEL / 2)
    assert baseline is not None
    assert candidate is not None
    return baseline, candidate


def _densities(sides: Ascending, names: tuple[str, str], limit_ms: float) -> Html:
    """Share of requests per bin of equal ratio."""
    least = max(min(sides.baseline[0], sides.candidate[0]), SHORTEST_MS)
    most = max(sides.baseline[-1], sides.candidate[-1], least * 1.5)
    edges = np.geomspace(least, most * 1.0001, BINS + 1)

    told = (("baseline", "dashed", sides.baseline), ("candidate", "solid", sides.candidate))
    heights = [np.diff(np.searchsorted(v, edges)) / len(v) for _, _, v in told]
    # Answers in less than any bin is long leave all of them empty.
    top = 1.45 * max(float(height.max()) for height in heights) or 1.0
    axis = log_axis(float(edges[0]), float(edges[-1]), "ms, log axis")
    marks = []
    for row, ((side, stroke, values), height) in enumerate(zip(told, heights, strict=True)):
        marks.append(outline(np.log10(edges), height, side, stroke))
        text = f"{names[row]}: median {milliseconds(values[(len(values) - 1) // 2])}"
        marks.append(label(axis.high, top, text, side, dx=-4, dy=-3 - 15 * row, hjust=1, vjust=1))
    if least < limit_ms < most:
        at = float(np.log10(limit_ms))
        marks.append(line([at, at], [0, 0.72 * top], "faint", "dotted", px=1.4))
        text = f"limit {milliseconds(limit_ms)}"
        beside = 3 if axis.high - at > 0.1 * (axis.high - axis.low) else -14
        marks.append(label(at, 0, text, "faint", dx=beside, dy=5, vjust=1, angle=90))
    panel = Panel(marks, 170, axis, Axis(0, top), "How long answers took")
    svg = drawing([panel], "distributions of latency")
    return figure(svg, "Share of requests per step of equal ratio; dashed the baseline.")


def _ratios(both: list[tuple[float, Quantile, Quantile]]) -> Html:
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


def _table(both: list[tuple[float, Quantile, Quantile]], names: tuple[str, str]) -> Html:
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
