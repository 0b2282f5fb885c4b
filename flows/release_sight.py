"""What a look at a rollout of services reads: ledger, routes, readiness, noted answers."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING

from cluster.errors import NotFound
from cluster.local.instances import versions_up
from flows.applications import description_of
from flows.refusal import Refused
from flows.site import Site
from rollout.application import Component
from rollout.deploying import ReleaseFacts, Standing
from rollout.history import fold
from rollout.policy import Policy, parse
from rollout.release import Parts, fold_parts
from rollout.state import Revision, Rollout

if TYPE_CHECKING:
    from flows.step_rows import StepRows


@dataclass
class ReleaseSight:
    """The eye on one rollout of an application; between looks it keeps a cache of files alone."""

    site: Site
    application: str
    rollout_id: str
    policy: Policy
    rows: "StepRows | None"
    failure: str | None = None
    said: str = ""
    _ready_at: float = field(default_factory=monotonic)

    def look(self) -> ReleaseFacts:
        """Everything that is decided upon."""
        rows = self.site.ledger.rows(component=self.application, region=self.site.region)
        parts = fold_parts(rows)
        rollout = _own(fold(rows).rollouts, self.rollout_id)
        if self.rows is not None:
            self.rows.read()
        standings = [
            self._standing(rollout, parts, self._described(parts, name, target), target)
            for name, target in parts.targets.items()
        ]
        under_way = [one for one in standings if not one.settled_on(one.target)]
        starting = [one for one in under_way[:1] if one.target.version in one.up - one.ready]
        if not starting:
            self._ready_at = monotonic()
        waited = monotonic() - self._ready_at
        now = datetime.now(UTC)
        return ReleaseFacts(now, rollout, standings, parts.harm, waited, self.failure)

    def _described(self, parts: Parts, name: str, target: Revision) -> Component:
        return description_of(parts, name, target)

    def _standing(
        self, rollout: Rollout, parts: Parts, part: Component, target: Revision
    ) -> Standing:
        known = parts.part(part.name)
        weights, observed = _route(self.site, part.name)
        up = frozenset(versions_up(self.site.home, part.name))
        ready = frozenset(version for version in up if _is_ready(self.site, part.name, version))
        standing = Standing(
            part, target, known.before, known.serving, known.step, weights, observed, ready, up
        )
        return standing if self.rows is None else self._with_evidence(self.rows, standing)

    def _with_evidence(self, rows: "StepRows", here: Standing) -> Standing:
        """The same with what was noted about the version before, and of the candidate's step."""
        from rollout.step_evidence import judge_step

        step, before, name = here.step, here.before, here.component.name
        if step is None or before is None or here.serving == here.target:
            return here
        if step.share == 0:
            least = self.policy.steps.min_requests
            requests, past = rows.before(name, before.version, step.began_at, least)
            return replace(here, requests_before=requests, past_p95_ms=past)
        past = step.past_p95_ms
        limit = self.policy.live_rules.response_time.limit_ms(past) if past else float("inf")
        counts = rows.counts(name, here.target.version, before.version, step.began_at, limit)
        steps = len(here.component.shares(self.policy.steps.shares))
        look = judge_step(counts, step.share, steps, past, self.policy)
        return replace(here, look=look)


def release_sight(site: Site, rollout: Rollout) -> ReleaseSight:
    """An eye on this rollout."""
    rows = None
    if not rollout.verb.undoes:
        # An undo looks at no evidence, and waits for no import.
        from flows.step_rows import StepRows

        rows = StepRows(site.home.access_log, rollout.id)
    return ReleaseSight(site, rollout.component, rollout.id, parse(rollout.policy_text), rows)


def _own(rollouts: Sequence[Rollout], rollout_id: str) -> Rollout:
    for rollout in rollouts:
        if rollout.id == rollout_id:
            return rollout
    raise Refused(f"the ledger has no rollout {rollout_id}", hint="pincex history")


def _route(site: Site, component: str) -> tuple[dict[str, int], str | None]:
    try:
        route = site.traffic.route(component)
    except NotFound:
        return {}, None
    return dict(route.weights), route.observed


def _is_ready(site: Site, component: str, version: str) -> bool:
    """Every instance that the proxy was told of would get requests."""
    try:
        listed = site.traffic.endpoints(component, version)
    except NotFound:
        return False
    return bool(listed) and site.traffic.ready_hosts(component, version) == sorted(listed)
