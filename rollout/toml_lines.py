"""Where in a TOML document a key stands, which the parser of the standard library does not tell.

Only for documents that were parsed already: what is not TOML gives no sensible answer here.
"""

import re
from collections import Counter

BARE_OR_QUOTED = r"(?:[A-Za-z0-9_-]+|\"(?:[^\"\\]|\\.)*\"|'[^']*')"
DOTTED = rf"{BARE_OR_QUOTED}(?:\s*\.\s*{BARE_OR_QUOTED})*"
HEADER = re.compile(rf"\s*(\[\[?)\s*({DOTTED})\s*\]")
ASSIGNMENT = re.compile(rf"\s*({DOTTED})\s*=(.*)")
OPENING = re.compile(r"\"\"\"|'''|\"|'|[\[{]|[\]}]|#")

Path = tuple[str, ...]


class Lines:
    """The line, from 1, of every table and key; entries of an array of tables count from 0."""

    def __init__(self, text: str) -> None:
        self._found: dict[Path, int] = {}
        entries: Counter[Path] = Counter()
        table: Path = ()
        quote, depth = "", 0
        for number, line in enumerate(text.splitlines(), start=1):
            header, assignment = HEADER.match(line), ASSIGNMENT.match(line)
            if quote or depth:
                quote, depth = _after(line, quote, depth)
            elif header:
                table = _path(header[2])
                if header[1] == "[[":
                    entries[table] += 1
                    self._found.setdefault(table, number)
                    table = (*table, str(entries[table] - 1))
                self._found.setdefault(table, number)
            elif assignment:
                self._found.setdefault((*table, *_path(assignment[1])), number)
                quote, depth = _after(assignment[2], "", 0)

    def of(self, *path: str) -> int:
        """The line of a key, or of the nearest table around it that has one; 1 where none has."""
        for length in range(len(path), 0, -1):
            if path[:length] in self._found:
                return self._found[path[:length]]
        return 1


def _path(dotted: str) -> Path:
    return tuple(key.strip("\"'") for key in re.findall(BARE_OR_QUOTED, dotted))


def _after(rest: str, quote: str, depth: int) -> tuple[str, int]:
    """The quotation and the brackets that are still open after the rest of a line."""
    at = 0
    while True:
        if quote:
            end = _end_of(rest, quote, at)
            if end is None:
                # Only the threefold quotations go on in the next line.
                return (quote if len(quote) == 3 else ""), depth
            quote, at = "", end
        found = OPENING.search(rest, at)
        if found is None or found[0] == "#":
            return "", depth
        at = found.end()
        if found[0] in "[{":
            depth += 1
        elif found[0] in "]}":
            depth -= 1
        else:
            quote = found[0]


def _end_of(rest: str, quote: str, at: int) -> int | None:
    """Where a quotation ends; a backslash takes its meaning from the sign behind it in "..."."""
    within = r"(?:\\.|(?!%s).)*?%s" if quote[0] == '"' else r"(?:(?!%s).)*%s"
    found = re.compile(within % (re.escape(quote), re.escape(quote))).match(rest, at)
    return found.end() if found else None
