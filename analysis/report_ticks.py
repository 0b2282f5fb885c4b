"""Marks and texts on the axes of a plot, as one line and plain texts.

A tick of matplotlib is three lines and two texts with a style each, which takes longer than the
rest of a drawing. Places are those that matplotlib would give them; x and y have one style.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.markers import TICKDOWN, TICKLEFT, MarkerStyle
from matplotlib.textpath import text_to_path
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator


@dataclass(frozen=True, slots=True)
class Ticks:
    """Where an axis has marks, and what stands beside the large ones."""

    axis: Axis
    large: Sequence[float]
    small: Sequence[float]
    texts: Sequence[str]


def ticks(axis: Axis, at: Sequence[float], texts: Sequence[str]) -> None:
    """Marks and their texts at these values, which lie inside of the axis."""
    axis.set_major_locator(FixedLocator(at))
    axis.set_major_formatter(FixedFormatter(texts))


def plain_ticks(stack: Sequence[Axes]) -> None:
    """Draw the ticks of axes that share x; an axis with an offset keeps those of matplotlib."""
    found = [_told(axis) for axes in stack for axis in (axes.xaxis, axes.yaxis)]
    # All are read before any is removed: axes that share x share its locator.
    for told in found:
        axes = told.axis.axes
        if told.axis.get_major_formatter().get_offset():
            continue
        told.axis.set_major_locator(NullLocator())
        told.axis.set_minor_locator(NullLocator())
        style = rcParams["xtick.major.size"], rcParams["xtick.major.width"]
        _marks(told.axis, told.large, *style)
        style = rcParams["xtick.minor.size"], rcParams["xtick.minor.width"]
        _marks(told.axis, told.small, *style)
        if axes is stack[-1] or told.axis is axes.yaxis:
            _texts(told)


def _told(axis: Axis) -> Ticks:
    """What matplotlib would draw: the ticks in view."""
    low, high = sorted(axis.get_view_interval())
    reach = 1e-10 * (high - low)
    at: list[float] = axis.get_majorticklocs().tolist()
    texts = axis.get_major_formatter().format_ticks(at)
    inside = [(x, t) for x, t in zip(at, texts, strict=True) if low - reach <= x <= high + reach]
    small = [x for x in axis.get_minorticklocs() if low - reach <= x <= high + reach]
    return Ticks(axis, [x for x, _ in inside], small, [text for _, text in inside])


def _marks(axis: Axis, at: Sequence[float], size: float, width: float) -> None:
    if not at:
        return
    across, nowhere = axis is axis.axes.xaxis, np.zeros(len(at))
    marks = Line2D(
        at if across else nowhere,
        nowhere if across else at,
        linestyle="none",
        color=rcParams["xtick.color"],
        marker=MarkerStyle(TICKDOWN if across else TICKLEFT),
        markersize=size,
        markeredgewidth=width,
        transform=axis.axes.get_xaxis_transform() if across else axis.axes.get_yaxis_transform(),
        clip_on=False,
    )
    axis.axes.add_artist(marks)


def _texts(told: Ticks) -> None:
    """Beside the marks; the name of the axis makes room for them."""
    axis, axes = told.axis, told.axis.axes
    away = rcParams["xtick.major.size"] + rcParams["xtick.major.pad"]
    across = axis is axes.xaxis
    beside = axes.get_xaxis_text1_transform if across else axes.get_yaxis_text1_transform
    transform, va, ha = beside(away)
    for at, text in zip(told.large, told.texts, strict=True):
        x, y = (at, 0) if across else (0, at)
        if text:
            axes.text(x, y, text, transform=transform, va=va, ha=ha,
                      color=rcParams["xtick.color"])  # fmt: skip
    if axis.get_label_text() and any(told.texts):
        # A line of text is as high as its font is large.
        axis.labelpad += away + (rcParams["font.size"] if across else _widest(told.texts))


def _widest(texts: Sequence[str]) -> float:
    """Points."""
    font = FontProperties(size=rcParams["font.size"])
    told = [text_to_path.get_text_width_height_descent(text, font, False) for text in texts]
    return max(float(width) for width, *_ in told)
