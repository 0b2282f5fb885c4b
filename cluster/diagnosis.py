"""What a diagnosis says: the most likely cause, its evidence, and the remedy."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Case(StrEnum):
    """Which of the runbook's four cases a cause belongs to."""

    STUCK = "stuck"
    HEALTH = "health checks"
    PERFORMANCE = "performance"
    MODEL = "model"


@dataclass(frozen=True, slots=True)
class Finding:
    """One cause: what was seen that says so, and a command that cures it or shows more.

    `certain` when nothing else looks like this; what is merely likely comes after it.
    """

    case: Case
    cause: str
    evidence: str
    remedy: str
    certain: bool = True


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The causes, what was looked at and what was not, and what is unwell whatever its cause."""

    found: Sequence[Finding]
    seen: Sequence[str]
    not_seen: Sequence[str]
    unwell: Sequence[str]


def likeliest_first(found: Sequence[Finding]) -> list[Finding]:
    """Each cause once, with its first evidence; the certain ones before the others."""
    once: dict[tuple[Case, str], Finding] = {}
    for finding in sorted(found, key=lambda told: not told.certain):
        once.setdefault((finding.case, finding.cause), finding)
    return list(once.values())
