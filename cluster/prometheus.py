"""Answers of services as a Prometheus scraped them: counters, turned into counts exactly.

The raw samples are asked for and added up here, because `increase` extrapolates: evidence needs
whole requests. A histogram knows only its bounds, so what lies between two of them is unsure.
"""

import math
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx

from cluster.counters import Samples, grown, still
from cluster.errors import Unavailable
from rollout.release import Side, StepCounts

if TYPE_CHECKING:
    from rollout.watching import Seen

TIMEOUT = httpx.Timeout(5.0, connect=2.0)
# Before a moment there must be a sample to count from, also where scrapes failed for a while.
LOOKBACK = 900.0
FRESH = 1.0
SILENT = 300.0
"""For how long (s) a counter that nobody reads any more lets no step pass."""

TAIL = 0.95


@dataclass(frozen=True, slots=True)
class Metrics:
    """Where to ask and what: series of requests by status, and of their seconds by bound (`le`).

    `{component}` and `{version}` are filled in.
    """

    url: str
    requests: str = 'http_requests_total{component="{component}",version="{version}"}'
    seconds: str = (
        'http_request_duration_seconds_bucket{component="{component}",version="{version}"}'
    )
    status: str = "status"


class Prometheus:
    """One server and the names of its series; answers are kept for a second."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._client = httpx.Client(timeout=TIMEOUT)
        self._known: dict[str, tuple[float, list[Any]]] = {}

    def read(self) -> None:
        """Nothing is read ahead: each count asks for its own series."""

    def before(
        self, component: str, version: str, since: datetime, least: int, seconds: float
    ) -> tuple[int, float | None]:
        """Requests to a version since then, and the bound (ms) under which 95 % of them were.

        None while they are fewer than `least` or not yet counted for so many seconds, or where
        that bound is the infinite one.
        """
        requests = self._requests(component, version, since).requests
        bounds, above = self._above(component, version, since)
        total = above.get(-math.inf, 0)
        if min(requests, total) < least or datetime.now(UTC) < since + timedelta(seconds=seconds):
            return requests, None
        fast = [bound for bound in bounds if total - above[bound] >= TAIL * total]
        return requests, 1000 * fast[0] if fast and math.isfinite(fast[0]) else None

    def counts(
        self, component: str, candidate: str, beside: str, since: datetime, slow_ms: float
    ) -> StepCounts:
        """The candidate's requests since then and those to the version beside it."""
        own, other = (
            self._timed(
                self._requests(component, version, since), component, version, since, slow_ms
            )
            for version in (candidate, beside)
        )
        return StepCounts(own, other, self._silent(component, candidate, since))

    def seen(self, component: str, version: str, since: datetime, slow_ms: float) -> "Seen":
        """Requests to a version that serves, by the second of the scrape that first counted them.

        What is slow is what certainly is; unknown where no bound is at the limit or over it.
        """
        from cluster.second_scrapes import seconds_of

        requests = self._series(self._metrics.requests, component, version, since)
        errors = [one for one in requests if self._status(one[0], component, version) >= 500]
        histogram = self._series(self._metrics.seconds, component, version, since)
        now = datetime.now(UTC).timestamp()
        seen = seconds_of(requests, errors, histogram, since.timestamp(), now, slow_ms / 1000)
        return replace(seen, lost=self._silent(component, version, since))

    def _silent(self, component: str, version: str, since: datetime) -> int:
        """Series that counted since a moment and whose pods are not scraped any more.

        Who went long ago holds nobody's requests any more: pods are evicted now and then.
        """
        lately = max(since.timestamp(), datetime.now(UTC).timestamp() - SILENT)
        query = self._metrics.requests
        alive = self._alive(query, component, version)
        found = self._series(query, component, version, since)
        return sum(
            labels not in alive for labels, samples in found if samples and samples[-1][0] > lately
        )

    def _alive(self, query: str, component: str, version: str) -> list[Mapping[str, str]]:
        """The series of what is scraped now: those of a pod that went are none of them."""
        told = _filled(query, component, version)
        return self._kept(told, lambda: [one["metric"] for one in self._answer(told)])

    def stood_still(self, component: str, version: str, since: datetime) -> float | None:
        """For how long (s) no request to a version was counted, since a moment at most.

        Negative while the moment is not scraped yet; None where nobody counts.
        """
        query = self._metrics.requests
        alive = self._alive(query, component, version)
        found = self._series(query, component, version, since)
        # The counters of a pod that went stand still for ever, and say nothing.
        return still([samples for labels, samples in found if labels in alive], since.timestamp())

    def _requests(self, component: str, version: str, since: datetime) -> Side:
        """All answers, and those with a status of 500 and above, or of 400."""
        found = self._series(self._metrics.requests, component, version, since)
        total = errors = refused = 0
        for labels, samples in found:
            added = grown(samples, since.timestamp())
            total += added
            status = self._status(labels, component, version)
            errors += added if status >= 500 else 0
            refused += added if 400 <= status < 500 else 0
        return Side(total, errors, refused)

    def _status(self, labels: Mapping[str, str], component: str, version: str) -> int:
        status = labels.get(self._metrics.status, "")
        if not status.isdigit():
            raise Unavailable(
                f"series of {component} {version} have no number in their label"
                f" {self._metrics.status!r}: errors cannot be told",
                hint="status in the metrics file names the label",
            )
        return int(status)

    def _timed(
        self, side: Side, component: str, version: str, since: datetime, slow_ms: float
    ) -> Side:
        """The same with what took longer than the limit for certain, and with what may have.

        Answers that are in no histogram may have.
        """
        bounds, above = self._above(component, version, since)
        limit, all_of = slow_ms / 1000, side.requests
        at = bisect_left(bounds, limit)
        certain = min(above[bounds[at]] if at < len(bounds) else 0, all_of)
        exact = at < len(bounds) and bounds[at] == limit
        below = bounds[at] if exact else bounds[at - 1] if at else -math.inf
        perhaps = above.get(below, 0) + all_of - min(above[-math.inf], all_of)
        return replace(side, slow=certain, unsure=max(0, min(perhaps, all_of) - certain))

    def _above(
        self, component: str, version: str, since: datetime
    ) -> tuple[list[float], dict[float, int]]:
        """The bounds (s), and how many answers took longer than each; than -inf did all."""
        found = self._series(self._metrics.seconds, component, version, since)
        within: dict[float, int] = {}
        for labels, samples in found:
            bound = float(labels["le"])
            within[bound] = within.get(bound, 0) + grown(samples, since.timestamp())
        bounds = sorted(within)
        total = within[bounds[-1]] if bounds else 0
        return bounds, {-math.inf: total, **{bound: total - within[bound] for bound in bounds}}

    def _series(
        self, query: str, component: str, version: str, since: datetime
    ) -> list[tuple[Mapping[str, str], Samples]]:
        """The raw samples of each series from a while before a moment until now."""
        told, begun = _filled(query, component, version), since.timestamp()

        def ask() -> list[tuple[Mapping[str, str], Samples]]:
            span = math.ceil(datetime.now(UTC).timestamp() - begun + LOOKBACK)
            return [
                (one["metric"], [(float(at), float(value)) for at, value in one["values"]])
                for one in self._answer(f"{told}[{span}s]")
            ]

        return self._kept(f"{told} since {begun}", ask)

    def _kept(self, key: str, ask: Callable[[], list[Any]]) -> list[Any]:
        """What was answered within the last second, else a new answer."""
        asked, kept = self._known.get(key, (-math.inf, []))
        if time.monotonic() - asked < FRESH:
            return kept
        found = ask()
        self._known[key] = (time.monotonic(), found)
        return found

    def _answer(self, query: str) -> Iterable[Any]:
        url = self._metrics.url.rstrip("/")
        try:
            answer = self._client.get(f"{url}/api/v1/query", params={"query": query})
        except httpx.HTTPError as error:
            raise _silent(url, str(error) or type(error).__name__) from error
        try:
            told = answer.json()
            if told["status"] != "success":
                raise _silent(url, f"{told['errorType']}: {told['error']}")
            return list(told["data"]["result"])
        except (ValueError, KeyError, TypeError) as error:
            raise _silent(url, f"it answered {answer.status_code}, not as a Prometheus") from error


def _filled(query: str, component: str, version: str) -> str:
    return query.replace("{component}", component).replace("{version}", version)


def _silent(url: str, why: str) -> Unavailable:
    return Unavailable(
        f"the metrics at {url} cannot be had: {why}", hint=f"curl {url}/api/v1/query?query=up"
    )
