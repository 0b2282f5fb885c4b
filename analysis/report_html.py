"""HTML without assets: escaped text, tables that become cards on a phone, figures, one style."""

from collections.abc import Iterable, Sequence
from html import escape

FONT = 12
"""Pixels of the texts of a plot that is as wide as it was laid out."""


class Html(str):
    """Text that is HTML already; every other text is escaped where it is put into a page."""

    __slots__ = ()


def html(text: str) -> Html:
    """A text as HTML."""
    return text if isinstance(text, Html) else Html(escape(text))


def joined(parts: Iterable[str]) -> Html:
    """Parts one after the other."""
    return Html("".join(html(part) for part in parts))


def tag(name: str, content: str, kind: str = "") -> Html:
    """An element with its class."""
    attribute = f' class="{kind}"' if kind else ""
    return Html(f"<{name}{attribute}>{html(content)}</{name}>")


def paragraph(text: str, kind: str = "") -> Html:
    """A paragraph."""
    return tag("p", text, kind)


def bullets(items: Iterable[str]) -> Html:
    """A list of sentences."""
    return tag("ul", joined(tag("li", item) for item in items))


def table(head: Sequence[str], rows: Iterable[Sequence[str]], kind: str = "") -> Html:
    """A table whose cells carry their heading, so that a phone can show each row as a card."""
    top = joined(tag("th", name) for name in head)
    body = joined(
        tag(
            "tr",
            joined(
                Html(f'<td data-head="{escape(name)}">{html(cell)}</td>')
                for name, cell in zip(head, row, strict=True)
            ),
        )
        for row in rows
    )
    whole = joined([tag("thead", tag("tr", top)), tag("tbody", body)])
    return tag("table", whole, kind)


def figure(svg: str, caption: str) -> Html:
    """A plot with the sentence that says how to read it."""
    return tag("figure", joined([Html(svg), tag("figcaption", caption)]))


def grid(parts: Iterable[str]) -> Html:
    """Plots side by side as far as they fit."""
    return tag("div", joined(parts), "grid")


def beside(wide: str, narrow: str) -> Html:
    """Two parts next to each other where there is room."""
    return tag("div", joined([tag("div", html(wide)), html(narrow)]), "beside")


def section(title: str, parts: Iterable[str]) -> Html:
    """A chapter of the page."""
    return tag("section", joined([tag("h2", title), *parts]))


def folded(title: str, content: str) -> Html:
    """Something long that is opened on demand; paper shows it folded."""
    return tag("details", joined([tag("summary", title), html(content)]))


