"""What the ledger's rows add up to: what serves, what served before, what is open."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from rollout.state import (
    WATCH,
    Answer,
    Approval,
    Decision,
    Ending,
    Judged,
    Phase,
    Revision,
    Rollout,
    Verb,
    Watch,
)

OPENED = "rollout-opened"
PHASE = "phase"
VERDICT, TRAFFIC = "verdict", "traffic"
SERVED, CLOSED = "served", "rollout-closed"
ALIASES = "aliases"
ASKED, APPROVED, REFUSED = "approval-asked", "approved", "refused"
LAPSED, LEFT = "approval-lapsed", "control-left"
MOVING_ALIASES = (OPENED, PHASE, SERVED, CLOSED)


class Row(Protocol):
    """A row of the ledger, as far as the fold reads it."""

    @property
    def at(self) -> datetime: ...
    @property
    def kind(self) -> str: ...
    @property
    def actor(self) -> str: ...
    @property
    def component(self) -> str: ...
    @property
    def region(self) -> str: ...
    @property
    def data(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Served:
    """A revision that took all traffic, since when and on which evidence."""

    revision: Revision
    since: datetime
    verb: str
    evidence_digest: str | None
    override: str | None


@dataclass(frozen=True, slots=True)
class History:
    """One component in one region: the stack of champions, the newest last, and its rollouts.

    `settled_aliases` are those last written, `meant_aliases` what they should have said since.
    """

    champions: tuple[Served, ...] = ()
    rollouts: tuple[Rollout, ...] = ()
    settled_aliases: Mapping[str, str] | None = None
    meant_aliases: tuple[Mapping[str, str], ...] = ()

    @property
    def champion(self) -> Served | None:
        return self.champions[-1] if self.champions else None

    @property
    def previous(self) -> Served | None:
        return self.champions[-2] if len(self.champions) > 1 else None

    @property
    def open(self) -> Rollout | None:
        """The rollout that was opened last and not closed."""
        unfinished = [rollout for rollout in self.rollouts if rollout.closed is None]
        return unfinished[-1] if unfinished else None

    @property
    def return_target(self) -> Revision | None:
        """What an undo returns to: of a rollout that moves traffic its own target or its stable.

        So also while its watch undoes it, when the stack of champions is one shorter already.
        """
        moving = self.open
        if moving is not None and moving.verb is Verb.ROLLBACK:
            return moving.candidate
        if moving is not None and moving.phase is not Phase.SHADOW and moving.stable is not None:
            return moving.stable
        return self.previous.revision if self.previous else None

    def passed(self, stable: Revision, candidate: Revision) -> Rollout | None:
        """The latest rollout with a PASS for exactly these two revisions, and no FAIL after it.

        What a watch undid counts as a FAIL: only new evidence can promote it again.
        """
        for rollout in reversed(self.rollouts):
            if (rollout.stable, rollout.candidate) != (stable, candidate):
                continue
            rejected = rollout.judged and rollout.judged.decision is Decision.ROLLBACK
            if rejected or rollout.undone:
                return None
            if _promotable(rollout):
                return rollout
        return None

    def failed(self, candidate: Revision) -> Rollout | None:
        """The rollout in which this revision was rejected on evidence, if it was the last word."""
        for rollout in reversed(self.rollouts):
            if rollout.candidate == candidate and rollout.judged is not None:
                rejected = rollout.judged.decision is Decision.ROLLBACK
                return rollout if rejected else None
        return None


def fold(rows: Iterable[Row]) -> History:
    """Replay the rows of one component and region, oldest first."""
    history = History()
    meant: Mapping[str, str] = {}
    for row in rows:
        history = _after(history, row)
        if row.kind in MOVING_ALIASES and (now := expected_aliases(history)) != meant:
            meant = now
            history = replace(history, meant_aliases=(*history.meant_aliases, meant))
    return history


def expected_aliases(history: History) -> dict[str, str]:
    """What the registry's aliases must say, given what the ledger knows."""
    aliases = {}
    if history.champion:
        aliases["champion"] = history.champion.revision.version
    if history.previous:
        aliases["previous"] = history.previous.revision.version
    opened = history.open
    if opened and opened.verb is Verb.DEPLOY and opened.phase is not Phase.WATCHING:
        aliases["challenger"] = opened.candidate.version
    return aliases


def as_data(revision: Revision | None) -> dict[str, str] | None:
    """The form in which a revision stands in a ledger row."""
    return {"version": revision.version, "digest": revision.digest} if revision else None


def _promotable(rollout: Rollout) -> bool:
    return rollout.judged is not None and rollout.judged.decision is Decision.PROMOTE


