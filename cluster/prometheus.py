"""Answers of services as a Prometheus scraped them: counters, turned into counts exactly.

The raw samples are asked for and added up here, because `increase` extrapolates: evidence needs
whole requests. A histogram knows only its bounds, so what lies between two of them is unsure.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

from cluster.errors import Unavailable
from rollout.release import StepCounts

TIMEOUT = httpx.Timeout(5.0, connect=2.0)
# Before a moment there must be a sample to count from; a scrape a minute is slow already.
LOOKBACK = 120.0
FRESH = 1.0
TAIL = 0.95

Samples = Sequence[tuple[float, float]]


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
        self._known: dict[tuple[str, datetime], tuple[float, list[Any]]] = {}

    def read(self) -> None:
        """Nothing is read ahead: each count asks for its own series."""

    def before(
        self, component: str, version: str, since: datetime, least: int
    ) -> tuple[int, float | None]:
        """Requests to a version since then, and the bound (ms) under which 95 % of them were.

        None while they are fewer than `least`, or where that bound is the infinite one.
        """
        requests, _ = self._requests(component, version, since)
        bounds, above = self._above(component, version, since)
        total = above.get(-math.inf, 0)
        if min(requests, total) < least:
            return requests, None
        fast = [bound for bound in bounds if total - above[bound] >= TAIL * total]
        return requests, 1000 * fast[0] if fast and math.isfinite(fast[0]) else None

    def counts(
        self, component: str, candidate: str, beside: str, since: datetime, slow_ms: float
    ) -> StepCounts:
        """The candidate's requests since then and those to the version beside it."""
        requests, errors = self._requests(component, candidate, since)
        slow, perhaps = self._slow(component, candidate, since, slow_ms / 1000)
        other, other_errors = self._requests(component, beside, since)
        other_slow, _ = self._slow(component, beside, since, slow_ms / 1000)
        return StepCounts(
            requests=requests,
            errors=errors,
            slow=min(slow, requests),
            beside=other,
            errors_beside=other_errors,
            slow_beside=min(other_slow, other),
            unsure=max(0, min(perhaps, requests) - min(slow, requests)),
        )

    def stood_still(self, component: str, version: str, since: datetime) -> float | None:
        """For how long (s) no request to a version was counted, since a moment at most.

        Negative while the moment is not scraped yet; None where nobody counts.
        """
        query = self._metrics.requests
        alive = [one["metric"] for one in self._answer(_filled(query, component, version))]
        found = self._series(query, component, version, since)
        # The counters of a pod that went stand still for ever, and say nothing.
        return still([samples for labels, samples in found if labels in alive], since.timestamp())

    def _requests(self, component: str, version: str, since: datetime) -> tuple[int, int]:
        """All answers, and those with a status of 500 and above."""
        found = self._series(self._metrics.requests, component, version, since)
        total = errors = 0
        for labels, samples in found:
            added = grown(samples, since.timestamp())
            total += added
            status = labels.get(self._metrics.status, "")
            if not status.isdigit():
                raise Unavailable(
                    f"series of {component} {version} have no number in their label"
                    f" {self._metrics.status!r}: errors cannot be told",
                    hint="status in the metrics file names the label",
                )
            errors += added if int(status) >= 500 else 0
        return total, errors

    def _slow(self, component: str, version: str, since: datetime, limit: float) -> tuple[int, int]:
        """Answers that took longer than the limit (s) for certain, and those that may have."""
        bounds, above = self._above(component, version, since)
        at = bisect_left(bounds, limit)
        certain = above[bounds[at]] if at < len(bounds) else 0
        exact = at < len(bounds) and bounds[at] == limit
        below = bounds[at] if exact else bounds[at - 1] if at else -math.inf
        return certain, above.get(below, 0)

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
        told = _filled(query, component, version)
        now = datetime.now(UTC).timestamp()
        asked, kept = self._known.get((told, since), (-math.inf, []))
        if now - asked < FRESH:
            return kept
        span = math.ceil(now - since.timestamp() + LOOKBACK)
        found: list[tuple[Mapping[str, str], Samples]] = [
            (one["metric"], [(float(at), float(value)) for at, value in one["values"]])
            for one in self._answer(f"{told}[{span}s]")
        ]
        self._known[told, since] = (now, found)
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


def grown(samples: Samples, since: float) -> int:
    """By how much a counter grew after a moment; one that falls began again at nothing."""
    total, last = 0.0, 0.0
    for at, value in samples:
        if at > since:
            total += value - last if value >= last else value
        last = value
    return round(total)


def still(series: Sequence[Samples], since: float) -> float | None:
    """From the last growth after a moment, or from the moment, to the last sample of all (s).

    A series that was born since grew when it was first seen. None where there is no sample.
    """
    newest = [samples[-1][0] for samples in series if samples]
    if not newest:
        return None
    grew = since
    for samples in series:
        last = 0.0
        for at, value in samples:
            # One that falls began again, at nothing.
            if at > since and value != last:
                grew = max(grew, at)
            last = value
    return min(newest) - grew


def _filled(query: str, component: str, version: str) -> str:
    return query.replace("{component}", component).replace("{version}", version)


def _silent(url: str, why: str) -> Unavailable:
    return Unavailable(
        f"the metrics at {url} cannot be had: {why}", hint=f"curl {url}/api/v1/query?query=up"
    )
