"""SVG of lets-plot as part of a page: in the page's colours and style, the same bytes each time.

Colours are placeholders that become CSS variables, so that one drawing serves light and dark; text
stays text. Names that lets-plot makes at random are made of the content.
"""

import hashlib
import re

from analysis.report_html import Html, html, paragraph

INK = {
    "ink": "#1b1f25",
    "faint": "#5c6671",
    "rule": "#d8dce2",
    "baseline": "#0072b3",
    "candidate": "#a33780",
    "harm": "#b84301",
    "safe": "#007150",
}
# lets-plot writes a colour in either way.
PLACEHOLDERS = {
    f'"{told}"': f'"var(--{name})"'
    for name, colour in INK.items()
    for told in (colour, "rgb({},{},{})".format(*bytes.fromhex(colour[1:])))
}
TAG, NUMBER, INNER = re.compile("<[^>]*>"), re.compile(r"\d+\.\d+"), re.compile("<svg[^>]*>")
STYLED = re.compile(
    r'<style.*?</style>| (?:clip-bounds-jfx|buffered-rendering|style)="[^"]*"', re.DOTALL
)
EMPTY = re.compile(r"(?:<g></g>|<path></path>)+")
FAILED = "Error building plot"
SEAL = "\ue000"
SEALED = re.compile(f"{SEAL}([0-9a-f]*)")


def sealed(text: str) -> str:
    """A text that no part of a drawing takes for markup: lets-plot reads links and formulas."""
    return SEAL + text.encode().hex()


def inline(svg: str, describe: str, size: tuple[int, int]) -> Html:
    """A drawing of `size` pixels as an element of a page, told in words by `describe`.

    What lets-plot could not draw comes as an image of its error; it is told as a sentence.
    """
    if "<clipPath" not in svg or FAILED in svg:
        said = re.sub(r"<style.*?</style>|<[^>]*>|\s+", " ", svg, flags=re.DOTALL).strip()
        return paragraph(f"{describe}: could not be drawn ({said})", "faint")
    body = STYLED.sub("", re.sub(r">\s+<", "><", svg))
    body = INNER.sub(_group, body).replace("</svg>", "</g>")
    body = TAG.sub(lambda tag: NUMBER.sub(_rounded, tag[0]), body)
    for told, variable in PLACEHOLDERS.items():
        body = body.replace(told, variable)
    body = EMPTY.sub("", _renamed(body, describe))
    body = SEALED.sub(lambda found: html(bytes.fromhex(found[1]).decode()), body)
    return Html(
        f'<svg viewBox="0 0 {size[0]} {size[1]}" role="img" xmlns="http://www.w3.org/2000/svg">'
        f"<title>{html(describe)}</title>{body}</svg>"
    )


def _renamed(body: str, describe: str) -> str:
    """Names that are used are made of the content, so that no two plots of a page share one."""
    used = dict.fromkeys(re.findall(r"url\(#([^)]*)\)", body))
    body = re.sub(r' id="([^"]*)"', lambda told: told[0] if told[1] in used else "", body)
    for number, name in enumerate(used):
        body = body.replace(f'"{name}"', f'"@{number}"').replace(f"(#{name})", f"(#@{number})")
    mark = hashlib.sha256((describe + body).encode()).hexdigest()[:10]
    return body.replace('"@', f'"p{mark}-').replace("(#@", f"(#p{mark}-")


def _group(opened: re.Match[str]) -> str:
    """A drawing inside of another one is moved and no more: the page gives every svg its width."""
    at = dict(re.findall(r' ([xy])="([^"]*)"', opened[0]))
    return f'<g transform="translate({at["x"]} {at["y"]})">' if at else "<g>"


def _rounded(number: re.Match[str]) -> str:
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")
