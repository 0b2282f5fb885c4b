"""What a Prometheus scraped of a version that serves, as counts by whole seconds."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from cluster.counters import Samples, growths
from rollout.watching import Seen

Series = Sequence[tuple[Mapping[str, str], Samples]]
Integers = npt.NDArray[np.int64]


def seconds_of(
    requests: Series, errors: Series, histogram: Series, since: float, now: float, limit: float
) -> Seen:
    """Counters of requests, of errors and of seconds by bound, from `since` to the last scrape.

    Slow are those over the lowest bound that is not under the limit (s), if there is a finite one.
    """
    told = [samples[-1][0] for _, samples in requests if samples]
    until = max(told, default=since)
    length = max(0, math.floor(until - since))
    above = [bound for bound in {float(one["le"]) for one, _ in histogram} if bound >= limit]
    bound = min(above, default=math.inf)
    timed = _by_second(_at(histogram, math.inf), since, length)
    slow = None
    if math.isfinite(bound):
        # The buckets of one scrape may be read a request apart.
        slow = np.clip(timed - _by_second(_at(histogram, bound), since, length), 0, timed)
    asked, failed = (_by_second(kind, since, length) for kind in (requests, errors))
    return Seen(
        asked[:length],
        failed[:length],
        timed[:length],
        None if slow is None else slow[:length],
        (int(asked[length]), int(failed[length])),
        silent_for=max(0.0, now - max(until, since)),
    )


def _at(histogram: Series, bound: float) -> Series:
    return [one for one in histogram if float(one[0]["le"]) == bound]


def _by_second(series: Series, since: float, length: int) -> Integers:
    """What all of them grew by in each whole second, and last in the one that has not ended."""
    counts = np.zeros(length + 1)
    for _, samples in series:
        for at, added in growths(samples, since):
            counts[min(math.floor(at - since), length)] += added
    return np.round(counts).astype(np.int64)
