"""Aliases against expectations: MLflow has no compare-and-set, so a foreign move is only found."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class AliasProblem:
    """An alias that is not where the ledger says it should be.

    `foreign`: it points elsewhere, or exists uninvited; `dangling`: it, or the version it named,
    is gone; `case`: a second alias differs only in upper and lower case.
    """

    kind: Literal["foreign", "dangling", "case"]
    alias: str
    expected: str | None
    found: str | None
    text: str


def alias_problems(
    name: str, found: Mapping[str, str], expected: Mapping[str, str | None]
) -> tuple[AliasProblem, ...]:
    """Compare aliases of a model (alias -> release) with what they should be (None: absent)."""
    problems = []
    for alias, release in expected.items():
        now = found.get(alias)
        if release is not None and now is None:
            text = f"{alias} of {name} should be {release} but is gone"
            problems.append(AliasProblem("dangling", alias, release, now, text))
        elif now != release:
            text = f"{alias} of {name} should be {release or 'absent'} but points at {now}"
            problems.append(AliasProblem("foreign", alias, release, now, text))
    for alias, now in found.items():
        if alias not in expected and alias.lower() in expected:
            text = f"{name} has an alias {alias} (at {now}) beside {alias.lower()}"
            problems.append(AliasProblem("case", alias, expected[alias.lower()], now, text))
    return tuple(problems)
