"""What every rule here answers: which decision, at which look, in which words."""

from collections.abc import Callable
from dataclasses import dataclass

from analysis.clock import Look
from rivals.evidence import Evidence

ROLLBACK, PROMOTE, UNDECIDED = "ROLLBACK", "PROMOTE", "INCONCLUSIVE"


@dataclass(frozen=True, slots=True)
class Ruling:
    """A decision with the look at which it was made; None where the rule never decided."""

    decision: str
    look: Look | None
    why: str


Rule = Callable[[Evidence], Ruling]


@dataclass(frozen=True, slots=True)
class Rival:
    """A rule under a name, the numbers it was given, and where it is published."""

    name: str
    numbers: str
    source: str
    rule: Rule


def undecided(why: str) -> Ruling:
    """The record ended before the rule did."""
    return Ruling(UNDECIDED, None, why)


def earliest(rulings: list[Ruling], otherwise: str) -> Ruling:
    """The first ROLLBACK of several rules run side by side."""
    found = [r for r in rulings if r.decision == ROLLBACK and r.look is not None]
    return min(found, key=lambda r: r.look.at_us if r.look else 0, default=undecided(otherwise))
