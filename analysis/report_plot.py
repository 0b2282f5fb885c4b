"""Plots as inline SVG that take the colours of the page: matplotlib, the same bytes each time.

Colours are placeholders that become CSS variables, so that one drawing serves light and dark; text
stays text. Only these modules import matplotlib, and only when something is drawn.
"""

import io
import re
from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from analysis.report_html import Html, html
from analysis.report_ticks import plain_ticks

INK = {
    "ink": "#1b1f25",
    "faint": "#5c6671",
    "rule": "#d8dce2",
    "baseline": "#0072b3",
    "candidate": "#a33780",
    "harm": "#b84301",
    "safe": "#007150",
}
WIDTH = 4.4
FONT = 8.5
# Inches around the axes; fixed, because measuring every text doubles the time of a page.
LEFT, RIGHT, TOP, BOTTOM, BETWEEN = 0.62, 0.12, 0.27, 0.45, 0.12

SETTINGS: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "pincex",
    "font.size": FONT,
    "axes.edgecolor": INK["faint"],
    "axes.labelcolor": INK["faint"],
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.titlesize": FONT + 1,
    "axes.titlelocation": "left",
    "axes.titlecolor": INK["ink"],
    "axes.titleweight": "bold",
    # Stated, because to find a place above everything else measures every text twice.
    "axes.titley": 1.0,
    "xtick.color": INK["faint"],
    "ytick.color": INK["faint"],
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "text.color": INK["ink"],
    "lines.linewidth": 1.5,
    "path.simplify": True,
}
BASELINE: dict[str, Any] = {"color": INK["baseline"], "linestyle": (0, (4, 1.5))}
CANDIDATE: dict[str, Any] = {"color": INK["candidate"], "linestyle": "solid"}
HARM: dict[str, Any] = {"color": INK["harm"], "linestyle": (0, (4, 1.5))}
SAFE: dict[str, Any] = {"color": INK["safe"], "linestyle": "solid"}


def drawing(
    rows: list[float], describe: str, draw: Callable[[list[Axes]], None], left: float = LEFT
) -> Html:
    """An SVG of axes below each other; `rows` are their heights in inches."""
    height = TOP + BOTTOM + sum(rows) + BETWEEN * (len(rows) - 1)
    with rc_context(SETTINGS):
        figure = Figure(figsize=(WIDTH, height))
        FigureCanvasSVG(figure)
        axes: list[Axes] = []
        top = height - TOP
        for row in rows:
            box = (left, top - row, WIDTH - left - RIGHT, row) / np.array([WIDTH, height] * 2)
            axes.append(figure.add_axes(tuple(box), sharex=axes[0] if axes else None))
            top -= row + BETWEEN
        for one in axes:
            one.patch.set_visible(False)
        figure.patch.set_visible(False)
        draw(axes)
        plain_ticks(axes)
        buffer = io.StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(buffer, format="svg", metadata=nothing)
    return _inline(buffer.getvalue(), describe)


def label(axes: Axes, x: float, y: float, text: str, colour: str, **how: Any) -> None:
    """Words beside what they name, instead of a legend."""
    axes.annotate(
        text, (x, y), color=INK[colour], textcoords="offset points", annotation_clip=False, **how
    )


def _inline(svg: str, describe: str) -> Html:
    """From the first tag on, without sizes, empty ids and metadata; colours as variables."""
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r'<g id="[^"]*"', "<g", body)
    body = re.sub(r"<!--.*?-->", "", body, flags=re.DOTALL)
    body = re.sub(r"\n\s*", "\n", body)
    view = re.search(r'viewBox="[^"]*"', body)
    assert view is not None
    inside = body[body.index(">", body.index("<svg")) + 1 :]
    for name, colour in INK.items():
        inside = inside.replace(colour, f"var(--{name})")
    inside = inside.replace("'DejaVu Sans'", "sans-serif").strip()
    return Html(
        f'<svg {view[0]} role="img" xmlns="http://www.w3.org/2000/svg" '
        f'xmlns:xlink="http://www.w3.org/1999/xlink"><title>{html(describe)}</title>{inside}'
    )
