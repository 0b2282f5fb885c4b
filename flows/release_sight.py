"""What a look at a rollout of services reads: ledger, routes, readiness, noted answers."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from cluster.errors import NotFound, Owned, Unavailable
from flows.applications import description_of
from flows.health_checks import HealthChecks
from flows.refusal import Refused
from flows.site import Site
from rollout.application import Component
from rollout.history import fold
from rollout.policy import Policy, parse
from rollout.release import Parts, fold_parts
from rollout.release_facts import Fault, ReleaseFacts, Standing
from rollout.state import Revision, Rollout

if TYPE_CHECKING:
    from rollout.release import StepCounts


class Answers(Protocol):
    """What is known of the answers of services; Unavailable while nobody can say."""

    def read(self) -> None:
        """Take in what is new."""

    def before(
        self, component: str, version: str, since: datetime, least: int, seconds: float
    ) -> tuple[int, float | None]:
        """Requests to a version since then, and the p95 (ms) of its past once they are enough.

        They are at least so many, over at least so many seconds.
        """

    def counts(
        self, component: str, candidate: str, beside: str, since: datetime, slow_ms: float
    ) -> "StepCounts":
        """The candidate's requests since then and those to the version beside it."""


@dataclass
class ReleaseSight:
    """The eye on one rollout of an application; between looks it keeps a cache of files alone.

    `lost_at` is since when the platform has not answered, by the monotonic clock.
    """

    site: Site
    application: str
    rollout_id: str
    policy: Policy
    rows: Answers | None
    failure: Fault | None = None
    said: str = ""
    lost_at: float | None = None
    health: HealthChecks = field(init=False)
    _ready_at: float = field(default_factory=monotonic)

    def __post_init__(self) -> None:
        self.health = HealthChecks(self.site.services, self.policy.live_rules.health)

    def look(self) -> ReleaseFacts:
        """Everything that is decided upon."""
        rows = self.site.ledger.rows(component=self.application, region=self.site.region)
        parts = fold_parts(rows)
        rollout = _own(fold(rows).rollouts, self.rollout_id)
        standings = [
            self._standing(parts, description_of(parts, name, target), target)
            for name, target in parts.targets.items()
        ]
        under_way = [one for one in standings if not one.settled_on(one.target)]
        starting = [one for one in under_way[:1] if one.target.version in one.up - one.ready]
        if not starting:
            self._ready_at = monotonic()
        waited = monotonic() - self._ready_at
        now = datetime.now(UTC)
        return ReleaseFacts(now, rollout, standings, parts.harm, waited, self.failure)

    def _standing(self, parts: Parts, part: Component, target: Revision) -> Standing:
        services, known = self.site.services, parts.part(part.name)
        weights, observed, foreign = _route(self.site, part.name)
        up = frozenset(services.versions_up(part.name))
        ready = frozenset(version for version in up if services.is_ready(part, version))
        standing = Standing(
            part, target, known.before, known.serving, known.step, weights, observed, ready, up,
            judged=known.judged, ran=known.steps_of(target), crossed=target in known.crossed,
            by_instances=services.by_instances, trouble=foreign,
        )  # fmt: skip
        if self.rows is None or parts.harm is not None:
            # An undo looks at no evidence.
            return standing
        return self._with_faults(self._with_evidence(self.rows, standing))

    def _with_faults(self, here: Standing) -> Standing:
        """The same with what the servers say of themselves, once some of the candidate are up."""
        version = here.target.version
        if here.trouble is not None or here.serving == here.target or not here.share:
            return here
        beside = next((one for one in here.weights if one != version), None)
        fault = self.site.services.fault(here.component, version, beside)
        return replace(here, trouble=fault or self.health.look(here.component, version))

    def _with_evidence(self, rows: Answers, here: Standing) -> Standing:
        """The same with what was noted about the version before, and of the candidate's step."""
        step, before = here.step, here.before
        if step is None or before is None or here.serving == here.target:
            return here
        try:
            rows.read()
            if step.share == 0:
                steps, name = self.policy.steps, here.component.name
                requests, past = rows.before(
                    name, before.version, step.began_at, steps.min_requests, steps.seconds
                )
                return replace(here, requests_before=requests, past_p95_ms=past)
            return self._judged(rows, here)
        except Unavailable as error:
            return replace(here, blind=str(error))

    def _judged(self, rows: Answers, here: Standing) -> Standing:
        from rollout.step_evidence import judge_step

        step, before = here.step, here.before
        assert step is not None
        assert before is not None
        past = step.past_p95_ms
        name, version = here.component.name, here.target.version
        slow_ms = self.policy.live_rules.response_time.limit_ms(past)
        counts = rows.counts(name, version, before.version, step.began_at, slow_ms)
        share: float = step.share
        own, beside_it = counts.own.requests, counts.beside.requests
        if here.by_instances and share < 100 and own and beside_it:
            # Clients that keep their connections keep their version: pods are not requests.
            share = 100 * own / (own + beside_it)
        look = judge_step(counts, share, len(here.shares(self.policy)), past, self.policy)
        return replace(here, look=look)


def release_sight(site: Site, rollout: Rollout) -> ReleaseSight:
    """An eye on this rollout; an undo looks at no evidence, and waits for no import."""
    rows = None if rollout.verb.undoes else site.answers(rollout.id)
    return ReleaseSight(site, rollout.component, rollout.id, parse(rollout.policy_text), rows)


def _own(rollouts: Sequence[Rollout], rollout_id: str) -> Rollout:
    for rollout in rollouts:
        if rollout.id == rollout_id:
            return rollout
    raise Refused(f"the ledger has no rollout {rollout_id}", hint="pincex history")


def _route(site: Site, component: str) -> tuple[dict[str, int], str | None, Fault | None]:
    """The shares and who observes them; a route that others changed is none of ours."""
    try:
        route = site.services.route(component)
    except NotFound:
        return {}, None, None
    except Owned as error:
        return {}, None, Fault(str(error), of_version=False)
    return dict(route.weights), route.observed, None
