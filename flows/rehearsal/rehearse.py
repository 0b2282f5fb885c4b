"""One complete rollout of the small site with one fault, and whether it was survived."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cluster.errors import ClusterError
from cluster.local.scan import members
from flows.refusal import Exit, Refused
from flows.rehearsal.end_state import PATIENCE, agree, at_rest, require_none_passed
from flows.rehearsal.faults import (
    FAILING,
    PASSED,
    REFUSED,
    SLOW,
    Fault,
    Moment,
    Scene,
)
from flows.rehearsal.small_client import Client, Failure
from flows.rehearsal.small_site import (
    MODEL,
    NotSo,
    Ran,
    SmallSite,
    copied,
    ended,
    eventually,
    require,
)
from models.errors import ModelsError
from rollout.words import milliseconds

PAIRS = 60
"""So many pairs were seen when a fault comes in the middle of a shadow."""
AFTER_OUTAGE = 1.0
"""Seconds in which a request that was sent into an outage may still come back as failed."""
OF_THE_SITE = {"keeper", "envoy", "mlflow", "prefect", "serving"}


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """One fault: what `happened`, in words, seconds, and requests from outside.

    `failed` of `sent` were not answered with 200, of which `excused` while nobody could answer.
    `survived` is None where it could not be rehearsed.
    """

    fault: str
    what: str
    survived: bool | None
    happened: str
    seconds: float
    sent: int
    failed: int
    excused: int
    doubled: int


@dataclass(frozen=True, slots=True)
class Before:
    """What was counted, and what was `up` beside the site, when a rollout began."""

    begun: float
    sent: int
    failed: int
    doubled: int
    head: int
    up: frozenset[str]


def rehearse(here: SmallSite, client: Client, fault: Fault) -> Rehearsed:
    """Deploy, promote, roll back, with the fault at its moment; then everything must be whole."""
    head = here.site.ledger.head()
    before = Before(
        time.monotonic(),
        client.sent,
        len(client.failures),
        client.doubled,
        head.seq if head else 0,
        frozenset(_left(here)),
    )
    scene = Scene(here, client, fault.candidate)
    survived, ended_how = True, ""
    try:
        ended_how = _rollout(scene, fault)
        eventually(lambda: at_rest(here), PATIENCE, "the rollout is at rest")
        _require_whole(scene, before)
    except (AssertionError, ClusterError, ModelsError, Refused, OSError) as error:
        survived, ended_how = False, str(error)
    happened = "; ".join([*scene.notes, ended_how])
    failures = client.failures[before.failed :]
    return Rehearsed(
        fault.name,
        fault.what,
        survived,
        happened,
        round(time.monotonic() - before.begun, 1),
        client.sent - before.sent,
        len(failures),
        len(failures) - len(lost(failures, scene.outage)),
        client.doubled - before.doubled,
    )


def _rollout(scene: Scene, fault: Fault) -> str:
    """The verbs in turn, as a person would type them; how it ended, in words."""
    with _struck(scene, fault, Moment.START):
        before = scene.client.by_version[scene.candidate]
        ran = _deploy(scene, fault)
    if _end(ran) != PASSED:
        answered = scene.client.by_version[scene.candidate] - before
        require(not answered, f"clients got {answered} answers of {scene.candidate}")
        return f"{_end(ran)}: {_words(ran)}"
    with _struck(scene, fault, Moment.PROMOTE):
        _must(scene.here, "promote-model", MODEL)
        _require_served(scene, before)
        with _struck(scene, fault, Moment.WATCH):
            pass
        with _struck(scene, fault, Moment.UNDO):
            back = _must(scene.here, "rollback-model", MODEL)
    moved = back.report["moved_in_ms"]
    require(moved is not None, "rollback-model moved nothing: it was undone before")
    return f"promoted, then rolled back in {milliseconds(moved / 1000)}"


@contextmanager
def _struck(scene: Scene, fault: Fault, moment: Moment) -> Iterator[None]:
    """The fault over a block, where this is its moment."""
    if fault.injected is None or fault.moment is not moment:
        yield
        return
    with fault.injected(scene):
        yield


def _deploy(scene: Scene, fault: Fault) -> Ran:
    """Until the shadow's verdict, which must be one that is right."""
    here, begun = scene.here, time.monotonic()
    known = {rollout.id for rollout in here.history().rollouts}
    command = here.command("deploy-model", MODEL, scene.candidate)
    if fault.moment is Moment.SHADOW:
        eventually(lambda: _copying(here, known) or command.poll() is not None, PATIENCE, "copies")
        if command.poll() is not None:
            raise NotSo(
                f"the shadow ended before anything was done: {_words(ended(command, begun))}"
            )
    with _struck(scene, fault, Moment.SHADOW):
        ran = ended(command, begun)
    right = _end(ran) in fault.ends and (_end(ran) != REFUSED or fault.said in _words(ran))
    wanted = " or ".join(fault.ends)
    require(right, f"{scene.candidate} earned {_end(ran)}, {wanted} is right: {_words(ran)}")
    return ran


def _copying(here: SmallSite, known: set[str]) -> bool:
    last = here.history().rollouts[-1]
    return last.id not in known and copied(here, last.id) >= PAIRS


def _end(ran: Ran) -> str:
    return str(ran.report.get("decision") or (REFUSED if ran.code == Exit.FAILED else "nothing"))


def _words(ran: Ran) -> str:
    return str(ran.report.get("error") or ran.report.get("reason") or ran.said.strip()[-300:])


def _must(here: SmallSite, *words: str) -> Ran:
    ran = here.pincex(*words)
    require(ran.code == 0, f"{words[0]} ended with {ran.code}: {_words(ran)}")
    return ran


def _require_served(scene: Scene, before: int) -> None:
    """Traffic came to the candidate, as clients saw it."""
    seen = scene.client.by_version
    eventually(
        lambda: seen[scene.candidate] > before,
        PATIENCE,
        f"clients get answers of {scene.candidate}",
    )


def _require_whole(scene: Scene, before: Before) -> None:
    """One healthy version, ledger and alias agree, nothing bad passed, nothing left, none lost."""
    here, client = scene.here, scene.client
    agree(here, ())
    opened = [row for row in here.rows("rollout-opened") if row.seq > before.head]
    mine = {str(row.data["rollout"]) for row in opened}
    rollouts = [rollout for rollout in here.history().rollouts if rollout.id in mine]
    require_none_passed(rollouts, {FAILING, SLOW})
    eventually(lambda: _left(here) <= before.up, PATIENCE, "nothing runs that did not before")
    failed = lost(client.failures[before.failed :], scene.outage)
    many = f"{len(failed)} requests failed although somebody could answer: {_kinds(failed)}"
    require(not failed, many)
    require(client.doubled == before.doubled, "a request was answered twice")
    require(client.sent > before.sent, "no request was sent: nothing was rehearsed")


def _left(here: SmallSite) -> set[str]:
    """Processes that are neither the site's own nor servers of what serves and served before."""
    kept = tuple(f"{MODEL}@{served.revision.version}#" for served in here.history().champions[-2:])
    roles = {member.role for member in members(here.home)}
    return {role for role in roles - OF_THE_SITE if not role.startswith(kept)}


def lost(failures: Iterable[Failure], outage: tuple[float, float] | None) -> list[Failure]:
    """Those that failed although one healthy path existed: not within the outage, if one was."""
    since, until = outage or (0.0, -AFTER_OUTAGE)
    return [one for one in failures if not since <= one.at <= until + AFTER_OUTAGE]


def _kinds(failures: list[Failure]) -> str:
    return ", ".join(sorted({failure.kind for failure in failures}))
