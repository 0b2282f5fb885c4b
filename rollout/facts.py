"""What a look found, and what may be done about it."""

from dataclasses import dataclass
from datetime import datetime

from rollout.state import Decision, Ending, Phase, Revision, Rollout


@dataclass(frozen=True, slots=True)
class Mirrored:
    """Copies go to this version; `fraction` of the requests of rollout `rollout_id`."""

    version: str
    fraction: float
    rollout_id: str


@dataclass(frozen=True, slots=True)
class Traffic:
    """The route as the platform has it: percent per version, and the mirror."""

    weights: dict[str, int]
    mirrored: Mirrored | None

    @property
    def serving(self) -> str | None:
        """The version that takes all traffic, if one does."""
        full = [version for version, percent in self.weights.items() if percent == 100]
        return full[0] if full else None


@dataclass(frozen=True, slots=True)
class Look:
    """The evidence so far: what it allows, on how many pairs, at how many requests/s."""

    decision: Decision
    reason: str
    pairs: int
    requests_per_second: float


@dataclass(frozen=True, slots=True)
class Watched:
    """What the triggers say: the sentence of one that fires, and those that could not be judged.

    `seen` says that some trigger that looks at requests could be.
    """

    firing: str | None
    unjudged: tuple[str, ...]
    seen: bool = True


@dataclass(frozen=True, slots=True)
class Controlled:
    """What a copy of the champion showed: whole windows, whether too many alarmed, in words."""

    windows: int = 0
    surprising: bool = False
    said: str = "no pair so far"

    @property
    def ending(self) -> Ending:
        """Without a whole window nothing was controlled."""
        if not self.windows:
            return Ending.INCONCLUSIVE
        return Ending.FALSE_ALARMS if self.surprising else Ending.CONTROLLED


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything `decide` may know; `unready_for` counts seconds the candidate was missing.

    `failure` is why it could not be started, if that was tried and found impossible; `obstacle`
    is why an approved promotion cannot begin.
    """

    now: datetime
    rollout: Rollout
    champion: Revision | None
    traffic: Traffic
    ready: frozenset[str]
    unready_for: float
    failure: str | None
    look: Look | None
    watched: Watched | None
    obstacle: str | None = None
    controlled: Controlled = Controlled()


@dataclass(frozen=True, slots=True)
class BringUp:
    """Start the servers of this revision and wait until they are ready and warm."""

    revision: Revision


@dataclass(frozen=True, slots=True)
class Shift:
    """Set the route: percent per version, and the mirror."""

    weights: dict[str, int]
    mirrored: Mirrored | None


@dataclass(frozen=True, slots=True)
class Hold:
    """Do nothing for so many seconds, then look again."""

    seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class Conclude:
    """Keep the evidence and record its verdict; `undecided` says why a budget ends it."""

    undecided: str | None


@dataclass(frozen=True, slots=True)
class BeginWatch:
    """Record that the candidate takes over, its traffic is confirmed, and that it is watched."""

    to: Revision


@dataclass(frozen=True, slots=True)
class Promote:
    """Record that the candidate takes over for good: its traffic is confirmed, its watch over."""

    to: Revision
    reason: str


@dataclass(frozen=True, slots=True)
class RollBack:
    """Take the candidate out: traffic to `to`, then workloads, then bookkeeping."""

    to: Revision | None
    reason: str
    ending: Ending


@dataclass(frozen=True, slots=True)
class Enter:
    """Record that the rollout enters a phase, before anything of that phase is done."""

    phase: Phase


@dataclass(frozen=True, slots=True)
class Ask:
    """Record that the promotion asks a person, and until when it waits for the answer."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Lapse:
    """Record that the promotion is given up; the rollout waits for `promote-model` again."""

    reason: str


@dataclass(frozen=True, slots=True)
class Finish:
    """End the flow process; `ending` None leaves the rollout open, waiting for its promotion."""

    ending: Ending | None
    reason: str


Action = (
    BringUp
    | Shift
    | Hold
    | Conclude
    | Enter
    | Ask
    | Lapse
    | BeginWatch
    | Promote
    | RollBack
    | Finish
)
