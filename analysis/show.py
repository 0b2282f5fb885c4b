"""Plots of lines, bands, markers and labels in panels, drawn by lets-plot.

Axes with a log scale are drawn as axes of logarithms, with ticks to match.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import lets_plot as lp
import numpy as np
from lets_plot.plot.core import FeatureSpec, LayerSpec, PlotSpec
from numpy.typing import ArrayLike

from analysis.bets import Floats
from analysis.report_html import FONT, Html
from analysis.report_svg import INK, inline, sealed
from analysis.report_ticks import Axis

PLOTS_BY = lp.__version__
"""The version that a page names beside those of the other libraries."""
Mark: TypeAlias = LayerSpec
"""What is drawn on a panel."""
WIDTH = 440
TITLE, ABOVE, BELOW, TEXTS = 24, 8, 6, 36
"""Pixels: a title, the space above a panel without one and below each, the texts of the last."""
THICKNESS, AXIS_PX = 2.2, 0.8
"""Pixels of a line of size 1; the size of an axis line is in pixels already."""
DOT = 2.2
"""Pixels of a point of size 1, about."""
STROKES = {"dashed": [4, 1.5], "dotted": [2, 2], "solid": "solid"}


@dataclass(frozen=True, slots=True)
class Panel:
    """Marks in a frame that is `height` pixels high."""

    marks: Sequence[Mark]
    height: int
    x: Axis
    y: Axis
    title: str = ""


def drawing(panels: Sequence[Panel], describe: str) -> Html:
    """An SVG of panels below each other, which share x: the last one has its texts."""
    last = len(panels) - 1
    made = [_plot(panel, below=at == last) for at, panel in enumerate(panels)]
    heights = [_height(panel, below=at == last) for at, panel in enumerate(panels)]
    whole = made[0] + lp.ggsize(WIDTH, heights[0])
    if last:
        stack = lp.gggrid(made, ncol=1, heights=heights, vspace=0, align=True)
        bare = lp.theme(plot_background=lp.element_blank())
        whole = stack + bare + lp.ggsize(WIDTH, sum(heights))
    return inline(whole.to_svg(), describe, (WIDTH, sum(heights)))


def line(
    x: ArrayLike,
    y: ArrayLike,
    colour: str,
    stroke: str = "solid",
    px: float = 2.0,
    alpha: float = 1.0,
) -> Mark:
    """Points joined in their order."""
    return lp.geom_path(
        lp.aes("x", "y"), data=_bent(x, y), color=INK[colour],
        size=px / THICKNESS, linetype=STROKES[stroke], alpha=alpha,
    )  # fmt: skip


def outline(edges: ArrayLike, heights: ArrayLike, colour: str, stroke: str) -> Mark:
    """A histogram as the line around its bars."""
    x = np.repeat(edges, 2)
    y = np.concatenate([[0], np.repeat(heights, 2), [0]])
    return line(x, y, colour, stroke)


def band(x: ArrayLike, low: ArrayLike, high: ArrayLike, colour: str) -> Mark:
    """What lies between two lines, shaded."""
    return lp.geom_ribbon(
        lp.aes("x", ymin="low", ymax="high"),
        data=_joined(x=x, low=low, high=high),
        fill=INK[colour], color=INK[colour], alpha=0.18, size=0,
    )  # fmt: skip


def markers(x: ArrayLike, y: ArrayLike, colour: str, px: float = 7.0) -> Mark:
    """A filled circle at each point."""
    data = _columns(x=x, y=y)
    return lp.geom_point(lp.aes("x", "y"), data=data, color=INK[colour], size=px / DOT)


def hline(y: float, colour: str, stroke: str = "solid", px: float = 1.2) -> Mark:
    """A line over the whole width."""
    return lp.geom_hline(
        yintercept=y, color=INK[colour], size=px / THICKNESS, linetype=STROKES[stroke]
    )


def vline(x: float, colour: str, stroke: str = "solid", px: float = 1.2) -> Mark:
    """A line over the whole height."""
    return lp.geom_vline(
        xintercept=x, color=INK[colour], size=px / THICKNESS, linetype=STROKES[stroke]
    )


def arrow(x: float, y: float, to: float, colour: str) -> Mark:
    """A level line that goes on beyond `to`."""
    head = lp.arrow(length=7, type="closed", angle=25)
    return lp.geom_segment(
        lp.aes("x", "y", xend="to", yend="y"), data=_columns(x=[x], y=[y], to=[to]),
        color=INK[colour], size=3 / THICKNESS, arrow=head,
    )  # fmt: skip


def label(
    x: float, y: float, text: str, colour: str, *, dx: float = 0, dy: float = 0,
    hjust: float = 0, vjust: float = 0, angle: float = 0,
) -> Mark:  # fmt: skip
    """Words beside what they name, instead of a legend; moved by pixels, dy upwards."""
    return lp.geom_text(
        x=float(x), y=float(y), label=sealed(text),
        color=INK[colour], size=FONT / 2, nudge_x=dx, nudge_y=dy, nudge_unit="px",
        hjust=hjust, vjust=vjust, angle=angle,
    )  # fmt: skip


def _columns(**columns: ArrayLike) -> dict[str, Floats]:
    """Arrays of floats: lets-plot asks of each number in a list what it is."""
    return {name: np.asarray(values, np.float64) for name, values in columns.items()}


def _joined(**columns: ArrayLike) -> dict[str, Floats]:
    """The same of at least two points: of one, lets-plot writes to stdout that it leaves it out."""
    told = _columns(**columns)
    return {name: np.repeat(v, 2) if len(v) == 1 else v for name, v in told.items()}


def _bent(x: ArrayLike, y: ArrayLike) -> dict[str, Floats]:
    """The same line without the points inside of its level parts, which most evidence has."""
    told = _joined(x=x, y=y)
    level = np.diff(told["y"]) == 0
    kept = np.ones(len(told["y"]), dtype=np.bool_)
    kept[1:-1] = ~(level[1:] & level[:-1])
    return {name: values[kept] for name, values in told.items()}


def _plot(panel: Panel, *, below: bool) -> PlotSpec:
    x, y = panel.x, panel.y
    # Arrays, because lets-plot asks of each thing in a list what it is.
    scales = [
        kind(
            axis.name or None,
            breaks=np.asarray(axis.at),
            labels=np.asarray(axis.texts),
            expand=[0, 0],
        )
        for kind, axis in ((lp.scale_x_continuous, x), (lp.scale_y_continuous, y))
    ]
    frame = lp.coord_cartesian(xlim=[x.low, x.high], ylim=[y.low, y.high])
    plot = lp.ggplot() + lp.theme_classic() + _theme(panel, below=below) + frame
    for part in (*panel.marks, *scales):
        plot += part
    return plot + lp.labs(title=panel.title) if panel.title else plot


def _theme(panel: Panel, *, below: bool) -> FeatureSpec:
    """As few parts as say it: lets-plot asks of each what it is, which takes as long as drawing."""
    blank, shown = lp.element_blank(), lp.element_text()
    line = lp.element_line(color=INK["faint"], size=AXIS_PX)
    parts = {
        "text": lp.element_text(size=FONT, color=INK["faint"]),
        "axis_title": lp.element_text(size=FONT, color=INK["faint"]),
        "plot_background": blank,
        "panel_background": blank,
        "plot_inset": 0,
        "plot_margin": [0 if panel.title else ABOVE, 6, 0, 2 if panel.y.at else 14],
        "axis_line": line,
        "axis_ticks": line,
        "axis_text_x": lp.element_text(angle=0, hjust=0.5) if below and panel.x.at else blank,
        "axis_title_x": shown if below and panel.x.name else blank,
        "axis_title_y": lp.element_text(margin=[0, 6, 0, 0]) if panel.y.name else blank,
    }
    for axis, told in (("x", panel.x), ("y", panel.y)):
        if not told.at:
            parts |= {f"axis_line_{axis}": blank, f"axis_ticks_{axis}": blank}
    if not panel.y.at:
        parts["axis_text_y"] = blank
    if panel.title:
        ink = INK["ink"]
        parts["plot_title"] = lp.element_text(size=FONT + 1, face="bold", color=ink, hjust=0)
    return lp.theme(**parts)


def _height(panel: Panel, *, below: bool) -> int:
    return panel.height + (TITLE if panel.title else ABOVE) + BELOW + (TEXTS if below else 0)
