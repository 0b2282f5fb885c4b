"""Values of a TOML document by their path; what does not fit is refused, with its line."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NoReturn

from analysis import BadInput
from rollout.toml_lines import Lines, Path

NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,40}[a-z0-9])?")
URL_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")
PLACEHOLDER = re.compile(r"\{(\w*)\}")
MOST = 100


class Reader:
    """One parsed document; `placeholders` are the words that a command may have filled in."""

    def __init__(
        self, document: Mapping[str, Any], lines: Lines, placeholders: Sequence[str]
    ) -> None:
        self._document = document
        self._lines = lines
        self._placeholders = placeholders

    def wrong(self, at: Path, said: str, right: str) -> NoReturn:
        named = at[0] == "component" and len(at) > 1
        table, rest = (f"[{'.'.join(at[:2])}] ", at[2:]) if named else ("", at)
        key = f"{'.'.join(rest)}: " if rest else ""
        raise BadInput(f"line {self._lines.of(*at)}: {table}{key}{said}", hint=f"right: {right}")

    def value(self, at: Path) -> Any:
        """What stands there; None where nothing does."""
        found: Any = self._document
        for key in at:
            if isinstance(found, list):
                found = found[int(key)]
            elif isinstance(found, dict):
                found = found.get(key)
        return found

    def has(self, at: Path) -> bool:
        return self.value(at) is not None

    def keys(self, at: Path) -> list[str]:
        found = self.value(at)
        if found is not None and not isinstance(found, dict):
            self.wrong(at, f"{str(found)[:40]!r} is no table", f"[{'.'.join(at)}]")
        return list(found or {})

    def known(self, at: Path, known: Sequence[str]) -> None:
        for key in self.keys(at):
            if key not in known:
                self.wrong((*at, key), f"there is no key {key!r}", f"one of {', '.join(known)}")

    def tables(self, at: Path) -> list[str]:
        found = self.keys(at)
        if not found:
            self.wrong(at, "there is none", "[component.NAME] for each part")
        return found

    def entries(self, at: Path) -> list[Any]:
        found = self.value(at)
        if found is not None and not isinstance(found, list):
            self.wrong(at, f"{str(found)[:40]!r} is no list", '["..."]')
        return found or []

    def words(self, at: Path) -> tuple[str, ...]:
        found = self.entries(at)
        for word in found:
            if not isinstance(word, str) or not word:
                self.wrong(at, f"{str(word)[:40]!r} is no text", 'a list of texts: ["..."]')
        if len(set(found)) < len(found) and at[-1] != "command":
            self.wrong(at, "an entry stands twice", "each once")
        return tuple(found)

    def command(self, at: Path) -> tuple[str, ...]:
        found = self.words(at)
        for unknown in set(PLACEHOLDER.findall(" ".join(found))) - set(self._placeholders):
            known = ", ".join(f"{{{name}}}" for name in self._placeholders)
            self.wrong(at, f"nothing is filled in for {{{unknown}}}", f"one of {known}")
        return found

    def url_paths(self, at: Path) -> tuple[str, ...]:
        for path in self.words(at):
            self._require_url_path(at, path)
        return self.words(at)

    def url_path(self, at: Path, default: Any) -> Any:
        path = self.text(at, default)
        if path is not None:
            self._require_url_path(at, path)
        return path

    def text(self, at: Path, default: str | None) -> str | None:
        found = self.value(at)
        if found is None:
            return default
        if not isinstance(found, str) or not found:
            self.wrong(at, f"{str(found)[:40]!r} is no text", '"..."')
        return found

    def needed(self, at: Path) -> str:
        found = self.text(at, None)
        if found is None or not found.strip():
            self.wrong(at, "it is missing", '"..."')
        return found

    def moment(self, at: Path) -> datetime:
        found = self.value(at)
        if not isinstance(found, datetime) or found.tzinfo is None:
            said = "it is missing" if found is None else f"{str(found)[:40]!r} is no moment"
            self.wrong(at, said, "2026-12-01T09:00:00Z, with its offset and without quotes")
        return found

    def name(self, at: Path) -> str:
        found = self.text(at, None)
        if found is None or not NAME.fullmatch(found):
            said = "it is missing" if found is None else f"{found[:60]!r} is no name"
            self.wrong(at, said, "lower case letters, digits and hyphens, at most 42")
        return found

    def choice(self, at: Path, default: str, choices: Sequence[str]) -> str:
        found = self.value(at)
        if found is not None and found not in choices:
            self.wrong(at, f"{str(found)[:40]!r} is neither", " or ".join(map(repr, choices)))
        return found or default

    def whole(self, at: Path, default: int, most: int = MOST) -> int:
        found = self.value(at)
        if found is None:
            return default
        if isinstance(found, bool) or not isinstance(found, int) or not 0 < found <= most:
            self.wrong(at, f"{str(found)[:40]} does not fit", f"from 1 to {most}")
        return found

    def flag(self, at: Path, default: bool) -> bool:
        found = self.value(at)
        if found is not None and not isinstance(found, bool):
            self.wrong(at, f"{str(found)[:40]!r} is neither", "true or false")
        return default if found is None else found

    def _require_url_path(self, at: Path, path: str) -> None:
        if not URL_PATH.fullmatch(path):
            self.wrong(at, f"{path[:60]!r} is no path", 'such as "/orders"')
