"""The verdict: all findings, what they decide together, and since which look."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.clock import Look
from analysis.findings import Finding, Outcome, rounded
from analysis.pages import verdict_html

if TYPE_CHECKING:
    import pandas as pd

UNKNOWN = "unknown"


class NotPassed(RuntimeError):
    """Raised by `require_pass` where the verdict is anything but PASS, with the reasons."""


@dataclass(frozen=True, slots=True, repr=False)
class Verdict:
    """What `judge` returns; the JSON object of the same name in Python.

    `stood_at` is the first look at which PROMOTE stood, also where it no longer does;
    `decided_at` is the first look at which the final decision stood. `of` says what was judged:
    pairs, or the requests of split traffic, of which the object tells then.
    """

    verdict: str
    decision: str
    reason: str
    pairs: int
    coverage: float | None
    decided_at: Look | None
    stood_at: Look | None
    looks: str
    findings: tuple[Finding, ...]
    revisions: Mapping[str, str] | None
    policy_digest: str
    pairs_digest: str
    code_version: str
    of: str = "pairs"

    @property
    def gates(self) -> "pd.DataFrame":
        """One row per gate, with the columns of the JSON."""
        import pandas as pd

        return pd.DataFrame([finding.as_dict() for finding in self.findings])

    def finding(self, name: str, segment: str | None = None) -> Finding:
        """The finding of the gate with this name, over all pairs or in one segment."""
        return {(finding.name, finding.segment): finding for finding in self.findings}[
            (name, segment)
        ]

    @property
    def pooled(self) -> tuple[Finding, ...]:
        """The findings over all pairs."""
        return tuple(finding for finding in self.findings if finding.segment is None)

    @property
    def by_segment(self) -> tuple[Finding, ...]:
        """The findings of single segments."""
        return tuple(finding for finding in self.findings if finding.segment is not None)

    def as_dict(self) -> dict[str, object]:
        """The JSON object of the design, section 9."""
        return {
            "verdict": self.verdict,
            "decision": self.decision,
            "reason": self.reason,
            "pairs": self.pairs,
            **({} if self.of == "pairs" else {"of": self.of}),
            "coverage": rounded(self.coverage),
            "decided_at": self.decided_at.as_dict() if self.decided_at else None,
            "looks": self.looks,
            "gates": [finding.as_dict() for finding in self.findings],
            "revisions": dict(self.revisions) if self.revisions else UNKNOWN,
            "policy_digest": self.policy_digest,
            "pairs_digest": self.pairs_digest,
            "code_version": self.code_version,
        }

    def to_json(self) -> str:
        """One JSON object on one line; the same input gives the same bytes."""
        return json.dumps(self.as_dict(), ensure_ascii=False, allow_nan=False)

    def require_pass(self) -> None:
        """Raise NotPassed with the reasons unless the verdict is PASS."""
        if self.verdict != Outcome.PASS:
            open_gates = [f for f in self.findings if f.outcome is not Outcome.PASS]
            reasons = "\n".join(f"  {f.name}: {f.reason}" for f in open_gates)
            raise NotPassed(f"{self.verdict}: {self.reason}\n{reasons}")

    def __repr__(self) -> str:
        return f"Verdict({self.verdict}, {self.decision}, {self.pairs:,} {self.of}: {self.reason})"

    def _repr_html_(self) -> str:
        return verdict_html(self)
