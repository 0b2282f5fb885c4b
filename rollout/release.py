"""What the ledger's rows add up to for an application: its components, and the open rollout."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from rollout.application import parse_application
from rollout.history import Row
from rollout.state import Decision, Revision

JUDGED, TAKEN, RETIRED = "step-judged", "component-served", "version-ended"
WATCHED = "watch-ended"
BEGUN, RAN = "release-step-begun", "release-step-ran"


@dataclass(frozen=True, slots=True)
class Step:
    """The share (percent) that a candidate has since a moment; `passed` once it was judged well.

    `past_p95_ms` is that of the version before, while it still had all the traffic.
    """

    share: int
    began_at: datetime
    past_p95_ms: float | None
    passed: bool = False


@dataclass(frozen=True, slots=True)
class Side:
    """Requests to one version: those with an answer, and `without` one, or none yet.

    Errors are answers of 500 and above and those cut off, `refused` those from 400 on. Slow is
    what took longer than the limit that the past p95 gives, with an answer or without; `unsure`
    that of which nobody knows whether it did.
    """

    requests: int = 0
    errors: int = 0
    refused: int = 0
    slow: int = 0
    unsure: int = 0
    without: int = 0


@dataclass(frozen=True, slots=True)
class StepCounts:
    """What the candidate did since the step began, and the version beside it.

    `silent` are counters of the candidate that nobody reads any more.
    """

    own: Side
    beside: Side = Side()
    silent: int = 0


@dataclass(frozen=True, slots=True)
class StepLook:
    """What a step allows by now: PROMOTE the next one, ROLLBACK, or CONTINUE to look."""

    decision: Decision
    reason: str
    counts: StepCounts


@dataclass(frozen=True, slots=True)
class Harm:
    """Why the open rollout is undone, once that is decided; what it ends as."""

    component: str
    decision: Decision
    reason: str


@dataclass(frozen=True, slots=True)
class Crossing:
    """A release step that cannot be taken back, and the revisions that served before it."""

    step: str
    before: frozenset[Revision]


@dataclass(frozen=True, slots=True)
class Part:
    """A component: what it can go back to, what serves last; `before` the open rollout began.

    `served` are all revisions that ever did, `ran` the release steps that are done, by their
    revision; `crossed` tells of a revision which step of it was at least begun, though it cannot
    be taken back. `judged` is what its last step in the open rollout came to, in words, `taken_at`
    since when what serves last does, and `watched` what its watch since then came to.
    """

    stack: tuple[Revision, ...] = ()
    served: frozenset[Revision] = frozenset()
    before: Revision | None = None
    step: Step | None = None
    judged: str | None = None
    taken_at: datetime | None = None
    watched: str | None = None
    ran: frozenset[tuple[Revision, str]] = frozenset()
    crossed: Mapping[Revision, Crossing] = field(default_factory=dict)

    @property
    def serving(self) -> Revision | None:
        """What the ledger says serves."""
        return self.stack[-1] if self.stack else None

    def steps_of(self, revision: Revision) -> frozenset[str]:
        """The release steps of a revision that are done."""
        return frozenset(step for of, step in self.ran if of == revision)

    def barred(self, to: Revision) -> tuple[Revision, str] | None:
        """Whose step, and which, bars the way from what serves to a revision that served before.

        By its version: under another description it is the same program.
        """
        places = [place for place, revision in enumerate(self.stack) if revision == to]
        above = self.stack[places[-1] + 1 :] if places else self.stack
        for revision in reversed(above):
            found = self.crossed.get(revision)
            if found is not None and to.version in {one.version for one in found.before}:
                return revision, found.step
        return None


@dataclass(frozen=True, slots=True)
class Parts:
    """All components of an application, and what was decided about its open rollout.

    `texts` are the descriptions of releases by digest, `targets` what the last rollout leads to.
    """

    of: Mapping[str, Part]
    harm: Harm | None
    texts: Mapping[str, str]
    targets: Mapping[str, Revision]

    def part(self, component: str) -> Part:
        """A component; one that never served is new."""
        return self.of.get(component, Part())

    def barred(self, targets: Mapping[str, Revision]) -> str | None:
        """Why there is no way back to these revisions, in words; None where there is one."""
        for name, to in targets.items():
            found = self.part(name).barred(to)
            if found is not None:
                of, step = found
                return (
                    f"{name} {of.version} began its release step {step}, which cannot "
                    f"be taken back, so {to.version} may not work any more"
                )
        return None

    @property
    def below(self) -> Mapping[str, Revision]:
        """What served before what serves now, of each component of which something did."""
        return {name: part.stack[-2] for name, part in self.of.items() if len(part.stack) > 1}


def fold_parts(rows: Iterable[Row]) -> Parts:
    """Replay the rows of one application and region, oldest first."""
    found = Parts({}, None, {}, {})
    for row in rows:
        found = _after(found, row)
    return found


def _after(found: Parts, row: Row) -> Parts:
    data = row.data
    match row.kind:
        case "rollout-opened":
            return _opened(found, data)
        case "traffic":
            step = _step(data, found.part(data["component"]).step)
            return _with(found, data["component"], step=step)
        case "step-judged":
            return _judged(found, data)
        case "component-served":
            revision = Revision(**data["to"])
            part = found.part(data["component"])
            return _with(
                found,
                data["component"],
                stack=_stacked(part.stack, revision, undo=data["undo"]),
                served=part.served | {revision},
                taken_at=row.at,
            )
        case "watch-ended":
            return _with(found, data["component"], watched=data["reason"])
        case "release-step-begun" if not data["reversible"]:
            return _crossed(found, data)
        case "release-step-ran":
            ran = found.part(data["component"]).ran | {(Revision(**data["of"]), data["step"])}
            return _with(found, data["component"], ran=ran)
        case _:
            return found


def _opened(found: Parts, data: Mapping[str, Any]) -> Parts:
    """A rollout begins from what serves now; nothing is decided about it yet."""
    began = {
        name: replace(
            part, before=part.serving, step=None, judged=None, taken_at=None, watched=None
        )
        for name, part in found.of.items()
    }
    texts = {**found.texts, data["candidate"]["digest"]: data["application"]}
    targets = _in_order(data["targets"], data["application"])
    return replace(found, of=began, harm=None, texts=texts, targets=targets)


def _in_order(told: Mapping[str, Any], application: str) -> dict[str, Revision]:
    """The targets, each component after those it depends on: a row's names are in none."""
    names = [part.name for part in parse_application(application).components]
    known = sorted(told, key=lambda name: (name not in names, name in names and names.index(name)))
    return {name: Revision(**told[name]) for name in known}


