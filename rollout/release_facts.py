"""What is known of a rollout of services when it is decided about, and what can be decided."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from rollout.application import Component, ReleaseStep
from rollout.facts import Enter, Watched
from rollout.policy import Policy
from rollout.release import Harm, Step, StepLook
from rollout.state import Decision, Ending, Revision, Rollout, Watch

if TYPE_CHECKING:
    from analysis.triggers import Reading


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a rollout cannot go on; `of_version` where waiting would not cure the candidate of it."""

    reason: str
    of_version: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """A component as it stands: percent per version, versions ready and up, what the ledger says.

    `target` is what shall serve, `before` what served when the rollout began; `observed` is the
    rollout for which answers are noted, `requests_before` those noted of the version before while
    it had all traffic, `past_p95_ms` their p95 once they are enough; `judged` is what the last step
    that is over came to, in words. `ran` names the release steps of the target that are done,
    `crossed` says that one was begun that cannot be taken back, `by_instances` that a share is one
    of whole instances, `trouble` what makes it pointless to go on, `blind` why nobody knows what is
    answered. `watch` is that of a target that took over, `watched` what its triggers, `readings`,
    come to now, and `watch_ended` what it came to once it is over.
    """

    component: Component
    target: Revision
    before: Revision | None
    serving: Revision | None
    step: Step | None
    weights: dict[str, int]
    observed: str | None
    ready: frozenset[str]
    up: frozenset[str]
    requests_before: int = 0
    past_p95_ms: float | None = None
    look: StepLook | None = None
    judged: str | None = None
    ran: frozenset[str] = frozenset()
    crossed: bool = False
    by_instances: bool = False
    trouble: Fault | None = None
    blind: str | None = None
    watch: Watch | None = None
    watched: Watched | None = None
    readings: "Sequence[Reading]" = ()
    watch_ended: str | None = None

    def shares(self, policy: Policy) -> tuple[int, ...]:
        """The percentages of its steps."""
        return self.component.shares(policy.steps.shares, by_instances=self.by_instances)

    @property
    def share(self) -> int:
        """The candidate's, in percent."""
        return self.weights.get(self.target.version, 0)

    def left(self, *, reversible: bool) -> ReleaseStep | None:
        """The next release step of this kind that the target still needs."""
        for step in self.component.release_steps:
            if step.reversible == reversible and step.name not in self.ran:
                return step
        return None

    @property
    def is_watched(self) -> bool:
        """The triggers are still asked about what took over."""
        return self.watch is not None and self.watch_ended is None

    def holds(self, wanted: Revision) -> bool:
        """Platform and ledger agree that only this revision acts."""
        alone = not (self.component.single and self.up - {wanted.version})
        return self.weights == {wanted.version: 100} and self.serving == wanted and alone

    def settled_on(self, wanted: Revision) -> bool:
        """The same, and nothing is observed any more."""
        return self.holds(wanted) and self.observed is None


@dataclass(frozen=True, slots=True)
class ReleaseFacts:
    """Everything that is decided upon; `unready_for` in seconds.

    `failure` is why the platform could not do what was decided.
    """

    now: datetime
    rollout: Rollout
    standings: Sequence[Standing]
    harm: Harm | None
    unready_for: float
    failure: Fault | None


@dataclass(frozen=True, slots=True)
class Start:
    """Bring up the servers of a revision, ready and warm."""

    component: str
    revision: Revision


@dataclass(frozen=True, slots=True)
class Run:
    """Run a release step of a revision to its end."""

    component: str
    revision: Revision
    step: ReleaseStep


@dataclass(frozen=True, slots=True)
class Weigh:
    """Set the shares of a component (percent); `observe` the answers from then on."""

    component: str
    weights: dict[str, int]
    observe: bool
    past_p95_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Unobserve:
    """Note the answers of a component no more; its shares stay as they are."""

    component: str


@dataclass(frozen=True, slots=True)
class Judge:
    """Record what a step came to: PROMOTE passes it, anything else undoes the rollout."""

    component: str
    decision: Decision
    reason: str


@dataclass(frozen=True, slots=True)
class Take:
    """Record that a revision serves from now on; `undo` says that it served before."""

    component: str
    to: Revision
    undo: bool


@dataclass(frozen=True, slots=True)
class Retire:
    """Drain and end the servers of a version."""

    component: str
    version: str


@dataclass(frozen=True, slots=True)
class EndWatch:
    """Record what the watch of a component came to."""

    component: str
    reason: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Look again after so many seconds; `reason` says what is missing."""

    component: str
    seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class End:
    """End what neither serves nor is kept to return to, and close the rollout."""

    ending: Ending
    reason: str


OfComponent = Start | Run | Weigh | Unobserve | Judge | Take | Retire | EndWatch | Wait
ReleaseAction = OfComponent | Enter | End
