"""What the platform and the ledger say now; light, so that an undo waits for no import."""

from datetime import UTC, datetime

from cluster.errors import NotFound, Owned
from flows.refusal import Refused
from flows.site import Site
from rollout.facts import Facts, Mirrored, Traffic
from rollout.history import OPENED
from rollout.release import Parts, fold_parts
from rollout.state import Rollout, Verb


def recorded(site: Site, component: str, rollout_id: str) -> Rollout:
    """The rollout as the ledger has it now."""
    for rollout in site.history(component).rollouts:
        if rollout.id == rollout_id:
            return rollout
    raise Refused(f"the ledger has no rollout {rollout_id}", hint="pincex history")


def parts_of(site: Site, name: str) -> Parts:
    """What the ledger knows of an application's components."""
    return fold_parts(site.ledger.rows(component=name, region=site.region))


def applications(site: Site) -> list[str]:
    """The names under which services are rolled out; everything else in the ledger is a model."""
    opened = [row for row in site.ledger.rows(region=site.region) if row.kind == OPENED]
    return sorted({row.component for row in opened if Verb(str(row.data["verb"])).of_release})


def models(site: Site) -> list[str]:
    """The models that the ledger knows."""
    known = {row.component for row in site.ledger.rows(region=site.region)}
    return sorted(known.difference(applications(site)))


def traffic(site: Site, component: str) -> Traffic:
    """The route of a component in the words of the decision."""
    try:
        route = site.serving.route(component)
    except (NotFound, Owned):
        # What others made of it is no division of ours: whoever undoes sets it anew.
        return Traffic({}, None)
    mirror = route.mirror
    mirrored = Mirrored(mirror.version, mirror.fraction, mirror.rollout_id) if mirror else None
    return Traffic(dict(route.weights), mirrored)


def look_at(
    site: Site, rollout: Rollout, *, unready_for: float = 0.0, failure: str | None = None
) -> Facts:
    """The facts of a rollout, without evidence; ready is what would get requests."""
    champion = site.history(rollout.component).champion
    revisions = (rollout.stable, rollout.candidate, champion.revision if champion else None)
    ready = frozenset(
        revision.version
        for revision in revisions
        if revision and site.serving.is_ready(rollout.component, revision.version)
    )
    return Facts(
        now=datetime.now(UTC),
        rollout=rollout,
        champion=champion.revision if champion else None,
        traffic=traffic(site, rollout.component),
        ready=ready,
        unready_for=unready_for,
        failure=failure,
        look=None,
        watched=None,
    )
