"""What a rollout is, as far as it was recorded."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any


class Phase(StrEnum):
    """Where a rollout stands; it decides where safety lies."""

    SHADOW = "SHADOW"
    SHIFTING = "SHIFTING"
    PROMOTING = "PROMOTING"
    WATCHING = "WATCHING"
    DONE = "DONE"
    ROLLED_BACK = "ROLLED_BACK"


class Verb(StrEnum):
    """The command that opened a rollout."""

    DEPLOY = "deploy-model"
    PROMOTE = "promote-model"
    ROLLBACK = "rollback-model"
    RELEASE = "deploy"
    RETURN = "rollback"
    CONTROL = "control"

    @property
    def of_release(self) -> bool:
        """It acts on the services of an application, not on a model."""
        return self in (Verb.RELEASE, Verb.RETURN)

    @property
    def undoes(self) -> bool:
        """It returns to what served before."""
        return self in (Verb.ROLLBACK, Verb.RETURN)


WATCH = "watch"
"""What a `served` row says in place of a command, where the watch undid a promotion."""


class Decision(StrEnum):
    """What the evidence allows."""

    PROMOTE = "PROMOTE"
    ROLLBACK = "ROLLBACK"
    CONTINUE = "CONTINUE"
    INCONCLUSIVE = "INCONCLUSIVE"


class Ending(StrEnum):
    """How a rollout was closed."""

    PROMOTED = "PROMOTED"
    ROLLED_BACK = "ROLLED_BACK"
    INCONCLUSIVE = "INCONCLUSIVE"
    ABANDONED = "ABANDONED"
    EXPIRED = "EXPIRED"
    REFUSED = "REFUSED"
    CONTROLLED = "CONTROLLED"
    FALSE_ALARMS = "FALSE_ALARMS"


@dataclass(frozen=True, slots=True)
class Revision:
    """A version and the digest of the files it consists of."""

    version: str
    digest: str


COPY = "-copy"


def copy_of(champion: Revision) -> Revision:
    """The champion's own files under a name that no registry knows: to be shadowed, no more."""
    return Revision(f"{champion.version}{COPY}", champion.digest)


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict that was recorded, and where its evidence lies."""

    decision: Decision
    reason: str
    pairs: int
    at: datetime
    decided_at: Mapping[str, Any] | None
    evidence: str
    evidence_digest: str


@dataclass(frozen=True, slots=True)
class Watch:
    """Since when and for how many seconds a promotion is watched, against which past p95.

    The past p95 is that of the version before; None where it answered too few requests.
    """

    since: datetime
    seconds: float
    past_p95_ms: float | None

    @property
    def until(self) -> datetime:
        """When it is over, unless a trigger fires."""
        return self.since + timedelta(seconds=self.seconds)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person said to a promotion that asked, why, and by which way."""

    approved: bool
    by: str
    how: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Approval:
    """A promotion asked a person: who wanted it, until when, and on which evidence.

    `lapsed` is why it is asked for no longer; `used` says that the promotion began on its answer.
    """

    by: str
    at: datetime
    until: datetime
    evidence_digest: str | None
    answer: Answer | None = None
    lapsed: str | None = None
    used: bool = False


@dataclass(frozen=True, slots=True)
class Rollout:
    """One replacement of `stable` by `candidate`, folded from the ledger.

    `stable` is None for a first version. `sample` is a fraction; `cap` is copies/s. `leaving` is
    why a control is to end before its time.
    """

    id: str
    verb: Verb
    component: str
    region: str
    stable: Revision | None
    candidate: Revision
    policy_text: str
    sample: float
    cap: float
    actor: str
    opened_at: datetime
    phase: Phase
    judged: Judged | None = None
    override: str | None = None
    approval: Approval | None = None
    watch: Watch | None = None
    closed: Ending | None = None
    reason: str = ""
    leaving: str | None = None

    @property
    def waiting(self) -> bool:
        """It has its PASS and waits for `promote-model`."""
        return (
            self.closed is None
            and not self.awaiting
            and self.phase is Phase.SHADOW
            and self.judged is not None
            and self.judged.decision is Decision.PROMOTE
        )

    @property
    def awaiting(self) -> bool:
        """Its promotion asked for approval and did not begin yet."""
        approval = self.approval
        asked = approval is not None and approval.lapsed is None and not approval.used
        return asked and self.closed is None

    @property
    def pending(self) -> bool:
        """Its promotion waits for somebody to approve or refuse it."""
        return self.awaiting and self.approval is not None and self.approval.answer is None

    @property
    def moved_by(self) -> Verb:
        """The verb that moves its traffic: an open shadow is promoted by `promote-model`."""
        return Verb.PROMOTE if self.verb is Verb.DEPLOY and self.stable else self.verb

    @property
    def undone(self) -> bool:
        """It was promoted, and its watch took it back."""
        return self.closed is Ending.ROLLED_BACK and self.watch is not None