def _step(data: Mapping[str, Any], before: Step | None) -> Step:
    """A past p95 that was pinned holds for the whole rollout, whichever row left it out."""
    past = data["past_p95_ms"]
    if past is None and before is not None:
        past = before.past_p95_ms
    return Step(data["share"], datetime.fromisoformat(data["began_at"]), past)


def _judged(found: Parts, data: Mapping[str, Any]) -> Parts:
    decision, told = Decision(data["decision"]), data["reason"]
    found = _with(found, data["component"], judged=told)
    if decision is not Decision.PROMOTE:
        return replace(found, harm=Harm(data["component"], decision, told))
    step = found.part(data["component"]).step
    assert step is not None
    return _with(found, data["component"], step=replace(step, passed=True))


def _crossed(found: Parts, data: Mapping[str, Any]) -> Parts:
    part, of = found.part(data["component"]), Revision(**data["of"])
    crossing = Crossing(data["step"], part.served - {of})
    return _with(found, data["component"], crossed={**part.crossed, of: crossing})


def _stacked(stack: tuple[Revision, ...], to: Revision, *, undo: bool) -> tuple[Revision, ...]:
    """An undo goes down to what served before, anything else comes on top."""
    if stack and stack[-1] == to:
        return stack
    if undo and to in stack:
        return stack[: len(stack) - stack[::-1].index(to)]
    return (*stack, to)


def _with(found: Parts, component: str, **changes: Any) -> Parts:
    return replace(found, of={**found.of, component: replace(found.part(component), **changes)})
