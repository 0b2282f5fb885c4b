"""What a look at a rollout of services reads: ledger, routes, readiness, noted answers."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
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
from rollout.release import Part, Parts, fold_parts
from rollout.release_facts import Fault, ReleaseFacts, Standing
from rollout.state import Revision, Rollout, Watch

if TYPE_CHECKING:
    from rollout.release import StepCounts
    from rollout.watching import Seen


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

    def seen(self, component: str, version: str, since: datetime, slow_ms: float) -> "Seen":
        """Requests to a version that serves, by the second since then."""


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
    health: dict[tuple[str, str], HealthChecks] = field(default_factory=dict)
    _ready_at: float = field(default_factory=monotonic)

    def look(self) -> ReleaseFacts:
        """Everything that is decided upon."""
        rows = self.site.ledger.rows(component=self.application, region=self.site.region)
        parts = fold_parts(rows)
        rollout = _own(fold(rows).rollouts, self.rollout_id)
        standings = [
            self._standing(parts, description_of(parts, name, target), target)
            for name, target in parts.targets.items()
        ]
        under_way = [one for one in standings if not one.holds(one.target)]
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
            watch=_watch_of(known, target, self.policy), watch_ended=known.watched,
        )  # fmt: skip
        if self.rows is None or parts.harm is not None:
            # An undo looks at no evidence.
            return standing
        if standing.is_watched:
            return self._with_triggers(self.rows, standing, parts)
        return self._with_faults(self._with_evidence(self.rows, standing))

    def harmed(self) -> str | None:
        """Why something that took over has to be undone now, in words."""
        for here in self.look().standings:
            firing = here.watched.firing if here.watched else None
            if firing is not None:
                return f"{here.component.name}: {firing}"
        return None

    def checks(self, part: Component, version: str) -> HealthChecks:
        """The health checks of a version, from the first time that they are asked for."""
        asked = partial(self.site.services.failed, part, version)
        rule = self.policy.live_rules.health
        return self.health.setdefault((part.name, version), HealthChecks(asked, rule))

    def _with_triggers(self, rows: Answers, here: Standing, parts: Parts) -> Standing:
        """The same with what the live rules say of a component that took over."""
        from flows.release_watch import ReleaseWatch
        from rollout.watching import watched_of

        checks = self.checks(here.component, here.target.version)
        checks.ask()
        fault = self.site.services.fault(here.component, here.target.version, None)
        readings, blind = [checks.reading()], None
        try:
            watch = ReleaseWatch(rows, self.policy, len(parts.targets))
            readings = [*watch.look(here), *readings]
        except Unavailable as error:
            # What the servers say of themselves is known all the same.
            blind = str(error)
        watched = watched_of(readings)
        return replace(
            here, watched=watched, readings=readings, blind=blind, trouble=here.trouble or fault
        )

    def _with_faults(self, here: Standing) -> Standing:
        """The same with what the servers say of themselves, once some of the candidate are up."""
        version = here.target.version
        if here.trouble is not None or here.serving == here.target or not here.share:
            return here
        beside = next((one for one in here.weights if one != version), None)
        fault = self.site.services.fault(here.component, version, beside)
        return replace(here, trouble=fault or self._sick(here.component, version))

    def _sick(self, part: Component, version: str) -> Fault | None:
        """What the live rule about health checks says of a candidate."""
        checks = self.checks(part, version)
        checks.ask()
        server, wanted = checks.sick(), self.policy.live_rules.health.failed_checks
        if server is None:
            return None
        said = f"{server} of {part.name} {version} failed {wanted} health checks in a row"
        return Fault(said, of_version=True)

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


def _watch_of(known: Part, target: Revision, policy: Policy) -> Watch | None:
    """The watch of a component that took over from another version; first ones have none."""
    took_over = known.serving == target and known.before not in (None, target)
    if not took_over or known.taken_at is None or not policy.watch.seconds:
        return None
    past = known.step.past_p95_ms if known.step else None
    return Watch(known.taken_at, policy.watch.seconds, past)


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