def _after(history: History, row: Row) -> History:
    data = row.data
    match row.kind:
        case "rollout-opened":
            return replace(history, rollouts=(*history.rollouts, _opened(row)))
        case "phase":
            return _updated(_begun(history, row), data["rollout"], **_entered(row))
        case "approval-asked":
            return _updated(history, data["rollout"], **_asked(row))
        case "approved" | "refused":
            return _answered(history, row)
        case "approval-lapsed":
            given_up = _approval(history, row, lapsed=data["reason"])
            return _updated(given_up, data["rollout"], override=None)
        case "control-left":
            return _updated(history, data["rollout"], leaving=data["reason"])
        case "verdict":
            return _updated(history, data["rollout"], judged=_judged(row))
        case "served":
            stacked = replace(history, champions=_stack(history.champions, row))
            opened = history.open
            if opened is None or data["verb"] != WATCH:
                return stacked
            # Killed before it is closed, whoever goes on still knows why it was undone.
            return _updated(stacked, opened.id, reason=data["override"])
        case "rollout-closed":
            ending = Ending(data["ending"])
            phase = Phase.DONE if ending is Ending.PROMOTED else Phase.ROLLED_BACK
            return _updated(
                history, data["rollout"], closed=ending, phase=phase, reason=data["reason"]
            )
        case "aliases":
            return replace(history, settled_aliases=dict(data["aliases"]), meant_aliases=())
        case _:
            return history


def _stack(champions: tuple[Served, ...], row: Row) -> tuple[Served, ...]:
    """A promotion pushes; a rollback pops down to the revision it returned to."""
    data = row.data
    revision = Revision(**data["to"])
    served = Served(revision, row.at, data["verb"], data["evidence_digest"], data["override"])
    if champions and champions[-1].revision == revision:
        return champions
    if data["verb"] in (Verb.ROLLBACK, Verb.RETURN, WATCH):
        depth = max(i for i, champion in enumerate(champions) if champion.revision == revision)
        return (*champions[:depth], replace(champions[depth], since=row.at, verb=data["verb"]))
    return (*champions, served)


def _entered(row: Row) -> dict[str, Any]:
    """What a phase row changes in its rollout."""
    data = row.data
    changes: dict[str, Any] = {"phase": Phase(data["phase"]), "override": data["override"]}
    if changes["phase"] is Phase.WATCHING:
        changes["watch"] = Watch(row.at, data["seconds"], data["past_p95_ms"])
    return changes


def _asked(row: Row) -> dict[str, Any]:
    """What a promotion that asks for approval changes in its rollout."""
    data = row.data
    until = datetime.fromisoformat(data["until"])
    approval = Approval(row.actor, row.at, until, data["evidence_digest"])
    return {"approval": approval, "override": data["override"]}


def _answered(history: History, row: Row) -> History:
    """The first answer counts, and only for the evidence that was asked about."""
    found = _asking(history, row)
    data = row.data
    if found is None or found.answer or data["evidence_digest"] != found.evidence_digest:
        return history
    given = Answer(row.kind == APPROVED, row.actor, data["how"], data["reason"], row.at)
    return _approval(history, row, answer=given)


def _begun(history: History, row: Row) -> History:
    """A promotion that enters its phase uses the approval up."""
    found = _asking(history, row)
    approved = found is not None and found.answer is not None and found.answer.approved
    return _approval(history, row, used=True) if approved else history


def _asking(history: History, row: Row) -> Approval | None:
    """What the rollout of this row asks for, if it does."""
    for rollout in history.rollouts:
        if rollout.id == row.data["rollout"] and rollout.awaiting:
            return rollout.approval
    return None


def _approval(history: History, row: Row, **changes: Any) -> History:
    found = _asking(history, row)
    if found is None:
        return history
    return _updated(history, row.data["rollout"], approval=replace(found, **changes))


def _updated(history: History, rollout_id: str, **changes: Any) -> History:
    rollouts = tuple(
        replace(rollout, **changes) if rollout.id == rollout_id else rollout
        for rollout in history.rollouts
    )
    return replace(history, rollouts=rollouts)


def _opened(row: Row) -> Rollout:
    data = row.data
    verb = Verb(data["verb"])
    first = {
        **dict.fromkeys((Verb.DEPLOY, Verb.CONTROL), Phase.SHADOW),
        Verb.PROMOTE: Phase.PROMOTING,
        **dict.fromkeys((Verb.ROLLBACK, Verb.RELEASE, Verb.RETURN), Phase.SHIFTING),
    }
    return Rollout(
        id=data["rollout"],
        verb=verb,
        component=row.component,
        region=row.region,
        stable=Revision(**data["stable"]) if data["stable"] else None,
        candidate=Revision(**data["candidate"]),
        policy_text=data["policy"],
        sample=data["sample"],
        cap=data["cap"],
        actor=row.actor,
        opened_at=row.at,
        phase=first[verb],
        override=data["override"],
    )


def _judged(row: Row) -> Judged:
    data = row.data
    return Judged(
        decision=Decision(data["decision"]),
        reason=data["reason"],
        pairs=data["pairs"],
        at=datetime.fromisoformat(data["judged_at"]) if "judged_at" in data else row.at,
        decided_at=data["decided_at"],
        evidence=data["evidence"],
        evidence_digest=data["evidence_digest"],
    )
