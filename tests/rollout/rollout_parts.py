"""Facts for the tests of the decision: an undecided shadow that lacks nothing, unless told."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from rollout.facts import Facts, Look, Mirrored, Traffic
from rollout.policy import default_policy_text, parse
from rollout.state import Decision, Judged, Phase, Revision, Rollout, Verb, Watch

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
V1, V2, V3 = (Revision(f"v{n}.0.0", str(n) * 64) for n in (1, 2, 3))
POLICY = parse(default_policy_text())
ROLLOUT = Rollout(
    id="r-1",
    verb=Verb.DEPLOY,
    component="price",
    region="local",
    stable=V1,
    candidate=V2,
    policy_text=default_policy_text(),
    sample=1.0,
    cap=1000.0,
    actor="ann",
    opened_at=NOW - timedelta(seconds=12),
    phase=Phase.SHADOW,
)
MIRRORED = Mirrored("v2.0.0", 1.0, "r-1")
LOOK = Look(Decision.CONTINUE, "undecided: errors-paired", pairs=500, requests_per_second=100.0)
FACTS = Facts(
    now=NOW,
    rollout=ROLLOUT,
    champion=V1,
    traffic=Traffic({"v1.0.0": 100}, MIRRORED),
    ready=frozenset({"v1.0.0", "v2.0.0"}),
    unready_for=0.0,
    failure=None,
    look=LOOK,
    watched=None,
)


def watch(age: float = 60.0, seconds: float = 600.0) -> Watch:
    """A watch of so many seconds, begun `age` seconds ago."""
    return Watch(NOW - timedelta(seconds=age), seconds, 14.0)


def judged(decision: Decision, *, age: float = 60.0) -> Judged:
    """A verdict recorded `age` seconds ago."""
    return Judged(
        decision=decision,
        reason=f"because of {decision}",
        pairs=500,
        at=NOW - timedelta(seconds=age),
        decided_at=None,
        evidence="evidence/price-v2.0.0",
        evidence_digest="e" * 64,
    )


def rollout(**changes: Any) -> Rollout:
    """The shadow of v2.0.0 against v1.0.0, changed."""
    return replace(ROLLOUT, **changes)


def facts(of: Mapping[str, Any] | None = None, **changes: Any) -> Facts:
    """The facts of an undecided shadow that lacks nothing; `of` changes the rollout."""
    return replace(FACTS, rollout=replace(ROLLOUT, **(of or {})), **changes)


@dataclass(frozen=True, slots=True)
class Row:
    """A ledger row as the fold reads it."""

    kind: str
    data: Mapping[str, Any]
    at: datetime = NOW
    actor: str = "ann"
    component: str = "price"
    region: str = "local"
    seq: int = field(default=1, compare=False)


def told(revision: Revision | None) -> dict[str, str] | None:
    """A revision as a row has it."""
    return {"version": revision.version, "digest": revision.digest} if revision else None


def opened(
    rollout_id: str,
    candidate: Revision,
    stable: Revision | None = V1,
    verb: Verb = Verb.DEPLOY,
    override: str | None = None,
) -> Row:
    """A rollout is opened."""
    return Row(
        "rollout-opened",
        {
            "rollout": rollout_id,
            "verb": str(verb),
            "stable": told(stable),
            "candidate": told(candidate),
            "policy": "",
            "sample": 0.25,
            "cap": 50.0,
            "override": override,
        },
    )


def verdict(rollout_id: str, decision: Decision, digest: str = "e" * 64) -> Row:
    """Its evidence was judged."""
    return Row(
        "verdict",
        {
            "rollout": rollout_id,
            "decision": str(decision),
            "reason": f"because of {decision}",
            "pairs": 500,
            "decided_at": None,
            "evidence": "evidence/price",
            "evidence_digest": digest,
        },
    )


def served(
    to: Revision,
    verb: str = Verb.PROMOTE,
    at: datetime = NOW,
    digest: str | None = None,
    override: str | None = None,
) -> Row:
    """A revision took all traffic."""
    data = {
        "from": None,
        "to": told(to),
        "verb": str(verb),
        "evidence_digest": digest,
        "override": override,
    }
    return Row("served", data, at)


def closed(rollout_id: str, ending: str) -> Row:
    """A rollout is closed."""
    return Row("rollout-closed", {"rollout": rollout_id, "ending": ending, "reason": "so it is"})


def phase(rollout_id: str, entered: Phase, override: str | None = None) -> Row:
    """A rollout enters a phase."""
    data: dict[str, Any] = {"rollout": rollout_id, "phase": str(entered), "override": override}
    if entered is Phase.WATCHING:
        data |= {"seconds": 600, "past_p95_ms": 14.0}
    return Row("phase", data)
