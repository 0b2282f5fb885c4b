"""How long an undo on real pods took: from the evidence, the decision or the command to traffic.

Traffic has moved with the last request, as its client sent it, that the undone version answered.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kube_clients import Clients
from kube_storefront import Storefront

from cluster.prometheus import Metrics, Prometheus, Samples
from rollout.history import TRAFFIC
from rollout.policy import Policy, parse
from rollout.release import JUDGED
from rollout.state import Decision
from rollout.step_evidence import judge_step


@dataclass(frozen=True, slots=True)
class Undone:
    """Seconds until traffic had moved, from the first scrape that sufficed and from the ledger's
    row of the decision."""

    evidence: float
    decision: float


class Scraped(Prometheus):
    """What a Prometheus knew at a moment (epoch seconds)."""

    until = float("inf")

    def _series(
        self, query: str, component: str, version: str, since: datetime
    ) -> list[tuple[Mapping[str, str], Samples]]:
        found = super()._series(query, component, version, since)
        return [(marks, [one for one in told if one[0] <= self.until]) for marks, told in found]

    def moments(self, component: str, version: str, since: datetime) -> list[float]:
        """When its requests were scraped, after a moment."""
        found = self._series(self._metrics.requests, component, version, since)
        return sorted({at for _, told in found for at, _ in told if at > since.timestamp()})


def undone(shop: Storefront, clients: Sequence[Clients], version: str) -> Undone:
    """The times of the last deploy, which evidence undid."""
    rows = shop.rows()
    judged = [row for row in rows if row["kind"] == JUDGED][-1]
    assert judged["data"]["decision"] == Decision.ROLLBACK, judged
    begun = [row for row in rows if row["kind"] == TRAFFIC and row["seq"] < judged["seq"]][-1]
    moved = moved_at(clients, version)
    decided = datetime.fromisoformat(judged["at"]).timestamp()
    enough = _sufficed(shop, begun["data"], version)
    assert enough <= decided, (enough, decided)
    return Undone(moved - enough, moved - decided)


def moved_at(clients: Sequence[Clients], version: str) -> float:
    """When the last request was sent that a version answered (epoch seconds)."""
    answered = [one.latest[version] for one in clients if version in one.latest]
    assert answered, f"{version} answered nobody"
    return max(answered)


def _sufficed(shop: Storefront, step: Mapping[str, Any], version: str) -> float:
    """The scrape (epoch seconds) with which the harm of a step was proven, judged scrape by scrape.

    Halfway between two scrapes nobody could have known more.
    """
    policy = parse((shop.folder / "policy.toml").read_text())
    scraped = Scraped(Metrics(shop.scraper.url))
    since = datetime.fromisoformat(step["began_at"])
    for moment in scraped.moments(step["component"], version, since):
        scraped.until = moment
        if _is_harm(scraped, step, version, since, policy):
            return moment
    raise AssertionError("the scrapes do not show why it was undone")


def _is_harm(
    scraped: Scraped, step: Mapping[str, Any], version: str, since: datetime, policy: Policy
) -> bool:
    (beside,) = step["weights"].keys() - {version}
    past = step["past_p95_ms"]
    limit = policy.live_rules.response_time.limit_ms(past)
    counts = scraped.counts(step["component"], version, beside, since, limit)
    look = judge_step(counts, step["share"], len(policy.steps.shares), past, policy)
    return look.decision is Decision.ROLLBACK
