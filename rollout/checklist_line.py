"""One line of a checklist: what was looked at, what was found, what would be right."""

from dataclasses import dataclass, replace
from enum import StrEnum


class Outcome(StrEnum):
    """What a line of the checklist says, from harmless to blocking."""

    OK = "OK"
    NOT_CHECKED = "NOT CHECKED"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the checklist: what was looked at, what was found, what would be right.

    Of what was not checked, `remedy` says who must look. What `fights` is harmless unless shares
    of the requests are made of replicas.
    """

    name: str
    outcome: Outcome
    evidence: str
    remedy: str = ""
    fights: bool = False

    def of(self, subject: str) -> "Line":
        """The same, said of a subject."""
        return replace(self, name=f"{subject}: {self.name}")
