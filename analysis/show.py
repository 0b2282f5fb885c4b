"""A verdict as HTML for a notebook: the sentence and the table of gates, in any colour scheme."""

from collections.abc import Mapping
from html import escape

COLUMNS = ("name", "outcome", "estimate", "low", "high", "tolerance", "margin", "n", "reason")
CELL = 'style="text-align:left;padding:2px 8px;vertical-align:top"'


def verdict_html(verdict: Mapping[str, object]) -> str:
    """Plain HTML that takes the colours of the page; every text is escaped."""
    head = "".join(f"<th {CELL}>{name}</th>" for name in COLUMNS)
    gates = verdict["gates"]
    rows = "".join(_row(gate) for gate in gates) if isinstance(gates, list) else ""
    return (
        f"<div><p><strong>{_text(verdict['verdict'])}</strong> ({_text(verdict['decision'])}): "
        f"{_text(verdict['reason'])}</p><table><thead><tr>{head}</tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )


def _row(gate: Mapping[str, object]) -> str:
    return "<tr>" + "".join(f"<td {CELL}>{_text(gate[name])}</td>" for name in COLUMNS) + "</tr>"


def _text(value: object) -> str:
    if value is None:
        return ""
    return escape(f"{value:.3g}" if isinstance(value, float) else str(value))