def document(title: str, body: str) -> str:
    """A whole file: one style, no script, nothing fetched."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>"
        f'<body class="pincex"><main>{html(body)}</main></body></html>\n'
    )


# Colours for a version and for an outcome are those of report_svg.INK; safe for colour-blind eyes,
# and told apart in grey by the strokes of the plots and by a word.
COLOURS = """
.pincex{--paper:#ffffff;--ink:#1b1f24;--faint:#5c6670;--rule:#d8dce1;--baseline:#0072b2;
--candidate:#a3377f;--harm:#b84300;--safe:#00714f;--open:#6f5b00;--shade:#f4f5f7}
@media (prefers-color-scheme:dark){.pincex{--paper:#14171a;--ink:#e4e7ea;--faint:#9aa4ae;
--rule:#363c43;--baseline:#5ab4ea;--candidate:#e08cc3;--harm:#f08a4b;--safe:#3fc79a;--open:#d9bd4a;
--shade:#1d2125}}
"""
LAYOUT = """
.pincex{color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
body.pincex{background:var(--paper);margin:0}
.pincex main{max-width:1180px;margin:0 auto;padding:20px 16px 48px}
.pincex h1{font-size:1.5rem;line-height:1.3;margin:.2em 0 .4em;max-width:46em}
.pincex h2{font-size:1.1rem;margin:2.2em 0 .6em;padding-top:.6em;border-top:1px solid var(--rule)}
.pincex h3{font-size:1rem;margin:1.4em 0 .4em}
.pincex p,.pincex li{max-width:62em}
.pincex .faint,.pincex figcaption,.pincex small{color:var(--faint)}
.pincex figcaption,.pincex small{font-size:.85rem}
.pincex .word{font-weight:700;letter-spacing:.02em;white-space:nowrap}
.pincex .big{font-size:1.05rem;border:2px solid currentColor;border-radius:4px;padding:.1em .5em}
.pincex .PASS{color:var(--safe)}.pincex .FAIL{color:var(--harm)}
.pincex .INCONCLUSIVE{color:var(--open)}
.pincex .baseline{color:var(--baseline)}.pincex .candidate{color:var(--candidate)}
.pincex table{border-collapse:collapse;margin:.6em 0;font-size:.92rem}
.pincex th{text-align:left;font-weight:600;color:var(--faint)}
.pincex th,.pincex td{padding:.3em .9em .3em 0;vertical-align:top;
border-bottom:1px solid var(--rule);font-variant-numeric:tabular-nums}
.pincex code,.pincex pre{font:13px/1.45 ui-monospace,SFMono-Regular,Menlo,monospace}
.pincex code{overflow-wrap:anywhere}
.pincex pre{background:var(--shade);padding:.8em 1em;overflow-x:auto;border-radius:4px}
.pincex .grid{display:grid;gap:18px 28px;
grid-template-columns:repeat(auto-fill,minmax(min(100%,330px),1fr))}
.pincex .beside{display:grid;grid-template-columns:minmax(0,1fr);gap:8px 32px;align-items:start}
.pincex .beside td{overflow-wrap:anywhere}
@media (min-width:1000px){.pincex .beside{grid-template-columns:minmax(0,1fr) 340px}}
.pincex figure{margin:0;break-inside:avoid}
.pincex figcaption{margin-top:.35em}
.pincex svg{width:100%;height:auto;max-width:460px;display:block}
.pincex summary{cursor:pointer;color:var(--faint)}
.pincex .facts td:first-child{color:var(--faint);white-space:nowrap}
.pincex .facts th{display:none}
"""
PLOTS = f"""
.pincex svg text{{font-family:system-ui,-apple-system,"Segoe UI",sans-serif;font-size:{FONT}px}}
.pincex svg .plot-title{{font-weight:700;font-size:{FONT + 1}px;fill:var(--ink)}}
.pincex svg .axis-text-x,.pincex svg .axis-text-y,.pincex svg .axis-title-x,
.pincex svg .axis-title-y{{fill:var(--faint)}}
"""
NARROW = """
@media (max-width:640px){.pincex table:not(.facts):not(.tight),
.pincex table:not(.facts):not(.tight) tbody,
.pincex table:not(.facts):not(.tight) tr,.pincex table:not(.facts):not(.tight) td{display:block}
.pincex table:not(.facts):not(.tight) thead{display:none}
.pincex table:not(.facts):not(.tight) td{border:0;padding:.1em 0 .1em 8.2em;position:relative;
min-height:1.5em}
.pincex table:not(.facts):not(.tight) td::before{content:attr(data-head);position:absolute;left:0;
color:var(--faint)}
.pincex table:not(.facts):not(.tight) tr{border-bottom:1px solid var(--rule);padding:.5em 0}
.pincex table.tight{font-size:.82rem}
.pincex table.tight td,.pincex table.tight th{padding-right:.6em}
.pincex h1{font-size:1.2rem}}
@media print{body.pincex{--paper:#fff;font-size:11px}.pincex main{padding:0}
.pincex section{break-inside:auto}.pincex tr{break-inside:avoid}
.pincex h2,.pincex h3{break-after:avoid}}
"""
STYLE = COLOURS + LAYOUT + PLOTS + NARROW
